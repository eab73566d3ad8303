"""Dropout, alone and in the hidden layers of a model."""

import keras
import numpy as np
import pytest

from models import Decoder, Encoder
from models.networks.dropout import Dropout
from models.networks.layers import HiddenLayer

ONES = np.ones((400, 250), np.float32)


def masks(layer, calls=1):
    """Returns which features each call keeps."""
    return [np.asarray(layer(ONES, training=True)) != 0 for _ in range(calls)]


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_outside_training_nothing_changes(rate):
    features = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    layer = Dropout(rate)
    np.testing.assert_array_equal(layer(features), features)
    np.testing.assert_array_equal(layer(features, training=False), features)
    if rate == 0:
        np.testing.assert_array_equal(layer(features, training=True), features)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_fraction_is_set_to_0_and_the_rest_scaled_up(rate):
    dropped = np.asarray(Dropout(rate, seed=1)(3 * ONES, training=True))
    kept = dropped[dropped != 0]
    np.testing.assert_allclose(kept, 3 / (1 - rate), rtol=1e-6)
    standard_error = np.sqrt(rate * (1 - rate) / ONES.size)
    assert abs((dropped == 0).mean() - rate) < 5 * standard_error


def check_independent(first, second):
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert abs(correlation) < 5 / np.sqrt(first.size)


def test_every_call_draws_new_noise_and_a_seed_repeats():
    first, second = masks(Dropout(0.5, seed=1, name="a"), calls=2)
    check_independent(first, second)
    for expected, found in zip(
        (first, second), masks(Dropout(0.5, seed=1, name="a"), calls=2), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    check_independent(first, *masks(Dropout(0.5, seed=2, name="a")))


def test_no_two_layers_of_a_model_share_their_noise():
    encoder = Encoder(3, (250, 250), dropout=0.5, seed=4, name="encoder")
    decoder = Decoder((2, 2, 1), (250, 250), dropout=0.5, seed=4, name="decoder")
    drawn = [masks(layer.dropout)[0] for layer in (*encoder.hidden, *decoder.hidden)]
    assert len(drawn) == 4
    for index, first in enumerate(drawn):
        for second in drawn[:index]:
            check_independent(first, second)


def test_a_network_drops_features_in_training_only():
    encoder = Encoder(3, (30,), dropout=0.5, name="encoder")
    encoder.build((None, 4, 4, 1))
    images = np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32)
    first, again, training = (
        np.asarray(encoder(images, training=training)[0]) for training in (False, False, True)
    )
    np.testing.assert_array_equal(first, again)
    assert np.all(np.any(first != training, axis=1))


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(0.3, seed=5, name="some"),
        HiddenLayer(250, "relu", dropout=0.3, seed=5, name="other"),
    ],
    ids=["Dropout", "HiddenLayer"],
)
def test_the_config_makes_the_same_layer_again(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    dropouts = [getattr(made, "dropout", made) for made in (layer, copy)]
    assert dropouts[1].rate == 0.3
    expected, found = (masks(dropout)[0] for dropout in dropouts)
    np.testing.assert_array_equal(found, expected)
