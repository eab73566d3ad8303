"""Training runs on some of scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import models
import runs
from data import batches, splits
from tests.settings import make_settings
from training.board import Board
from training.callbacks import RunHistory
from training.fit import choose_learning_rate, fit
from training.job import Job
from training.signals import StopSignals

SETTINGS = make_settings(
    hidden_dim=(32,),
    latent_dim=2,
    learning_rate=2e-3,
    batch_size=60,
    num_epochs=3,
)
EXECUTION = {
    "resume": False,
    "strategy": "none",
    "steps_per_execution": None,
    "jit_compile": None,
    "deterministic": False,
    "checkpoint_minutes": 10.0,
    "verbose": None,
    "snapshot_every": None,
}
NUM_IMAGES = 250  # no multiple of the batch size


class Fitted(NamedTuple):
    model: keras.Model
    history: RunHistory
    validation: np.ndarray  # uint8 images


def train(folder: Path, with_board: bool = True, **flags: Any) -> Fitted:
    settings = {**SETTINGS, **flags}
    train, validation = splits.load_train_and_validation("digits")
    images = train.images[:NUM_IMAGES]
    model = models.build((8, 8, 1), settings)
    run = runs.Run(folder)
    run.start({"status": "training", "started": "now", "flags": settings})
    callbacks = [Board(run, settings, validation.images, None, None)] if with_board else []
    history = fit(
        model,
        batches.ResidentBatches(images, settings["batch_size"], settings["seed"]),
        batches.ResidentBatches(validation.images, settings["batch_size"]),
        validation.images[:4] / np.float32(255),
        Job(run, settings, EXECUTION, StopSignals()),
        callbacks,
    )
    return Fitted(model, history, validation.images)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return train(tmp_path_factory.mktemp("fit") / "run")


def test_the_history_has_its_columns_and_one_row_per_epoch(fitted):
    path = fitted.history.run.history_path
    assert path.read_text().splitlines()[0] == (
        "epoch,loss,reconstruction,kl,objective,val_loss,val_reconstruction,val_kl,"
        "seconds,images_per_second"
    )
    rows = runs.read_history(path)
    assert rows == fitted.history.rows
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(np.isfinite(list(row.values())).all() for row in rows)


def test_the_loss_is_the_sum_of_its_parts_and_goes_down(fitted):
    rows = fitted.history.rows
    for row in rows:
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["kl"], rel=1e-5)
        assert row["val_loss"] == pytest.approx(row["val_reconstruction"] + row["val_kl"], rel=1e-5)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["val_loss"] < rows[0]["val_loss"]


def test_losses_are_in_nats_per_image(fitted):
    # An untrained Bernoulli decoder gives each of 64 pixels the probability ½: 64·ln 2 = 44.4 nats.
    assert fitted.history.rows[0]["reconstruction"] == pytest.approx(64 * np.log(2), rel=0.1)


def test_the_validation_kl_is_the_mean_over_images_and_not_over_batches(fitted):
    # 144 images in batches of 60: the last is shorter. The KL needs no noise, NumPy suffices.
    encoded = fitted.model.encode(fitted.validation / np.float32(255))
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in encoded)
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - z_log_var - 1).sum(axis=1)
    assert fitted.history.rows[-1]["val_kl"] == pytest.approx(kl.mean(), rel=1e-5)


def test_the_last_model_is_loaded_as_it_was_trained(fitted):
    restored = keras.saving.load_model(fitted.history.run.last_path)
    # The weights: Keras does not save the state of the random stream.
    for ours, theirs in zip(fitted.model.weights, restored.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    images = fitted.validation[:5] / np.float32(255)
    np.testing.assert_allclose(
        restored.reconstruct(images), fitted.model.reconstruct(images), rtol=1e-6
    )


def test_an_epoch_has_every_image_once(fitted):
    # 250 images in batches of 60: five steps per epoch, the last with 10 images.
    assert int(fitted.model.optimizer.iterations) == 3 * 5


@pytest.mark.parametrize(("step", "part"), [(0, 1.0), (15, 0.75), (30, 0.25), (45, 0.0)])
def test_cosine_takes_the_learning_rate_to_zero_over_all_steps_of_the_run(step, part):
    # Half a cosine over 9 epochs of 5 steps; at a third of them cos 60° = ½.
    settings = {**SETTINGS, "num_epochs": 9, "learning_rate_schedule": "cosine"}
    rate = choose_learning_rate(settings, steps_per_epoch=5)
    assert float(rate(step)) == pytest.approx(2e-3 * part, abs=1e-9)


def test_steps_are_the_learning_rates_of_burda_et_al():
    settings = {**SETTINGS, "num_epochs": 3280, "learning_rate_schedule": "steps"}
    rate = choose_learning_rate(settings, steps_per_epoch=5)
    epoch = 0
    for i in range(8):  # 3^i epochs
        for step in (5 * epoch, 5 * (epoch + 3**i) - 1):
            assert float(rate(step)) == pytest.approx(2e-3 * 10 ** (-i / 7), rel=1e-5)
        epoch += 3**i
    assert epoch == 3280
    short = choose_learning_rate({**settings, "num_epochs": 164}, steps_per_epoch=20)  # as many
    assert short.get_config()["boundaries"] == [0, 3, 12, 39, 120, 363, 1092]


def test_the_learning_rate_is_that_of_the_settings(fitted):
    assert float(fitted.model.optimizer.learning_rate) == np.float32(2e-3)


def test_tensorboard_shows_the_losses_of_the_history_in_one_run(fitted, read_events):
    for part, prefix in (("train", ""), ("validation", "val_")):
        for name in ("loss", "reconstruction", "kl"):
            shown = read_events(fitted.history.run.logs_dir, f"{name}/{part}")
            assert [step for step, _ in shown] == [1, 2, 3]
            expected = [row[prefix + name] for row in fitted.history.rows]
            assert [float(value) for _, value in shown] == pytest.approx(expected, rel=1e-6)


def test_logs_change_no_bit_of_the_result(fitted, tmp_path):
    without = train(tmp_path / "without", with_board=False)
    assert not without.history.run.logs_dir.exists()
    for ours, theirs in zip(fitted.model.weights, without.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_the_same_seed_gives_the_same_history(fitted, tmp_path):
    losses = [name for name in fitted.history.rows[0] if "second" not in name]
    ours = [[row[name] for name in losses] for row in fitted.history.rows]
    again = [[row[name] for name in losses] for row in train(tmp_path / "again").history.rows]
    np.testing.assert_allclose(again, ours, rtol=1e-4)


def test_the_average_of_the_weights_is_validated_and_saved_and_the_weights_are_trained(
    fitted, tmp_path
):
    averaged = train(tmp_path / "averaged", ema=0.9)
    for ours, theirs in zip(averaged.history.rows, fitted.history.rows, strict=True):
        assert ours["loss"] == theirs["loss"]
        assert ours["val_loss"] > theirs["val_loss"] + 0.2  # the average is behind
    run = averaged.history.run
    saved = keras.saving.load_model(run.last_path)
    with np.load(run.checkpoint_path) as file:
        values = {name: file[name] for name in sorted(file.files)}
    averages = [value for name, value in values.items() if name.endswith("_average")]
    for ours, average, theirs in zip(
        saved.trainable_variables, averages, fitted.model.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(ours, average)
        assert np.any(average != theirs)
        assert any(np.array_equal(theirs, value) for value in values.values()), theirs.path
    losses = saved.compute_losses(averaged.validation / np.float32(255))["loss"]
    assert np.mean(losses) == pytest.approx(averaged.history.rows[-1]["val_loss"], rel=0.02)
