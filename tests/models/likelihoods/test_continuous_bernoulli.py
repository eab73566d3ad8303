"""The continuous Bernoulli against quadrature and against the formulas of its paper."""

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import tensorflow as tf

from models.likelihoods import Bernoulli, ContinuousBernoulli

LOGITS = [-200.0, -30.0, -3.0, -1.01, -0.99, -1e-2, -1e-6, 0.0, 1e-9, 1e-4, 0.3, 1.0, 7.0, 90.0]


def as_images(values, dtype=np.float64):
    """Returns an image of one pixel for each value."""
    return np.array(values, dtype).reshape(-1, 1, 1, 1)


def integrate(function, logit):
    """Returns ∫₀¹ f(x) exp(x·l − max(l, 0)) dx, which cannot overflow."""
    # Most of the area lies within a few 1/|l| of one end.
    ends = [min(1.0, 40 / abs(logit))] if abs(logit) > 40 else []
    points = [1 - end for end in ends] if logit > 0 else ends

    def weighted(x):
        return function(x) * np.exp(x * logit - max(logit, 0.0))

    value, error = scipy.integrate.quad(weighted, 0, 1, points=points or None, epsabs=0)
    assert error < 1e-8 * value
    return value


@pytest.mark.parametrize("logit", LOGITS)
def test_the_density_integrates_to_1(logit):
    total, error = scipy.integrate.quad(
        lambda x: float(
            np.exp(ContinuousBernoulli().log_prob(as_images([x]), as_images([logit])))[0]
        ),
        0,
        1,
        points=[0.2, 0.8],
    )
    assert total == pytest.approx(1, abs=1e-7 + error)


@pytest.mark.parametrize("logit", LOGITS)
def test_the_normalizer_the_mean_and_the_gradient_are_those_of_quadrature(logit):
    area = integrate(lambda x: 1.0, logit)
    mean = integrate(lambda x: x, logit) / area
    likelihood, pixel = ContinuousBernoulli(), 0.3
    outputs = tf.constant(as_images([logit]))
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = likelihood.log_prob(as_images([pixel]), outputs)
    expected = pixel * logit - max(logit, 0.0) - np.log(area)
    assert float(found[0]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert float(likelihood.mean(outputs)[0, 0, 0, 0]) == pytest.approx(mean, abs=1e-9)
    assert float(tape.gradient(found, outputs)[0, 0, 0, 0]) == pytest.approx(pixel - mean, abs=1e-9)


def test_the_difference_from_a_bernoulli_is_the_papers_constant():
    """log C(λ) = log(2 artanh(1 − 2λ) / (1 − 2λ)): equation 4, for λ not near 1/2."""
    white = np.array([0.001, 0.1, 0.3, 0.45, 0.6, 0.9, 0.9999])
    logits, images = as_images(scipy.special.logit(white)), as_images(np.linspace(0, 1, 7))
    difference = ContinuousBernoulli().log_prob(images, logits) - Bernoulli().log_prob(
        images, logits
    )
    expected = np.log(2 * np.arctanh(1 - 2 * white) / (1 - 2 * white))
    np.testing.assert_allclose(difference, expected, atol=1e-12)


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_are_those_of_an_exponential_distribution(logit):
    """There, 1 − x or x is exponentially distributed with rate |l| and mean 1/|l|."""
    outputs = tf.constant(as_images([logit], np.float32))
    near, far = (as_images([x], np.float32) for x in ((1.0, 0.0) if logit > 0 else (0.0, 1.0)))
    likelihood = ContinuousBernoulli()
    assert float(likelihood.log_prob(near, outputs)[0]) == pytest.approx(np.log(1e4), rel=1e-6)
    assert float(likelihood.log_prob(far, outputs)[0]) == pytest.approx(np.log(1e4) - 1e4, rel=1e-6)
    assert abs(
        float(likelihood.mean(outputs)[0, 0, 0, 0]) - float(near[0, 0, 0, 0])
    ) == pytest.approx(1e-4, rel=1e-2)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = likelihood.log_prob(near, outputs)
    # x − mean: 1e-4, with the sign of the logit.
    assert float(tape.gradient(total, outputs)[0, 0, 0, 0]) == pytest.approx(
        np.sign(logit) * 1e-4, rel=2e-2
    )


def test_near_a_half_value_and_gradient_are_smooth():
    """At |l| = 1, between series and closed form, and at 0."""
    for middle in (-1.0, 0.0, 1.0):
        logits = tf.constant(as_images(middle + np.linspace(-1e-3, 1e-3, 201)))
        images = np.full(logits.shape, 0.5)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = ContinuousBernoulli().log_prob(images, logits)
        slopes = tape.gradient(values, logits).numpy().ravel()
        # Second differences of a smooth function are as small as its curvature.
        assert np.ptp(np.diff(values, n=2)) < 1e-11
        assert np.ptp(np.diff(slopes, n=2)) < 1e-10
