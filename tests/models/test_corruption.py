"""Input corruption, alone and in every model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from catalog.models import MODELS
from models.corruption import Corruption
from tests.settings import make_settings

GRAY = np.random.default_rng(0).uniform(0.1, 0.9, (500, 10, 10, 1)).astype(np.float32)


def corrupt(images: np.ndarray, rate: float, seed: int = 1) -> np.ndarray:
    return np.asarray(Corruption(rate, seed)(images, training=True))


def test_outside_training_and_without_a_rate_nothing_changes():
    layer = Corruption(0.7)
    np.testing.assert_array_equal(layer(GRAY), GRAY)
    np.testing.assert_array_equal(layer(GRAY, training=False), GRAY)
    np.testing.assert_array_equal(corrupt(GRAY, 0.0), GRAY)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_a_fraction_of_the_pixels_is_drawn_with_their_gray_value_as_probability(rate):
    corrupted = corrupt(GRAY, rate)
    drawn = corrupted != GRAY
    assert set(np.unique(corrupted[drawn])) == {0.0, 1.0}
    spread = 5 / np.sqrt(GRAY.size)  # of a mean, in standard deviations of one pixel
    assert drawn.mean() == pytest.approx(rate, abs=spread * np.sqrt(rate * (1 - rate)) + 1e-9)
    # x' is x on average, by a fit over all pixels: the slope of x' over x is 1, its offset 0.
    slope, offset = np.polyfit(GRAY.ravel(), corrupted.ravel(), 1)
    np.testing.assert_allclose((slope, offset), (1, 0), atol=4 * spread)
    # The variance of a drawn pixel is x·(1 − x), that of any other 0.
    expected = rate * (GRAY * (1 - GRAY)).mean()
    assert ((corrupted - GRAY) ** 2).mean() == pytest.approx(expected, rel=0.06)


def test_black_and_white_pixels_stay_as_they_are():
    images = (GRAY > 0.5).astype(np.float32)
    np.testing.assert_array_equal(corrupt(images, 1.0), images)


def test_every_call_draws_new_noise_and_a_seed_repeats():
    layer = Corruption(1.0, seed=3)
    first, second = (np.asarray(layer(GRAY, training=True)) for _ in range(2))
    np.testing.assert_array_equal(corrupt(GRAY, 1.0, seed=3), first)
    for other in (second, corrupt(GRAY, 1.0, seed=4)):
        between = np.corrcoef((first - GRAY).ravel(), (other - GRAY).ravel())[0, 1]
        assert abs(between) < 5 / np.sqrt(GRAY.size)


@pytest.mark.parametrize("name", MODELS)
def test_the_encoder_gets_corrupted_images_and_the_likelihood_never(name, tmp_path, monkeypatch):
    keras.utils.clear_session()
    flags = make_settings(model=name, hidden_dim=(5,), latent_dim=3, corruption=1)
    model = models.build((10, 10, 1), flags, num_classes=10, num_train=7)
    images = tf.constant(GRAY[:7])
    batch = (images, tf.zeros(7, tf.int32)) if model.uses_labels else images
    seen: dict[str, list[np.ndarray]] = {"encoder": [], "likelihood": []}
    encode, log_prob = model.encoder.call, model.likelihood.log_prob

    def spy_on_encoder(images, **kwargs):
        seen["encoder"].append(np.asarray(images))
        return encode(images, **kwargs)

    def spy_on_likelihood(images, outputs):
        seen["likelihood"].append(np.asarray(images))
        return log_prob(images, outputs)

    monkeypatch.setattr(model.encoder, "call", spy_on_encoder)
    monkeypatch.setattr(model.likelihood, "log_prob", spy_on_likelihood)
    for training in (True, False):
        model.compute_losses(batch, training=training)
    model.encode(images)
    assert set(np.unique(seen["encoder"][0])) == {0.0, 1.0}
    for gray in (*seen["encoder"][1:], *seen["likelihood"]):
        np.testing.assert_array_equal(gray, images)
    assert [len(calls) for calls in seen.values()] == [3, 2]

    model.save(tmp_path / "saved.keras")
    opened = keras.saving.load_model(tmp_path / "saved.keras")
    assert (opened.corruption.rate, opened.corruption.seed) == (1.0, flags["seed"])


def test_without_a_rate_a_model_has_no_corruption():
    model = models.build((4, 4, 1), make_settings(hidden_dim=(5,), latent_dim=3))
    assert model.corruption is None
    assert model.get_config()["corruption"] is None
