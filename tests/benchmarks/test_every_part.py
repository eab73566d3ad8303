"""The check of all networks, likelihoods, precisions and batch sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from benchmarks import every_part
from benchmarks.every_part import Combination
from catalog.likelihoods import LIKELIHOODS
from catalog.networks import NETWORKS

ONE = ("--networks", "mlp", "--likelihoods", "bernoulli", "--precisions", "float32")


@pytest.fixture(autouse=True)
def policy():
    """Restores Keras' global precision for other tests."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP")}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.every_part", *words],
        cwd=Path(__file__).parents[2],
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def test_every_row_of_the_catalog_is_checked():
    combinations = every_part.combine()
    assert len(set(combinations)) == len(NETWORKS) * len(LIKELIHOODS) * 3 * 3
    assert {each.precision for each in combinations} == set(every_part.TOLERANCES)
    assert {each.batch_size for each in combinations} == {1, 100, 1024}


@pytest.mark.parametrize(
    ("combination", "mode"),
    [
        (Combination("mlp", "gaussian_learned", "float32", 100), "xla_loop"),
        (Combination("mlp", "bernoulli", "mixed_float16", 1), "xla_loop"),
        (Combination("conv_leaky", "continuous_bernoulli", "mixed_bfloat16", 1), "graph"),
    ],
)
def test_a_combination_agrees_with_the_graph_on_the_cpu(combination, mode):
    result = every_part.check(combination)
    assert result["mode"] == mode or tf.config.list_physical_devices("GPU")
    assert len(set(result["losses"])) == 3


def test_other_losses_than_the_cpus_are_an_error(monkeypatch):
    combination = Combination("mlp", "bernoulli", "float32", 1)
    losses = every_part.train(combination, on_device=False)[0]
    monkeypatch.setattr(every_part, "train_on_cpu", lambda of: [*losses[:2], losses[2] + 2])
    with pytest.raises(AssertionError, match="the losses are not the CPU's"):
        every_part.check(combination)
    monkeypatch.setattr(every_part, "train", lambda of, on_device: ([1.0, float("nan")], "graph"))
    with pytest.raises(AssertionError, match="nan"):
        every_part.check(combination)


def test_the_results_are_kept_and_a_failure_is_the_exit_status(tmp_path):
    path = tmp_path / "results.json"
    words = (*ONE, "--batch_sizes", "1", "2", "--json", str(path))
    correct = {"mode": "xla_loop", "losses": [], "cpu": [], "difference": 0.0}
    path.write_text(json.dumps({"mlp-bernoulli-float32-1": correct}))
    result = run(*words)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert len(lines) == 3, lines  # the device, a combination, the sum
    assert lines[1].split()[:5] == ["OK", "mlp", "bernoulli", "float32", "2"]
    assert lines[2] == "2 combinations, 0 failed"
    assert set(json.loads(path.read_text())) == {f"mlp-bernoulli-float32-{b}" for b in (1, 2)}

    failing = run(*ONE, "--batch_sizes", "0")
    assert failing.returncode == 1
    assert "\nFAILED mlp" in failing.stdout
    assert failing.stdout.endswith("\n1 combinations, 1 failed\n")


@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="needs a GPU")
def test_xla_compiles_both_kinds_of_networks_on_a_gpu():
    result = run("--networks", "mlp", "conv", "--likelihoods", "bernoulli")
    assert result.returncode == 0, result.stdout
