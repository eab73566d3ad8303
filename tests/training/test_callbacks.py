"""Training callbacks, called with invented losses."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

import models
import runs
from catalog.metrics import name_columns
from tests.settings import make_settings
from training import private_apis
from training.callbacks import ClearScalars, RunHistory, StopEarly

SETTINGS = make_settings(
    hidden_dim=(3,),
    latent_dim=2,
)
LOSSES = name_columns()[1:-2]  # all but the epoch and the times


@pytest.fixture
def model() -> keras.Model:
    return models.build((8, 8, 1), SETTINGS)


@pytest.fixture
def history(model: keras.Model, tmp_path: Path) -> RunHistory:
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "now", "flags": SETTINGS})
    return RunHistory(run, num_images=100)


def live_through(history: RunHistory, val_losses: list[float]) -> None:
    """Calls the history as fit does."""
    for epoch, val_loss in enumerate(val_losses, start=len(history.rows)):
        history.on_epoch_begin(epoch)
        history.on_test_begin()
        history.on_epoch_end(epoch, {**dict.fromkeys(LOSSES, 0.1), "val_loss": val_loss})


def test_a_row_has_every_column_in_order_and_losses_with_all_digits(history):
    live_through(history, [1 / 3])
    (row,) = history.rows
    assert tuple(row) == name_columns()
    assert (row["epoch"], row["val_loss"], row["kl"]) == (1, 1 / 3, 0.1)


@pytest.mark.parametrize("objective", [{}, {"objective": 7.0}])
def test_the_objective_of_a_row_is_the_one_reported_or_else_the_loss(history, objective):
    history.on_epoch_begin(0)
    history.on_test_begin()
    history.on_epoch_end(0, {"loss": 3.0, "val_loss": 4.0, "val_objective": 5.0, **objective})
    (row,) = history.rows
    assert row["objective"] == objective.get("objective", 3.0)
    assert "val_objective" not in row


def test_seconds_are_those_of_training_without_validation(history, monkeypatch):
    times = iter([10.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    live_through(history, [1.0])
    assert (history.rows[0]["seconds"], history.rows[0]["images_per_second"]) == (4.0, 25.0)


def test_the_cache_of_scalars_is_cleared_after_an_epoch(monkeypatch):
    calls: list[None] = []
    monkeypatch.setattr(private_apis, "clear_scalars", lambda: calls.append(None))
    ClearScalars().on_epoch_end(0)
    assert calls == [None]


@pytest.mark.parametrize(
    ("losses", "patience", "first_epoch", "is_due"),
    [
        ([], 1, 0, False),
        ([3.0, 2.0], 1, 0, False),
        ([3.0, 2.0, 2.0], 1, 0, True),  # equal is not lower
        ([3.0, 2.0, 2.5], 2, 0, False),
        ([3.0, 2.0, 2.5, 2.1], 2, 0, True),
        ([2.0, 2.5, 2.1, 1.9], 2, 0, False),
        ([3.0, 2.0, 2.5, 2.1], None, 0, False),
        # While β rises, epochs do not count.
        ([2.0, 3.0, 4.0, 5.0], 2, 3, False),
        ([2.0, 3.0, 4.0, 5.0, 6.0], 2, 3, True),
    ],
)
def test_a_training_ends_after_epochs_without_a_lower_validation_loss(
    losses, patience, first_epoch, is_due, history
):
    live_through(history, losses)
    stop_early = StopEarly(history, patience, first_epoch)
    assert stop_early.is_due() == is_due
