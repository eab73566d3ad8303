"""Trainings killed at random times, compared bit for bit with uninterrupted trainings.

    python -m benchmarks.kills                          at least 30 kills
    python -m benchmarks.kills --json docs/kills.json   the same, with the results in a file

Each round trains one of ``CONFIGURATIONS`` with train.py on the embedded digits twice: once
uninterrupted, with many steps per call and no checkpoints within epochs; and once with a
checkpoint after every few steps, killed by SIGKILL at times drawn from ``--seed``, and resumed
each time with the same command and --resume. After every kill the files on disk must be intact,
and the next process must resume from the last checkpoint. In the end weights, optimizer, random
streams and history must equal those of the uninterrupted training.

A copy of the program trains in a temporary folder; trained_model/ is not touched.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import runs
from benchmarks.killed_processes import (
    COMMON,
    CONFIGURATIONS,
    Broken,
    Configuration,
    Training,
    copy_program,
)

SAVES_WITHIN = 600  # seconds until the next checkpoint
STARTING = 0.2  # fraction of the kills that come while a process starts
_TIMES = (
    "seconds",
    "images_per_second",
)  # columns of history.csv that differ between equal trainings


class Kill(NamedTuple):
    """One kill, and the files after it."""

    when: str  # "starting" or "training"
    after: float  # seconds from the start of the process
    who: str  # "it", or of two workers "chief", "other" or "both"
    position: int  # steps in the last checkpoint
    models: int  # how many of best.keras and model.keras exist and were loaded


# --------------------------------------------------------------------------- on the disk


def inspect(run: runs.Run) -> tuple[int, int]:
    """Returns the steps in a killed run's last checkpoint, and the number of its models.

    Raises:
        Broken: if a file cannot be read.
    """
    from training import checkpoint

    if not run.record_path.exists():
        return 0, 0
    position = models = 0
    try:
        run.read_record()
        if run.checkpoint_path.exists():
            position = checkpoint.load(run)[1]["position"]
        for name in runs.CHECKPOINTS.values():
            if (run.folder / name).exists():
                with runs.open_file(run, name):  # verifies the checksum in run.json
                    _load_model(run.folder / name)
                models += 1
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error
    return position, models


def find_resumed(output: str) -> tuple[int, int] | None:
    """Returns the epochs and steps after which a process says that it resumed, if it says so."""
    found = re.search(r"^resume +after (\d+) epochs? and (\d+) steps?$", output, re.M)
    return (int(found[1]), int(found[2])) if found else None


def find_differences(run: runs.Run, other: runs.Run, rounding: float = 0.0) -> list[str]:
    """Returns the names of what differs between two finished runs, apart from times.

    Args:
        run, other: to compare.
        rounding: relative difference allowed between values of the history.
    """
    (ours, our_rows), (theirs, their_rows) = _read_end(run), _read_end(other)
    differ = [name for name in sorted(ours.keys() | theirs) if ours.get(name) != theirs.get(name)]
    for place in sorted(our_rows.keys() | their_rows):
        a, b = our_rows.get(place, math.nan), their_rows.get(place, math.nan)
        if a != b and not abs(a - b) <= rounding * abs(b):
            differ.append("history.csv, epoch {:.0f}, {}".format(*place))
    return differ


def _read_end(run: runs.Run) -> tuple[dict[str, Any], dict[tuple[float, str], float]]:
    """Returns a run's arrays and outcome by name, and its history by epoch and column."""
    from training import checkpoint

    arrays, progress = checkpoint.load(run)
    found: dict[str, Any] = {"position": progress["position"]}
    for name in runs.CHECKPOINTS.values():
        for place, weight in enumerate(_load_model(run.folder / name).get_weights()):
            arrays[f"{name}, weight {place}"] = weight
    for name, array in arrays.items():
        found[name] = (array.dtype, array.shape, array.tobytes())
    record = run.read_record()
    found |= {"status": record["status"], "best epoch": record["best"]["epoch"]}
    rows = runs.read_history(run.history_path)
    cells = {(row["epoch"], name): row[name] for row in rows for name in row if name not in _TIMES}
    return found, cells


def _load_model(path: Path) -> Any:
    import keras

    import models  # noqa: F401  registers the classes

    return keras.saving.load_model(path)


# -------------------------------------------------------------------------------- rounds


class Round:
    """One configuration, trained without interruption and then with kills.

    Args:
        name: of the configuration.
        configuration: what is trained.
        program: a copy of the program, whose trained_model/ holds the runs.
        folder: for the outputs of the processes.
    """

    def __init__(self, name: str, configuration: Configuration, program: Path, folder: Path):
        self.name = name
        self.configuration = configuration
        self.program = program
        self.folder = folder
        folder.mkdir()
        words = [*COMMON.split(), *configuration.flags.split()]
        self.words = [*words, "--num_epochs", str(configuration.epochs)]
        self.uninterrupted = runs.Run(program / "trained_model" / f"{folder.name} uninterrupted")
        self.run = runs.Run(program / "trained_model" / f"{folder.name} killed")
        self.kills: list[Kill] = []
        self.resumed: list[int] = []  # positions from which a process resumed
        self.steps_per_epoch = 0
        self._position = 0

    def train_uninterrupted(self) -> None:
        """Trains without interruption."""
        training = self._start(["--run_name", self.uninterrupted.name], "uninterrupted")
        training.finish()
        (steps,) = re.findall(r"epochs? of (\d+) batches", training.output())
        self.steps_per_epoch = int(steps)

    def train_killed(self, rng: random.Random, num_kills: int) -> None:
        """Trains with kills, then to the end.

        Args:
            rng: draws the times.
            num_kills: largest number of kills; fewer if the training ends before.
        """
        steps, minutes = str(self.configuration.steps), str(self.configuration.minutes)
        often = ["--steps_per_execution", steps, "--checkpoint_minutes", minutes]
        words = ["--run_name", self.run.name, *often]
        for attempt in range(10 * num_kills + 1):
            has_begun = self.run.record_path.exists()
            training = self._start([*words, *(["--resume"] if has_begun else [])], str(attempt))
            killed = len(self.kills) < num_kills and self._kill(training, rng, num_kills)
            if not killed:
                training.finish()
            self._check_begin(training, has_begun)
            if not killed:
                return
            self._position = self.kills[-1].position
            if self.run.record_path.exists() and self.run.read_record()["status"] == "finished":
                return  # it was killed after its last write

    def _start(self, words: list[str], name: str) -> Training:
        words = [*self.words, *words]
        return Training(self.program, self.folder / name, words, self.configuration.workers)

    def _kill(self, training: Training, rng: random.Random, num_kills: int) -> bool:
        """Kills a training at a random time; returns False if it ended before."""
        starting, part, wait = rng.random() < STARTING, rng.random(), rng.random()
        who = "it"
        if self.configuration.workers > 1:
            who = "both" if starting else rng.choice(("chief", "other", "both"))
        if starting:
            time.sleep(wait * 8)  # imports, building, compiling, restoring the checkpoint
        else:
            left = self.configuration.epochs * self.steps_per_epoch - self._position
            ahead = 2 * part * left / (num_kills - len(self.kills) + 1)
            self._wait_for(training, self._position + max(1, int(ahead)))
            time.sleep(wait / 2)
        if not training.is_running():
            return False
        after = time.monotonic() - training.began
        training.kill(who)
        position, models = inspect(self.run)
        when = "starting" if starting else "training"
        self.kills.append(Kill(when, round(after, 2), who, position, models))
        if position < self._position:
            raise Broken(f"the checkpoint went back from step {self._position} to {position}")
        return True

    def _wait_for(self, training: Training, position: int) -> None:
        """Waits until there is a checkpoint of this many steps, or the training ends."""
        from training import checkpoint

        known = _changed(self.run.checkpoint_path)
        while training.is_running():
            if (now := _changed(self.run.checkpoint_path)) != known:
                known = now
                if checkpoint.load(self.run)[1]["position"] >= position:  # while it is written
                    return
            elif time.monotonic() - training.began > SAVES_WITHIN:
                training.kill("both" if self.configuration.workers > 1 else "it")
                raise Broken(f"no checkpoint of step {position} within {SAVES_WITHIN} s")
            time.sleep(0.01)

    def _check_begin(self, training: Training, resumed: bool) -> None:
        """Checks that a process resumed from the last checkpoint, if it lived to print that."""
        printed = find_resumed(training.output())
        if not resumed or not printed:
            return
        position = printed[0] * self.steps_per_epoch + printed[1]
        if position != self._position:
            raise Broken(f"step {self._position} was saved, but it resumed from {position}")
        self.resumed.append(position)

    def compare(self) -> list[str]:
        """Returns the names of what differs between the two trainings in the end."""
        # Of the metrics of several workers the sum is saved, and divided again when resumed.
        rounding = 1e-6 if self.configuration.workers > 1 else 0.0
        return find_differences(self.run, self.uninterrupted, rounding)

    def describe(self, broken: str) -> dict[str, Any]:
        """Returns the results of the round, for JSON."""
        return {
            "command": " ".join(["python train.py", *self.words]),
            "steps_per_call": self.configuration.steps,
            "checkpoint_minutes": self.configuration.minutes,
            "steps": self.configuration.epochs * self.steps_per_epoch,
            "kills": [kill._asdict() for kill in self.kills],
            "resumed_from": self.resumed,
            "broken": broken,
        }


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--kills", type=int, default=30, help="smallest number of kills over all rounds"
    )
    parser.add_argument("--each", type=int, default=4, help="largest number of kills per training")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the times")
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS))
    parser.add_argument("--json", type=Path, help="file to write; other configurations in it stay")
    arguments = parser.parse_args()
    from training import device

    device.set_up_tensorflow()
    rng = random.Random(arguments.seed)
    names = arguments.only
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        program = copy_program(Path(temporary) / "program")
        while count(rounds)["kills"] < arguments.kills or len(rounds) < len(names):
            if rounds and not rounds[-1]["kills"]:
                break  # nothing could be killed
            name = names[len(rounds) % len(names)]
            rounds.append(_play(name, program, Path(temporary), len(rounds), rng, arguments))
            if arguments.json:
                write(arguments.json, rounds)
    totals = count(rounds)
    print(
        "{kills} kills, {while_training} of them while training; {checkpoints} checkpoints and "
        "{models} models found intact; {resumed} times resumed from the last checkpoint; "
        "{same_bits} of {rounds} trainings ended with the same bits as uninterrupted ones".format(
            **totals
        )
    )
    if arguments.json:
        print(f"written:\n  {arguments.json}")
    sys.exit(1 if totals["same_bits"] < totals["rounds"] else 0)


def count(rounds: list[dict[str, Any]]) -> dict[str, int]:
    """Returns the totals of all rounds."""
    kills = [kill for found in rounds for kill in found["kills"]]
    return {
        "kills": len(kills),
        "while_training": sum(kill["when"] == "training" for kill in kills),
        "checkpoints": sum(kill["position"] > 0 for kill in kills),
        "models": sum(kill["models"] for kill in kills),
        "resumed": sum(len(found["resumed_from"]) for found in rounds),
        "rounds": len(rounds),
        "same_bits": sum(not found["broken"] for found in rounds),
    }


def write(path: Path, rounds: list[dict[str, Any]]) -> None:
    """Writes the results so far; those of other configurations in the file are kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))["rounds"] if path.exists() else []
    played = {found["configuration"] for found in rounds}
    known = [found for found in kept if found["configuration"] not in played] + rounds
    known.sort(key=lambda found: list(CONFIGURATIONS).index(found["configuration"]))
    content = {"cores": os.cpu_count(), "totals": count(known), "rounds": known}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _play(name, program, temporary, number, rng, arguments) -> dict[str, Any]:
    """Plays a round; returns its results, and prints them in one line."""
    played = Round(name, CONFIGURATIONS[name], program, temporary / f"round {number}")
    began = time.monotonic()
    broken = ""
    try:
        played.train_uninterrupted()
        played.train_killed(rng, arguments.each)
        if differences := played.compare():
            broken = f"{len(differences)} differ: {', '.join(differences[:3])}"
    except (Broken, runs.RunError) as error:
        broken = " ".join(str(error).split())
    facts = {"date": datetime.date.today().isoformat(), "seed": arguments.seed}
    found = {"configuration": name, **facts, **played.describe(broken)}
    at = ", ".join(
        f"{kill.position}{'' if kill.when == 'training' else '*'}" for kill in played.kills
    )
    print(
        f"{name}: {len(played.kills)} kills, of {found['steps']} steps saved {at} (* starting); "
        f"{broken or 'the same bits'} ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return found


if __name__ == "__main__":
    main()
