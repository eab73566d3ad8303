"""Seconds from Enter to the prompt, in parts: train.py and evaluate.py as a user calls them.

    python -m benchmarks.enter_to_prompt                     prints them
    python -m benchmarks.enter_to_prompt --json docs/speed.json
                                                             and replaces their tables in the file
    python -m benchmarks.enter_to_prompt --before FOLDER     compares another version in turn

The default command trains on MNIST for 50 epochs, and the run is evaluated. The parts of a training
are read off the times at which its lines are printed, and off history.csv.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data
import runs
from benchmarks.killed_processes import copy_program
from benchmarks.training import describe_machine, replace_tables, today

_IMPORT = "from training import device; device.set_up_tensorflow()"
IMPORTS = "(importing TensorFlow and Keras, in another process)"
EVALUATIONS = {
    "--reconstruct 1 --generate 1": ["--reconstruct", "1", "--generate", "1"],
    "--all 1": ["--all", "1"],
}


def time_command(program: Path, *words: str) -> tuple[float, list[tuple[float, str]]]:
    """Runs Python; returns its seconds, and each line that it printed with the seconds until then.

    Raises:
        RuntimeError: if it fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", *words],
        cwd=program,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = [(time.perf_counter() - began, line.rstrip("\n")) for line in process.stdout]
    if process.wait():
        raise RuntimeError(f"{' '.join(words)}: {lines[-1:]}")
    return time.perf_counter() - began, lines


def time_training(program: Path, epochs: int) -> dict[str, float]:
    """Returns the seconds of a training's parts."""
    words = ["--num_epochs", str(epochs), "--run_name", "timed", "--overwrite"]
    total, lines = time_command(program, "train.py", "--latent_dim", "10", *words)
    starts = {text.split()[0]: seconds for seconds, text in reversed(lines) if text.strip()}
    rows = runs.read_history(program / "trained_model" / "timed" / "history.csv")
    steps = sum(row["seconds"] for row in rows)
    imports, _ = time_command(program, "-c", _IMPORT)
    parts = {
        "until the model is built": starts["dataset"],
        IMPORTS: imports,
        "compiling the steps": starts["Epoch"] - starts["dataset"],
        "training steps": steps,
        "validation, logs, files": lines[-1][0] - starts["Epoch"] - steps,
        "exit of Python": total - lines[-1][0],
    }
    return {**parts, "from Enter to the prompt": total}


def time_evaluation(program: Path, words: list[str]) -> dict[str, float]:
    """Returns the seconds of an evaluation's parts."""
    total, lines = time_command(program, "evaluate.py", "--run_name", "timed", *words)
    marks = [(seconds, text) for seconds, text in lines if text.startswith("--")]
    ends = [seconds for seconds, _ in marks[1:]] + [lines[-1][0]]
    parts = {"start": marks[0][0]}
    parts |= {text: end - began for (began, text), end in zip(marks, ends, strict=True)}
    return {**parts, "exit of Python": total - lines[-1][0], "from Enter to the prompt": total}


def compare(
    programs: dict[str, Path], measure: Callable[[Path], dict[str, float]], rounds: int
) -> dict[str, dict[str, float]]:
    """Measures each version in turn; returns the median seconds of each part, by version."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            found[name].append(measure(program))
    return {
        name: {part: statistics.median(each[part] for each in measured) for part in measured[0]}
        for name, measured in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--before", type=Path, help="folder of another version of the program")
    parser.add_argument("--json", type=Path, help="file to write; other tables in it stay")
    arguments = parser.parse_args()
    try:
        data.check_available("mnist", None)
    except data.DataError as error:
        sys.exit(f"benchmarks.enter_to_prompt: {error}")
    tables: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        programs = {"now": copy_program(Path(temporary) / "now")}
        if arguments.before:
            before = copy_program(Path(temporary) / "before", arguments.before)
            programs = {"before": before, **programs}
        for program in programs.values():
            time_training(program, 2)  # decodes the images, and compiles Python
        measures: dict[str, Callable[[Path], dict[str, float]]] = {
            f"train.py --latent_dim 10 --num_epochs {arguments.epochs}": (
                lambda program: time_training(program, arguments.epochs)
            )
        }
        for name, words in EVALUATIONS.items():
            measures[f"evaluate.py {name}"] = functools.partial(time_evaluation, words=words)
        for name, measure in measures.items():
            seconds = compare(programs, measure, arguments.rounds)
            print(f"\n{name}\n{'':<56}" + "".join(f"{version:>9}" for version in seconds))
            for part in seconds["now"]:
                print(
                    f"{part:<56}"
                    + "".join(f"{of_version.get(part, 0):>9.2f}" for of_version in seconds.values())
                )
            tables[name] = {**describe_machine(), "date": today(), "rounds": arguments.rounds}
            tables[name]["seconds"] = seconds
    if arguments.json:
        replace_tables(arguments.json, tables)
        print(f"\nwritten:\n  {arguments.json}")


if __name__ == "__main__":
    main()
