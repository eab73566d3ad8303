"""The three Gaussian likelihoods against SciPy's normal distribution, in float64."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from models.likelihoods import Gaussian, GaussianLearned, GaussianPerPixel
from models.likelihoods.gaussian_learned import bound

SHAPE = (6, 4, 3, 2)
SOURCE = np.random.default_rng(0)
IMAGES = SOURCE.random(SHAPE)
LOGITS = SOURCE.normal(0, 3, SHAPE)
MEAN = scipy.special.expit(LOGITS)


def score(stddev):
    return scipy.stats.norm.logpdf(IMAGES, MEAN, stddev).sum(axis=(1, 2, 3))


@pytest.mark.parametrize("stddev", [0.001, 0.1, 0.5**0.5, 3.0])
def test_log_prob_with_a_fixed_sigma_is_that_of_scipys_normal(stddev):
    found = Gaussian(stddev).log_prob(IMAGES, LOGITS)
    np.testing.assert_allclose(found, score(stddev), rtol=1e-12)
    np.testing.assert_allclose(Gaussian(stddev).mean(LOGITS), MEAN, rtol=1e-12)


def test_the_default_is_the_squared_error_plus_a_constant():
    squares = np.square(IMAGES - MEAN).sum(axis=(1, 2, 3))
    constant = 24 / 2 * np.log(np.pi)
    np.testing.assert_allclose(-Gaussian().log_prob(IMAGES, LOGITS), squares + constant, rtol=1e-12)


@pytest.mark.parametrize("raw", [-50.0, -3.0, 0.0, 2.0])
def test_log_prob_with_a_learned_sigma_is_that_of_scipys_normal(raw):
    likelihood = GaussianLearned()
    likelihood.build(None)
    likelihood.raw.assign(raw)
    stddev = np.exp(-6 + np.logaddexp(0, raw + np.log(0.5) + 6))
    assert float(likelihood.stddev()) == pytest.approx(stddev, rel=1e-5)
    np.testing.assert_allclose(likelihood.log_prob(IMAGES, LOGITS), score(stddev), rtol=1e-5)
    np.testing.assert_allclose(likelihood.mean(LOGITS), MEAN, rtol=1e-12)


def test_log_prob_with_a_sigma_per_pixel_is_that_of_scipys_normal():
    raw = np.random.default_rng(1).normal(-2, 2, SHAPE)
    outputs = np.concatenate([LOGITS, raw], axis=-1)
    stddev = np.exp(-4 + np.logaddexp(0, raw + np.log(0.5) + 4))
    likelihood = GaussianPerPixel()
    np.testing.assert_allclose(likelihood.log_prob(IMAGES, outputs), score(stddev), rtol=1e-10)
    np.testing.assert_allclose(likelihood.mean(outputs), MEAN, rtol=1e-12)


@pytest.mark.parametrize("lowest", [-6, -4])
def test_sigma_stays_above_the_bound_and_starts_near_a_half(lowest):
    low, first, high = (float(bound(np.float64(raw), lowest)) for raw in (-1e4, 0.0, 1e4))
    assert low == lowest
    assert np.exp(first) == pytest.approx(0.5, rel=0.05)
    assert high == pytest.approx(1e4, rel=0.01)


@pytest.mark.parametrize("error", [0.0, 0.01, 0.2])
def test_sigma_is_learned_from_the_error_and_stops_at_the_bound(error):
    """The best σ² is the mean squared error; without error, σ is at its bound, exp(−6)."""
    likelihood = GaussianLearned()
    likelihood.build(None)
    sign = np.where(np.arange(200) % 2, 1, -1).reshape(1, 10, 20, 1)
    images = tf.constant(0.5 + error * sign, tf.float32)
    optimizer = keras.optimizers.Adam(0.05)
    weights = likelihood.trainable_variables
    assert [weight.shape for weight in weights] == [()]
    optimizer.build(weights)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(likelihood.log_prob(images, tf.zeros_like(images)))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(500):
        step()
    # The bound is approached but not reached.
    assert float(likelihood.stddev()) == pytest.approx(max(error, np.exp(-6)), rel=0.04)
