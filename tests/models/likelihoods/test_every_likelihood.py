"""Tests of every likelihood."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from catalog.likelihoods import LIKELIHOODS
from models import likelihoods
from tests.settings import make_settings

IMAGES = np.random.default_rng(0).random((3, 4, 5, 2))
EXTREMES = [-1e4, -30.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 30.0, 1e4]


@pytest.fixture(params=LIKELIHOODS)
def likelihood(request):
    built = likelihoods.build(make_settings(likelihood=request.param))
    built.build((None, *IMAGES.shape[1:]))
    return built


def draw_outputs(likelihood, source):
    return source.normal(0, 2, (*IMAGES.shape[:-1], likelihood.num_outputs(2)))


def gradient_of(likelihood, images, outputs):
    outputs = tf.constant(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = tf.reduce_sum(likelihood.log_prob(images, outputs))
    return tape.gradient(total, outputs).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_precision(likelihood, dtype):
    images = IMAGES.astype(dtype)
    outputs = draw_outputs(likelihood, np.random.default_rng(1)).astype(dtype)
    log_prob, mean = likelihood.log_prob(images, outputs), likelihood.mean(outputs)
    assert (log_prob.shape, mean.shape) == ((3,), IMAGES.shape)
    assert log_prob.dtype == mean.dtype == dtype
    assert np.min(mean) >= 0
    assert np.max(mean) <= 1


def test_the_gradient_is_the_slope(likelihood):
    source = np.random.default_rng(2)
    outputs = draw_outputs(likelihood, source)
    direction = source.normal(size=outputs.shape)
    step = 1e-5
    above, below = (
        np.sum(likelihood.log_prob(IMAGES, outputs + sign * step * direction)) for sign in (1, -1)
    )
    expected = (above - below) / (2 * step)
    found = np.sum(gradient_of(likelihood, IMAGES, outputs) * direction)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("pixel", [0.0, 0.3, 1.0])
def test_extreme_outputs_have_finite_values_and_gradients(likelihood, pixel):
    count = likelihood.num_outputs(1)
    if count < 4:
        grid = np.stack(np.meshgrid(*[EXTREMES] * count), axis=-1)
    else:
        grid = np.random.default_rng(6).choice(EXTREMES, (5000, count))
    outputs = grid.reshape(-1, 1, 1, count).astype(np.float32)
    images = np.full((len(outputs), 1, 1, 1), pixel, np.float32)
    assert np.all(np.isfinite(likelihood.log_prob(images, outputs)))
    assert np.all(np.isfinite(gradient_of(likelihood, images, outputs)))
    mean = np.asarray(likelihood.mean(outputs))
    assert np.all((mean >= 0) & (mean <= 1))


def test_float32_keeps_the_digits_of_float64(likelihood):
    source = np.random.default_rng(3)
    images = source.random((2000, 1, 1, 1))
    size = 10 ** source.uniform(-6, 1, (2000, 1, 1, likelihood.num_outputs(1)))
    outputs = np.where(source.random(size.shape) < 0.5, -size, size)
    halves = images.astype(np.float32), outputs.astype(np.float32)
    exact = [value.astype(np.float64) for value in halves]
    for function in (
        likelihood.log_prob,
        lambda images, outputs: likelihood.mean(outputs),
        lambda images, outputs: gradient_of(likelihood, images, outputs),
    ):
        expected, found = np.asarray(function(*exact)), np.asarray(function(*halves))
        # A mixture's gradient is small where another component explains the pixel.
        atol = 1e-5 if isinstance(likelihood, likelihoods.LogisticMixture) else 2e-6
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol)


def test_xla_gives_the_same_numbers(likelihood):
    outputs = draw_outputs(likelihood, np.random.default_rng(4)).astype(np.float32)
    images = IMAGES.astype(np.float32)
    compiled = tf.function(likelihood.log_prob, jit_compile=True)
    np.testing.assert_allclose(
        compiled(images, outputs), likelihood.log_prob(images, outputs), rtol=1e-5
    )


@pytest.mark.parametrize(
    "likelihood",
    [name for name, row in LIKELIHOODS.items() if not row.has_256_values],
    indirect=True,
)
def test_the_mean_of_the_best_outputs_equals_the_pixels(likelihood):
    """At a stationary point in the outputs of the mean, E[x|z] is the pixel.

    Not so for 8-bit values: all probability beyond white belongs to white.
    """
    images = np.array([0.1, 0.4, 0.7, 0.95]).reshape(4, 1, 1, 1)
    low, high = np.full((2, 4, 1, 1, 1), [[[[[-40.0]]]], [[[[40.0]]]]])
    rest = np.zeros((4, 1, 1, likelihood.num_outputs(1) - 1))
    for _ in range(60):  # bisection: the gradient falls through 0 where log p is greatest
        middle = (low + high) / 2
        outputs = np.concatenate([middle, rest], axis=-1)
        rising = gradient_of(likelihood, images, outputs)[..., :1] > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    np.testing.assert_allclose(likelihood.mean(outputs), images, atol=1e-9)


def test_the_config_makes_the_same_likelihood_again(likelihood):
    config = keras.saving.serialize_keras_object(likelihood)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert again.built
    assert type(again) is type(likelihood)
    outputs = draw_outputs(likelihood, np.random.default_rng(5))
    np.testing.assert_array_equal(
        again.log_prob(IMAGES, outputs), likelihood.log_prob(IMAGES, outputs)
    )
