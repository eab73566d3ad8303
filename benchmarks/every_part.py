"""Trains every network with every likelihood, precision and batch size for a few steps.

    python -m benchmarks.every_part [--networks conv …] [--batch_sizes 100 …] [--json FILE]

Each combination is trained on the device that train.py would use, and in the mode that it would
choose, on the embedded digits enlarged to 28×28 pixels. Its losses are compared with those of the
same training in float32 as a TensorFlow graph on the CPU, without XLA. Combinations that are
already correct in FILE are not repeated. The exit status is 1 if one is not correct.

The settings of XLA hold for a process, so each network has a process of its own; if XLA ends it,
the combination has failed, and the next one starts another.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import multiprocessing
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from catalog.likelihoods import LIKELIHOODS
from catalog.networks import NETWORKS
from catalog.training import OPTIMIZATION
from catalog.values import Choice

PRECISIONS = next(
    flag.type.names
    for flag in OPTIMIZATION
    if flag.name == "precision" and isinstance(flag.type, Choice)
)
BATCH_SIZES = (1, 100, 1024)
STEPS = 3
# Largest relative difference from the losses in float32 on the CPU. On a GPU, float32 products are
# in TF32, which rounds factors to 10 bits; its tolerance is an estimate that no GPU has confirmed.
TOLERANCES = {"float32": 1e-5, "mixed_bfloat16": 0.01, "mixed_float16": 0.01}
TF32 = 0.002


class Combination(NamedTuple):
    """What is trained."""

    network: str
    likelihood: str
    precision: str
    batch_size: int

    @property
    def key(self) -> str:
        """Its name in the file of results."""
        return "-".join(map(str, self))

    def __str__(self) -> str:
        return f"{self.network:<11}{self.likelihood:<21}{self.precision:<15}{self.batch_size:>5}"


def combine(
    networks: Sequence[str] = tuple(NETWORKS),
    likelihoods: Sequence[str] = tuple(LIKELIHOODS),
    precisions: Sequence[str] = PRECISIONS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> list[Combination]:
    """Returns all combinations; those of a network are next to each other."""
    product = itertools.product(networks, likelihoods, precisions, batch_sizes)
    return [Combination(*each) for each in product]


# --------------------------------------------------------------- in the process of a network


def set_up(network: str) -> None:
    """Sets TensorFlow up as train.py does for this network; prints the device."""
    from training import device

    name = device.set_up_tensorflow(False, NETWORKS[network].has_convolutions, trains=True)
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns that many loops are traced
    print(f"{network}: {name}", flush=True)


def check(combination: Combination) -> dict[str, Any]:
    """Trains a combination; returns its mode, its losses and the CPU's.

    Raises:
        AssertionError: if a loss or a variable is not finite, or the losses are not the CPU's.
        Exception: whatever training raises.
    """
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    losses, mode = train(combination, on_device=True)
    expected = train_on_cpu(combination._replace(precision="float32"))
    assert np.isfinite(losses).all(), f"losses {losses}"
    tolerance = TOLERANCES[combination.precision]
    if combination.precision == "float32" and tf.config.list_physical_devices("GPU"):
        tolerance = TF32
    # The first steps in float16 are skipped until its scale of the loss fits the gradients.
    compared = 1 if combination.precision == "mixed_float16" else len(losses)
    scale = np.maximum(np.abs(expected), 28 * 28)  # a density's loss may be close to 0
    difference = float(np.max((np.abs(np.subtract(losses, expected)) / scale)[:compared]))
    result = {"mode": mode, "losses": losses, "cpu": expected, "difference": difference}
    assert difference <= tolerance, f"the losses are not the CPU's: {result}"
    return result


def train(combination: Combination, on_device: bool) -> tuple[list[float], str]:
    """Trains a few steps and validates; returns the losses and the mode.

    The losses, in nats per image: of the first step, the mean over all steps, and of the first
    batch after them.
    """
    import tensorflow as tf

    import models
    from data.batches import ResidentBatches
    from training import divergence, modes
    from training.fit import compile_with_adam
    from training.loop import CompiledLoop

    settings = _settings(combination)
    has_convolutions = NETWORKS[combination.network].has_convolutions
    with tf.device(None if on_device else "CPU:0"):
        images = _images(STEPS * combination.batch_size)
        model = models.build(images.shape[1:], settings)
        batches = ResidentBatches(images, combination.batch_size, 0)
        compile_with_adam(model, settings, batches.steps_per_epoch)
        mode = "graph"
        if on_device:
            chosen = modes.choose_mode(
                model, combination.batch_size, None, has_convolutions=has_convolutions
            )
            mode = chosen.loop
        loop, test_loop = (
            CompiledLoop(model, step, batches, mode) for step in (model.train_step, model.test_step)
        )
        losses = [float(loop()["loss"])]
        loop.steps_per_call = STEPS - 1
        losses.append(float(loop()["loss"]))
        divergence.check_variables(model, STEPS)
        model.reset_metrics()
        losses.append(float(test_loop()["loss"]))
        loop.close()
        test_loop.close()
    return losses, mode


@functools.cache
def train_on_cpu(combination: Combination) -> list[float]:
    """Returns the losses of a combination that is trained as a graph on the CPU."""
    return train(combination, on_device=False)[0]


def _settings(combination: Combination) -> dict[str, Any]:
    import cli

    words = [f"--{name}={value}" for name, value in combination._asdict().items()]
    return cli.settings(cli.parse_train(["train.py", *words]))


def _images(count: int) -> np.ndarray:
    """Returns digits of 28×28 pixels, repeated, uint8 (count, 28, 28, 1)."""
    from data import splits

    digits = splits.load_train_and_validation("digits")[0].images
    enlarged = digits.repeat(3, axis=1).repeat(3, axis=2)
    enlarged = np.pad(enlarged, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return np.resize(enlarged, (count, *enlarged.shape[1:]))


# ------------------------------------------------------------------------ all combinations


def check_all(combinations: Sequence[Combination]) -> Iterator[tuple[Combination, dict[str, Any]]]:
    """Yields each combination with its result, which has an ``error`` if it is not correct."""
    context = multiprocessing.get_context("spawn")
    for network, group in itertools.groupby(combinations, lambda each: each.network):
        pool = None
        for combination in group:
            pool = pool or ProcessPoolExecutor(1, context, set_up, (network,))
            try:
                result = pool.submit(check, combination).result()
            except BrokenProcessPool:
                result, pool = {"error": "its process ended"}, None
            except Exception as error:
                result = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
            yield combination, result
        if pool:
            pool.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, choices in (
        ("networks", tuple(NETWORKS)),
        ("likelihoods", tuple(LIKELIHOODS)),
        ("precisions", PRECISIONS),
    ):
        parser.add_argument(f"--{name}", nargs="+", choices=choices, default=choices)
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=BATCH_SIZES)
    parser.add_argument("--json", type=Path, help="file of results, which is continued")
    arguments = vars(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the other process, too
    path: Path | None = arguments.pop("json")
    results: dict[str, dict[str, Any]] = {}
    if path and path.exists():
        results = json.loads(path.read_text(encoding="utf-8"))
    combinations = combine(**arguments)
    correct = {key for key, result in results.items() if "error" not in result}
    for combination, result in check_all(
        [each for each in combinations if each.key not in correct]
    ):
        results[combination.key] = result
        text = result.get("error") or "{mode:<9} difference {difference:.1e}".format(**result)
        print(f"{'FAILED' if 'error' in result else 'OK':<7}{combination}  {text}", flush=True)
        if path:
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    failed = sum("error" in results[each.key] for each in combinations)
    print(f"{len(combinations)} combinations, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
