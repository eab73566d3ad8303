"""A training whose loss is no number any more: what is said of it, and what is kept."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import runs
from training.callbacks import RunWriter

DIGITS = ("--dataset", "digits", "--num_epochs", "3", "--hidden_dim", "8", "--run_name", "large")


def test_steps_that_are_too_large_are_told_with_the_loss_that_they_spoiled(
    in_process, tmp_path, capsys
):
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *DIGITS, "--learning_rate", "1e6")
    error = capsys.readouterr().err
    assert stopped.value.code == 1
    assert error.count("\n") == 1, error
    assert "not a finite number after epoch 1 (" in error
    assert "kl is " in error
    assert "type a smaller --learning_rate than 1e+06" in error
    run = runs.Run(tmp_path / "trained_model" / "large")
    assert run.read_record()["status"] == "diverged"
    assert "no best.keras is left" in error
    assert not run.best_path.exists()


def test_the_parts_that_are_no_numbers_are_named_and_the_last_good_epoch(tmp_path):
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "2026", "flags": {}, "data_dir": None})
    writer = RunWriter(run, num_images=10)
    writer.set_model(keras.Sequential())
    good = {"loss": 3.0, "reconstruction": 2.0, "kl": 1.0}
    bad = {"loss": np.inf, "reconstruction": 2.0, "kl": np.inf}
    for epoch, row in enumerate([good, bad]):
        writer.on_epoch_begin(epoch)
        writer.on_test_begin()
        writer.on_epoch_end(epoch, row | {f"val_{name}": value for name, value in row.items()})
    assert writer.diverged()
    assert writer.model.stop_training
    assert writer.describe_divergence() == "kl is inf, val_kl is inf; best.keras is of epoch 1"
