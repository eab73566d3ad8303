"""Training callbacks, called with invented losses."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import figures
import models
import runs
from catalog.metrics import name_columns
from tests.settings import make_settings
from training import private_apis
from training.callbacks import ClearScalars, ReconstructionImages, RunWriter

SETTINGS = make_settings(
    hidden_dim=(3,),
    latent_dim=2,
)
LOSSES = name_columns()[1:-2]  # all but the epoch and the times


@pytest.fixture
def model() -> keras.Model:
    return models.build((8, 8, 1), SETTINGS)


@pytest.fixture
def writer(model: keras.Model, tmp_path: Path) -> RunWriter:
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "now", "flags": SETTINGS})
    writer = RunWriter(run, num_images=100)
    writer.set_model(model)
    return writer


def live_through(writer: RunWriter, val_losses: list[float]) -> None:
    """Calls the writer as fit does; after the n-th epoch every weight of the model is n."""
    for epoch, val_loss in enumerate(val_losses, start=len(writer.rows)):
        writer.on_epoch_begin(epoch)
        for weight in writer.model.trainable_variables:
            weight.assign(np.full(weight.shape, epoch + 1.0))
        writer.on_test_begin()
        writer.on_epoch_end(epoch, {**dict.fromkeys(LOSSES, 0.1), "val_loss": val_loss})
        runs.commit(writer.run, writer.writers(), epoch + 1, **writer.outcome())


def epoch_of(path: Path) -> set[float]:
    """Returns the epoch in which a model was saved by ``live_through``."""
    weights = keras.saving.load_model(path).trainable_variables
    return set(np.concatenate([np.ravel(weight) for weight in weights]).tolist())


@pytest.mark.parametrize(
    ("val_losses", "best"),
    [([3.0, 1.0, 2.0], 2), ([3.0, 2.0, 1.0], 3), ([1.0], 1), ([-5.0, 1.0], 1), ([1.0, 1.0], 1)],
)
def test_best_is_of_the_epoch_with_the_lowest_validation_loss_and_model_of_the_last(
    writer, val_losses, best
):
    live_through(writer, val_losses)
    assert epoch_of(writer.run.best_path) == {best}
    assert epoch_of(writer.run.last_path) == {len(val_losses)}
    assert writer.best_row()["epoch"] == best


def test_an_epoch_with_a_loss_of_nan_is_never_the_best(writer):
    live_through(writer, [math.nan, 2.0, math.nan])
    assert epoch_of(writer.run.best_path) == {2}
    assert writer.best_row()["epoch"] == 2


def test_the_history_is_complete_after_every_epoch(writer):
    for val_loss in (0.3, 0.2, 0.1):
        live_through(writer, [val_loss])
        assert runs.read_history(writer.run.history_path) == writer.rows
    assert [row["val_loss"] for row in writer.rows] == [0.3, 0.2, 0.1]


def test_a_row_has_every_column_in_order_and_losses_with_all_digits(writer):
    live_through(writer, [1 / 3])
    (row,) = writer.rows
    assert tuple(row) == name_columns()
    assert (row["epoch"], row["val_loss"], row["kl"]) == (1, 1 / 3, 0.1)


@pytest.mark.parametrize("objective", [{}, {"objective": 7.0}])
def test_the_objective_of_a_row_is_the_one_reported_or_else_the_loss(writer, objective):
    writer.on_epoch_begin(0)
    writer.on_test_begin()
    writer.on_epoch_end(0, {"loss": 3.0, "val_loss": 4.0, "val_objective": 5.0, **objective})
    (row,) = writer.rows
    assert row["objective"] == objective.get("objective", 3.0)
    assert "val_objective" not in row


def test_seconds_are_those_of_training_without_validation(writer, monkeypatch):
    times = iter([10.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    live_through(writer, [1.0])
    assert (writer.rows[0]["seconds"], writer.rows[0]["images_per_second"]) == (4.0, 25.0)


# ------------------------------------------------------------------ TensorBoard's images


@pytest.mark.parametrize(
    ("num_epochs", "shown"),
    [(1, [0]), (2, [0, 1]), (6, [0, 1, 2, 3, 4, 5]), (50, [0, 9, 19, 29, 39, 49])],
)
def test_images_are_shown_after_the_first_epoch_the_last_and_a_few_between(
    model, tmp_path, read_events, num_epochs, shown
):
    images = np.random.default_rng(0).random((6, 8, 8, 1)).astype(np.float32)
    callback = ReconstructionImages(tmp_path, images, num_epochs)
    callback.set_model(model)
    for epoch in range(num_epochs):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    events = read_events(tmp_path / "images", "reconstruction")
    assert [step for step, _ in events] == shown


def test_an_image_on_the_sheet_has_its_reconstruction_to_the_right(model, tmp_path, read_events):
    images = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    callback = ReconstructionImages(tmp_path, images, num_epochs=1)
    callback.set_model(model)
    callback.on_epoch_end(0)
    callback.on_train_end()
    ((_, (width, height, png)),) = read_events(tmp_path / "images", "reconstruction")
    assert (int(width), int(height)) == (4 * (16 + 2) - 2, 8)
    sheet = np.asarray(tf.image.decode_png(png)) / 255
    expected = figures.tile(np.concatenate([images, model.reconstruct(images)], 2), 4, 2)
    np.testing.assert_allclose(sheet, expected, atol=1.01 / 255)


def test_the_cache_of_scalars_is_cleared_after_an_epoch(monkeypatch):
    calls: list[None] = []
    monkeypatch.setattr(private_apis, "clear_scalars", lambda: calls.append(None))
    ClearScalars().on_epoch_end(0)
    assert calls == [None]
