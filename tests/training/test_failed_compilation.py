"""A model that XLA cannot compile: one line that says what to type, in both scripts."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import models
import runs
from models.likelihoods.bernoulli import Bernoulli

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("--dataset", "digits", "--hidden_dim", "8", "--latent_dim", "2", "--num_epochs", "1")


def add_texts(monkeypatch, owner: type, method: str) -> None:
    """Makes a method compute with texts as well, which XLA cannot compile, and a graph can."""
    original = getattr(owner, method)

    def with_texts(self, images, *args):
        text = tf.strings.as_string(tf.reduce_sum(tf.cast(images, tf.float32)))
        return original(self, images + tf.cast(tf.strings.length(text) * 0, images.dtype), *args)

    monkeypatch.setattr(owner, method, with_texts)


def read_error(capsys, script: str) -> str:
    """Checks that a script printed one line on stderr; returns it."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert error.startswith(f"{script}.py: XLA cannot compile the model (Detected unsupported")
    assert "AsString" in error
    return error


_REPLICAS = """
import runpy, sys
import pytest
import models
from tests.training.test_failed_compilation import WORDS, add_texts

add_texts(pytest.MonkeyPatch(), models.VAE, "differentiate")
sys.argv = ["train.py", *WORDS, "--run_name", "text", "--strategy", "mirrored"]
sys.argv += ["--num_replicas", "2"]
runpy.run_path("train.py", run_name="__main__")
"""


def test_replicas_that_xla_cannot_compile_are_reported_too(tree):
    """In a process of its own, as it divides the CPU into two devices."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", _REPLICAS],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    error = done.stderr.splitlines()[-1]  # after TensorFlow's messages, here imported directly
    assert error.startswith("train.py: XLA cannot compile the model (Detected unsupported")
    assert "AsString" in error
    assert error.endswith("--resume --jit_compile=0")


@pytest.mark.parametrize(
    ("owner", "method", "flags"),
    [
        (models.VAE, "train_step", ("--deterministic",)),
        (models.VAE, "train_step", ("--steps_per_execution", "3", "--overwrite")),
        (models.VAE, "test_step", ()),
        (Bernoulli, "mean", ("--snapshot_every", "5")),
    ],
)
def test_training_names_a_command_that_trains_without_xla(
    owner, method, flags, in_process, monkeypatch, tmp_path, capsys
):
    add_texts(monkeypatch, owner, method)
    with pytest.raises(SystemExit, match="1"):
        in_process("train", *WORDS, *flags)
    error = read_error(capsys, "train")
    assert ("--deterministic=0" in error) == ("--deterministic" in flags)
    _, command = error.split(": to train without XLA, type python train.py ")
    in_process("train", *shlex.split(command))
    (folder,) = (tmp_path / "trained_model").iterdir()
    record = runs.Run(folder).read_record()
    assert (record["status"], record["loop"]) == ("finished", "graph")


@pytest.mark.parametrize(
    ("gpus", "advice"),
    [
        ([], "evaluate.py needs a model that XLA can compile"),
        (["a GPU"], "type CUDA_VISIBLE_DEVICES= before the same command to compute on the CPU"),
    ],
)
def test_evaluation_says_what_can_be_done(gpus, advice, in_process, monkeypatch, capsys):
    in_process("train", *WORDS)
    add_texts(monkeypatch, Bernoulli, "mean")
    capsys.readouterr()
    monkeypatch.setattr("training.device.set_up_tensorflow", lambda **flags: "a device")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    with pytest.raises(SystemExit, match="1"):
        in_process("evaluate", "--reconstruct")
    assert read_error(capsys, "evaluate").endswith(f": {advice}\n")
