"""When a training on streamed images ends in any way, its process ends, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import runs
from training import checkpoint

COUNTS = {"train": 12_500, "test": 10}
STEPS = 2500  # per epoch: a fifth is held out, and a batch has 4 images
ENDS_WITHIN = 120  # seconds, generously: two or three where the machine has nothing else to do
# The program, but for how many images it expects.
PROGRAM = f"""
import dataclasses, runpy, sys
sys.path.insert(0, sys.argv[1])
import data
data.DATASETS["mnist"] = dataclasses.replace(
    data.DATASETS["mnist"],
    num_train={COUNTS["train"]}, num_test={COUNTS["test"]}, num_validation={STEPS}, sha256={{}},
)
sys.argv[:] = ["train.py", *sys.argv[2:]]
runpy.run_path("train.py", run_name="__main__")
"""


@pytest.fixture
def start(tree, small_mnist, tmp_path):
    """Starts a training in which a stack takes longer to read than to be trained on."""
    small_mnist(tmp_path, COUNTS)

    def start(name: str, *words: str) -> tuple[runs.Run, subprocess.Popen[str]]:
        small = ("--hidden_dim", "2", "--latent_dim", "1", "--batch_size", "4")
        stacks = ("--steps_per_execution", "1000", "--checkpoint_minutes", "0")
        how = ("--data_dir", str(tmp_path), "--stream", "1", "--run_name", name)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # set in this process where TensorFlow is
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tree), *small, *stacks, *how, *words],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return runs.Run(tree / "trained_model" / name), process

    return start


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        output, errors = process.communicate(timeout=ENDS_WITHIN)
    finally:
        process.kill()
        process.wait()
    return process.returncode, output, errors


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while not path.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def test_a_signal_within_an_epoch_ends_the_process(start):
    run, process = start("a signal")
    wait_for(run.checkpoint_path, process)  # of the first stack; the next ones are being read
    process.send_signal(signal.SIGTERM)
    status, output, errors = end(process)
    assert (status, errors) == (143, "")
    assert "SIGTERM: saved. Resume with" in output
    assert 0 < checkpoint.load(run.checkpoint_path)[1]["position"] < STEPS


def test_a_loss_of_nan_ends_the_process_within_the_epoch(start):
    run, process = start("diverges", "--learning_rate", "1e30")
    status, _, errors = end(process)
    assert (status, errors.count("\n")) == (1, 1), errors
    assert "is not a finite number in step " in errors
    assert run.read_record()["status"] == "diverged"
