"""The speed run: seconds from Enter to the prompt, for MNIST at a test ELBO of −100 nats.

    make speedrun                                             three rounds, printed
    python -m benchmarks.speedrun --json docs/speedrun.json   the same, and written for docs/

``configs/speedrun.flags`` is the recipe. In every round, with another seed, train.py follows it,
then PyTorch and JAX: each in a process of its own, which imports, reads MNIST, compiles, trains,
validates after each epoch and saves its weights. Its seconds are those from its start to its end.
Then the test ELBO is measured, ours by evaluate.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import cli
import data
import runs
from benchmarks.speedrun_recipe import (
    ACTIVATIONS,
    PIXELS,
    VALIDATION_BATCH,
    Recipe,
    Weights,
    load_weights,
)
from benchmarks.training import describe_machine, today
from data import splits
from publishing import speed

TARGET = -100.0  # nats per image
FLAGS = "--flagfile=configs/speedrun.flags"

OURS = "this repository, `train.py`"
PEERS = {  # name → module and its further words
    "PyTorch, eager, fused Adam": ("speedrun_torch",),
    "PyTorch, `torch.compile`, fused Adam": ("speedrun_torch", "compile"),
    "JAX, one `lax.scan` per epoch, optax": ("speedrun_jax",),
}


class RecipeError(Exception):
    """A recipe that the other frameworks cannot follow."""


def read_recipe(argv: Sequence[str] = (FLAGS,)) -> Recipe:
    """Returns the recipe that train.py's flags describe.

    Raises:
        RecipeError: if the other frameworks do not follow one of them.
    """
    settings = cli.settings(cli.parse_train(["train.py", *argv]))
    expected = cli.settings(cli.parse_train(["train.py", "--prior=mixture"]))
    followed = {field.name for field in dataclasses.fields(Recipe)}
    for name, value in settings.items():
        if name not in followed and value != expected.get(name):
            raise RecipeError(
                f"--{name}={value}: the other frameworks only follow {expected.get(name)}"
            )
    if len(settings["activation"]) == 1:
        settings["activation"] *= len(settings["hidden_dim"])
    recipe = Recipe(**{name: settings[name] for name in followed})
    if unknown := set(recipe.activation) - set(ACTIVATIONS):
        raise RecipeError(
            f"--activation {','.join(unknown)}: the other frameworks have {', '.join(ACTIVATIONS)}"
        )
    num_train = data.describe("mnist").num_train - recipe.num_validation
    for name, size, count in (
        ("batch_size", recipe.batch_size, num_train),
        ("num_validation", VALIDATION_BATCH, recipe.num_validation),
    ):
        if count % size:
            raise RecipeError(f"--{name}: expected {count} images to be a multiple of {size}")
    return recipe


def elbo(recipe: Recipe, weights: Weights, images: np.ndarray, seed: int = 0) -> float:
    """Returns the mean ELBO, in nats per image, with one sample of z for each image.

    Computed in NumPy, independently of the frameworks. Kingma and Welling (2014), equation 3.

    Args:
        images: uint8 (num_images, 784).
    """
    noise = np.random.default_rng(seed)
    values = []
    for rows in np.split(images, range(1000, len(images), 1000)):
        x = rows / np.float32(255)
        mean, log_var = encode(recipe, weights, x)
        z = mean + np.exp(0.5 * log_var) * noise.standard_normal(mean.shape, np.float32)
        logits = decode(recipe, weights, z)
        log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
        mixing, means, log_vars = weights["prior"]
        log_joint = _log_density(z[:, None], means, log_vars) + special.log_softmax(mixing)
        kl = _log_density(z, mean, log_var) - special.logsumexp(log_joint, axis=1)
        values.append(log_likelihood - kl)
    return float(np.concatenate(values).mean(dtype=np.float64))


def encode(recipe: Recipe, weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and log-variance, (batch, latent_dim) each, of x, (batch, 784) in [0, 1]."""
    for name, activation in recipe.encoder.items():
        x = _activate(activation, _dense(weights[name], x))
    return _dense(weights["mean"], x), _dense(weights["log_var"], x)


def decode(recipe: Recipe, weights: Weights, z: np.ndarray) -> np.ndarray:
    """Returns the logits, (batch, 784), of z, (batch, latent_dim)."""
    for name, activation in recipe.decoder.items():
        z = _activate(activation, _dense(weights[name], z))
    return _dense(weights["logits"], z)


def _log_density(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Returns log N(z; mean, exp(log_var)), up to a constant, summed over the last axis."""
    return -0.5 * ((z - mean) ** 2 * np.exp(-log_var) + log_var).sum(axis=-1)


def _dense(layer: tuple[np.ndarray, ...], x: np.ndarray) -> np.ndarray:
    return x @ layer[0] + layer[1]


def _activate(activation: str, x: np.ndarray) -> np.ndarray:
    functions: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "gelu": lambda x: x * special.ndtr(x),
        "silu": lambda x: x * special.expit(x),
    }
    return functions[activation](x)


# ------------------------------------------------------------------------ the processes


def timed(words: Sequence[str], log: Path) -> dict[str, float]:
    """Runs Python with these words; returns its seconds from start to end, and its processor's."""
    with log.open("w") as printed:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=cli.ROOT, stdout=printed, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{log.read_text()[-2000:]}\nspeedrun: {' '.join(words)} failed")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime}


def run_ours(words: Sequence[str], folder: Path) -> dict[str, float]:
    """Trains by train.py, then measures by evaluate.py; keeps log and numbers in a folder."""
    folder.mkdir()
    name = cli.run_name(cli.parse_train(["train.py", *words]))
    log = folder / "train.log"
    measured = timed(["train.py", *words], log)
    log.write_text(log.read_text().replace(f"{cli.ROOT}{os.sep}", ""))
    timed(["evaluate.py", "--run_name", name, "--metrics", "1"], folder / "evaluate.log")
    (folder / "evaluate.log").unlink()
    run = runs.Run(cli.TRAINED_MODEL_DIR / name)
    for path in (run.record_path, run.history_path, cli.RESULT_DIR / name / "metrics.json"):
        shutil.copy(path, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    return {**measured, "test_elbo": metrics["elbo"]["mean"]}


def run_peer(
    words: Sequence[str], recipe: Recipe, images: Path, test: np.ndarray, folder: Path
) -> dict[str, float]:
    """Trains in another framework; the images are those of ``speedrun_recipe.run_peer``."""
    recipe_path, weights = folder / "recipe.json", folder / "weights.npz"
    recipe_path.write_text(json.dumps(dataclasses.asdict(recipe)))
    module, *further = words
    paths = map(str, (recipe_path, images, weights))
    measured = timed(["-m", f"benchmarks.{module}", *paths, *further], folder / "log.txt")
    return {**measured, "test_elbo": elbo(recipe, load_weights(weights), test)}


def compare(recipe: Recipe, rounds: int, evidence: Path) -> dict[str, list[dict[str, float]]]:
    """Runs all contenders in turn; returns the results of each round by contender.

    Before the first round, all train one epoch: from then on their files are in memory, and what
    they keep compiled between runs is there.

    Args:
        recipe: its seed is replaced by the number of the round.
        rounds: number of rounds.
        evidence: folder for the logs and measurements of our runs.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (OURS, *PEERS)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        train, validation = splits.load_train_and_validation("mnist", None, recipe.num_validation)
        images: dict[str, Any] = {"train": train.images, "validation": validation.images}
        np.savez(folder / "mnist.npz", **{k: v.reshape(-1, PIXELS) for k, v in images.items()})
        test = splits.load_test("mnist").images.reshape(-1, PIXELS)
        short = dataclasses.replace(recipe, num_epochs=1)
        timed(["train.py", FLAGS, "--num_epochs=1"], folder / "warm_up.log")
        for words in PEERS.values():
            run_peer(words, short, folder / "mnist.npz", test, folder)
        for seed in range(rounds):
            seeded = dataclasses.replace(recipe, seed=seed)
            measured = {OURS: run_ours([FLAGS, f"--seed={seed}"], evidence / f"seed_{seed}")}
            for name, words in PEERS.items():
                measured[name] = run_peer(words, seeded, folder / "mnist.npz", test, folder)
            for name, row in measured.items():
                found[name].append(row)
                numbers = f"{row['seconds']:6.1f} s, test ELBO {row['test_elbo']:.2f}"
                print(f"seed {seed}: {numbers}: {name}", flush=True)
    return found


# -------------------------------------------------------------------------- the results


def table(results: dict[str, Any]) -> str:
    """Returns the results as a table in Markdown."""
    lines = [
        "| | seconds, median (each round) | relative | processor seconds | test ELBO, nats |",
        "| --- | --- | --- | --- | --- |",
    ]
    medians = {name: _median(rows, "seconds") for name, rows in results["rows"].items()}
    for name, rows in results["rows"].items():
        each = ", ".join(f"{row['seconds']:.1f}" for row in rows)
        elbos = ", ".join(f"{row['test_elbo']:.2f}".replace("-", "−") for row in rows)
        lines.append(
            f"| {name} | {medians[name]:.1f} ({each}) | {medians[name] / medians[OURS]:.2f} "
            f"| {_median(rows, 'cpu_seconds'):.1f} | {elbos} |"
        )
    return "\n".join(lines)


def section(results: dict[str, Any]) -> str:
    """Returns what docs/speedrun.md shows of the results: the table, machine, versions, date."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"{table(results)}\n\nMeasured on {results['date']}: {results['device']} "
        f"({results['machine']['processor']}),\n{versions}.\n\n"
        "[speedrun.json](speedrun.json) has all results;\n"
        "[speedrun/](speedrun/) has, for each seed, what train.py printed, its history and what\n"
        "evaluate.py measured."
    )


def replace_section(page: Path, results: dict[str, Any]) -> None:
    """Replaces the results on a page."""
    text = speed.fill(page.read_text(encoding="utf-8"), {"speedrun": f"{section(results)}\n"})
    page.write_text(text, encoding="utf-8")


def _median(rows: Sequence[dict[str, float]], name: str) -> float:
    return statistics.median(row[name] for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds, each with a seed")
    parser.add_argument(
        "--json", type=Path, help="file to write; the .md page and the folder beside it follow"
    )
    arguments = parser.parse_args()
    try:
        data.check_available(data.describe("mnist"), None)
        recipe = read_recipe()
    except (data.DataError, RecipeError, cli.UsageError) as error:
        sys.exit(f"speedrun: {error}")
    with tempfile.TemporaryDirectory() as temporary:
        evidence = Path(temporary)
        rows = compare(recipe, arguments.rounds, evidence)
        record = json.loads((evidence / "seed_0" / "run.json").read_text())
        results = {
            "date": today(),
            "device": record["device"],
            **describe_machine(),
            "recipe": dataclasses.asdict(recipe),
            "rows": rows,
        }
        print(f"\n{section(results)}")
        worst = min(row["test_elbo"] for each in rows.values() for row in each)
        print(f"\nlowest test ELBO: {worst:.2f} nats (at least {TARGET:g} wanted)")
        if arguments.json:
            target = arguments.json.with_suffix("")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(evidence, target)
            arguments.json.write_text(json.dumps(results, indent=2) + "\n")
            replace_section(arguments.json.with_suffix(".md"), results)
    if worst < TARGET:
        sys.exit(1)


if __name__ == "__main__":
    main()
