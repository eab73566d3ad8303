"""When the files of a run are written, and of which epochs they are."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest

import models
import runs
from catalog.metrics import name_columns
from runs.run import PREVIOUS
from tests.saved_files import epochs_of_files
from tests.settings import make_settings
from tests.training.loops import STEPS, Loop
from training import checkpoint
from training.callbacks import RunHistory
from training.checkpointer import Checkpointer
from training.divergence import Diverged
from training.signals import Stopped, StopSignals

SETTINGS = make_settings(hidden_dim=(3,), latent_dim=2)
LOSSES = name_columns()[1:-2]  # all but the epoch and the times
HOURS = 600.0  # as minutes: longer than any test


class Training:
    """Calls history and checkpointer as fit does.

    After the n-th epoch every weight of the model is n; within the next one, n + 0.5.
    """

    def __init__(self, folder: Path, minutes: float = HOURS, num_epochs: int = 9):
        self.model = models.build((8, 8, 1), SETTINGS)
        self.model.compile(optimizer=keras.optimizers.Adam(0.01))
        self.model.optimizer.build(self.model.trainable_variables)
        self.run = runs.Run(folder)
        self.run.start({"status": "training", "started": "now", "flags": SETTINGS})
        self.loop = Loop()
        self.signals = StopSignals()
        self.history = RunHistory(self.run, 100)
        self.saver = Checkpointer(
            self.run, cast(Any, self.loop), self.history, self.signals, minutes
        )
        self.saver.set_model(self.model)
        self.saver.set_params({"epochs": num_epochs})

    def set_weights(self, value: float) -> None:
        for weight in self.model.trainable_variables:
            weight.assign(np.full(weight.shape, value))

    def train_part_of_an_epoch(self) -> None:
        epochs = len(self.history.rows)
        self.history.on_epoch_begin(epochs)
        self.set_weights(epochs + 0.5)
        self.loop.position, self.loop.epoch_ended = epochs * STEPS + 5, False
        self.saver.on_train_batch_end(4)

    def train_epochs(self, *val_losses: float) -> None:
        for epoch, val_loss in enumerate(val_losses, start=len(self.history.rows)):
            self.train_part_of_an_epoch()
            self.set_weights(epoch + 1)
            self.loop.position, self.loop.epoch_ended = (epoch + 1) * STEPS, True
            self.saver.on_train_batch_end(STEPS - 1)
            self.history.on_test_begin()
            losses = {**dict.fromkeys(LOSSES, 0.1), "val_loss": val_loss}
            self.history.on_epoch_end(epoch, losses)
            self.saver.on_epoch_end(epoch)

    def epochs(self) -> dict[str, int | None]:
        """Returns the epoch of each file but the checkpoint before the last.

        Checks that run.json states the epochs that the files hold.
        """
        epochs = epochs_of_files(self.run)
        for name in runs.CHECKPOINTS.values():
            if name in epochs:
                assert weights_of(self.run.folder / name) == {epochs[name]}
        if runs.HISTORY in epochs:
            rows = runs.read_history(self.run.history_path)
            assert rows == self.history.rows[: epochs[runs.HISTORY]]
        record = self.run.read_record()
        if "epochs_done" in record:
            assert record["epochs_done"] == epochs[runs.CHECKPOINT]
            assert record["best"]["epoch"] == epochs["best.keras"]
        return {name: epoch for name, epoch in epochs.items() if name != PREVIOUS}


def weights_of(path: Path) -> set[float]:
    weights = keras.saving.load_model(path).trainable_variables
    return set(np.concatenate([np.ravel(weight) for weight in weights]).tolist())


def files_of(last: int, best: int) -> dict[str, int]:
    names = (runs.CHECKPOINT, runs.HISTORY, runs.CHECKPOINTS["last"])
    return {**dict.fromkeys(names, last), runs.CHECKPOINTS["best"]: best}


@pytest.mark.parametrize(
    ("val_losses", "best"),
    [
        ([3.0, 1.0, 2.0], 2),
        ([3.0, 2.0, 1.0], 3),
        ([1.0], 1),
        ([-5.0, 1.0, 1.0], 1),
        ([1.0, 1.0], 1),
        ([math.inf, 2.0, math.inf], 2),
    ],
)
@pytest.mark.parametrize("minutes", [0.0, HOURS])
def test_best_is_of_the_epoch_with_the_lowest_validation_loss_and_model_of_the_last(
    tmp_path, val_losses, best, minutes
):
    training = Training(tmp_path / "run", minutes, len(val_losses))
    training.train_epochs(*val_losses)
    assert training.epochs() == files_of(len(val_losses), best)


def test_files_are_written_after_the_first_epoch_and_the_last(tmp_path):
    training = Training(tmp_path / "run", num_epochs=4)
    for val_loss, expected in (
        (4.0, files_of(1, 1)),
        (3.0, files_of(1, 1)),
        (5.0, files_of(1, 1)),
        (6.0, files_of(4, 2)),
    ):
        training.train_epochs(val_loss)
        assert training.epochs() == expected


def test_files_are_written_after_the_epoch_in_which_the_minutes_have_passed(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    training = Training(tmp_path / "run", minutes=1.0)
    training.train_epochs(9.0, 8.0, 8.5)
    assert training.epochs() == files_of(1, 1)
    now += 59
    training.train_epochs(8.7)
    assert training.epochs() == files_of(1, 1)
    on_test_begin = training.history.on_test_begin

    def validate_for_two_seconds() -> None:
        nonlocal now
        now += 2
        on_test_begin()

    monkeypatch.setattr(training.history, "on_test_begin", validate_for_two_seconds)
    training.train_epochs(8.6)
    assert training.epochs() == files_of(5, 2)
    training.train_epochs(1.0)
    assert training.epochs() == files_of(5, 2)


def test_a_checkpoint_within_an_epoch_comes_with_the_files_of_the_epochs_before(
    tmp_path, monkeypatch
):
    training = Training(tmp_path / "run")
    training.train_epochs(3.0, 1.0, 2.0)
    before = checkpoint.capture(training.model)
    now = time.monotonic() + 60 * HOURS + 1
    monkeypatch.setattr("time.monotonic", lambda: now)
    training.train_part_of_an_epoch()
    assert training.epochs() == files_of(3, 2)
    values, progress = checkpoint.load(training.run)
    assert (progress["position"], len(progress["history"])) == (3 * STEPS + 5, 3)
    after = checkpoint.capture(training.model)
    for name, value in values.items():
        np.testing.assert_array_equal(value, after[name])
    assert any((values[name] != before[name]).any() for name in values)
    with np.load(training.run.folder / PREVIOUS) as file:
        for name, value in before.items():
            np.testing.assert_array_equal(file[name], value)


@pytest.mark.parametrize("within_an_epoch", [True, False])
def test_a_signal_loses_nothing(tmp_path, within_an_epoch):
    training = Training(tmp_path / "run")
    training.train_epochs(3.0, 1.0, 2.0)
    training.signals.received = signal.SIGTERM
    if within_an_epoch:
        with pytest.raises(Stopped):
            training.train_part_of_an_epoch()
    else:
        with pytest.raises(Stopped):
            training.saver.on_epoch_end(2)
    assert training.epochs() == files_of(3, 2)
    _, progress = checkpoint.load(training.run)
    assert progress["position"] == 3 * STEPS + 5 * within_an_epoch


def test_after_a_divergence_the_files_are_of_the_last_finite_epoch(tmp_path, monkeypatch):
    training = Training(tmp_path / "run", minutes=0.0)
    training.train_epochs(3.0)
    training.saver.minutes = HOURS
    training.train_epochs(1.0, 2.0)
    training.saver.minutes = 0.0
    training.set_weights(math.nan)
    monkeypatch.setattr(training, "set_weights", lambda value: None)
    with pytest.raises(Diverged):
        training.train_part_of_an_epoch()
    training.saver.write_epochs()  # as fit does
    assert training.epochs() == files_of(3, 2)
    values, progress = checkpoint.load(training.run)
    assert progress["position"] == 3 * STEPS
    assert all(np.isfinite(value).all() for value in values.values())
    before = training.run.record_path.stat().st_mtime_ns
    training.saver.write_epochs()
    assert training.run.record_path.stat().st_mtime_ns == before


def test_the_history_is_complete_whenever_it_is_written(tmp_path):
    training = Training(tmp_path / "run", minutes=0.0)
    for val_loss in (0.3, 0.2, 0.1):
        training.train_epochs(val_loss)
        assert runs.read_history(training.run.history_path) == training.history.rows
    assert [row["val_loss"] for row in training.history.rows] == [0.3, 0.2, 0.1]
