"""The Bernoulli likelihood against SciPy's, in float64."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from models.likelihoods import Bernoulli

SHAPE = (6, 4, 3, 2)
GRAYS = [0, 1e-6, 0.1, 0.5, 0.9, 1]
EXTREME_LOGITS = [-1e4, -100, -20, -1, -1e-8, 0, 1e-8, 1, 20, 100, 1e4]


def as_images(values, dtype=np.float64):
    """Returns an image of one pixel for each value."""
    return np.array(values, dtype).reshape(-1, 1, 1, 1)


def test_log_prob_of_binary_pixels_is_scipys():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, SHAPE).astype(np.float64)
    logits = rng.normal(0, 3, SHAPE)
    expected = scipy.stats.bernoulli.logpmf(images, scipy.special.expit(logits))
    found = Bernoulli().log_prob(images, logits)
    np.testing.assert_allclose(found, expected.sum(axis=(1, 2, 3)), rtol=1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_log_prob_of_gray_pixels_and_extreme_logits_is_exact(dtype, tolerance):
    pairs = np.array(list(itertools.product(GRAYS, EXTREME_LOGITS)))
    images, logits = as_images(pairs[:, 0], dtype), as_images(pairs[:, 1], dtype)
    x, logit = images.astype(np.float64), logits.astype(np.float64)
    expected = x * scipy.special.log_expit(logit) + (1 - x) * scipy.special.log_expit(-logit)
    found = np.asarray(Bernoulli().log_prob(images, logits))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected.ravel(), rtol=tolerance, atol=tolerance)


def test_the_probabilities_of_all_images_sum_to_1():
    every_image = np.array(list(itertools.product([0.0, 1.0], repeat=6))).reshape(-1, 2, 3, 1)
    logits = np.broadcast_to(np.random.default_rng(1).normal(0, 2, (2, 3, 1)), every_image.shape)
    total = np.exp(Bernoulli().log_prob(every_image, logits)).sum()
    assert total == pytest.approx(1, rel=1e-12)


def test_the_highest_log_prob_of_a_gray_image_is_minus_its_entropy():
    image = np.array([0.1, 0.5, 0.7, 0.9]).reshape(1, 2, 2, 1)
    best_logits = scipy.special.logit(image)
    entropy = scipy.special.entr(image).sum() + scipy.special.entr(1 - image).sum()
    best = Bernoulli().log_prob(image, best_logits)[0]
    assert float(best) == pytest.approx(-entropy, rel=1e-12)
    for step in (-0.01, 0.01):
        assert float(Bernoulli().log_prob(image, best_logits + step)[0]) < float(best)


def test_the_gradient_is_the_pixel_minus_its_probability_even_at_extreme_logits():
    pairs = np.array(list(itertools.product(GRAYS, EXTREME_LOGITS)))
    images, logits = as_images(pairs[:, 0]), tf.constant(as_images(pairs[:, 1]))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(Bernoulli().log_prob(images, logits))
    expected = images - scipy.special.expit(logits.numpy())
    np.testing.assert_allclose(tape.gradient(total, logits), expected, atol=1e-12)


def test_the_mean_is_the_probability_of_white():
    logits = as_images(EXTREME_LOGITS, np.float32)
    mean = keras.ops.convert_to_numpy(Bernoulli().mean(logits))
    assert mean.shape == logits.shape
    assert (mean.min(), mean.max()) == (0, 1)
    np.testing.assert_allclose(mean, scipy.special.expit(logits), rtol=1e-6, atol=1e-30)
