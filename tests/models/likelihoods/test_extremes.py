"""Likelihoods at extreme values: logits of ±1e4, σ from 1e-8 to 1e8, in float32 and float64.

They are compared with SciPy's normal distribution, or with NumPy in float64.
"""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from catalog.likelihoods import LIKELIHOODS
from models import likelihoods
from models.likelihoods import Gaussian, GaussianLearned, GaussianPerPixel
from tests.settings import make_settings

PIXELS = [0.0, 1e-6, 0.31, 1.0]  # 0.3 is halfway between two 8-bit values
LOGITS = [-1e4, -50.0, 0.0, 2.0, 1e4]
STDDEVS = [1e-8, 1e-5, 0.1, 1.0, 1e4, 1e8]
LOWEST = {"gaussian_learned": -6.0, "gaussian_per_pixel": -4.0}  # of log σ
DTYPES = [(np.float64, 1e-9), (np.float32, 2e-4)]


def as_images(values, dtype):
    return np.array(values, dtype).reshape(-1, 1, 1, 1)


def raw_of(stddev: float, lowest: float) -> float:
    """Returns the raw output that gives σ, or one far below the bound."""
    above = np.log(stddev) - lowest
    # log σ = lowest + softplus(raw + log ½ − lowest), solved for raw
    inverse = above + np.log(-np.expm1(-above)) if above > 0.1 else -100.0
    return float(inverse - np.log(0.5) + lowest)


def size_of(raw: float, lowest: float) -> float:
    """Returns the σ of a raw output."""
    return float(np.exp(lowest + np.logaddexp(0, raw + np.log(0.5) - lowest)))


FIRST_SCALE = size_of(0.0, -7 - np.log(2))  # of a logistic distribution, for outputs of 0


def expected_log_prob(name, images, logits, stddev):
    """Returns log p of each pixel in float64; ``stddev`` for likelihoods that have one."""
    x, logit = images.astype(np.float64), logits.astype(np.float64)
    cross_entropy = x * scipy.special.log_expit(logit) + (1 - x) * scipy.special.log_expit(-logit)
    if name == "bernoulli":
        return cross_entropy
    if name == "continuous_bernoulli":
        size = np.abs(logit)
        near = np.where(size > 0, size, 1.0)
        # ∫₀¹ exp(t·l) dt = exp(max(l, 0)) · (1 − exp(−|l|)) / |l|
        log_area = np.where(size > 0, np.log(-np.expm1(-near) / near), 0.0)
        return x * logit - np.maximum(logit, 0) - log_area
    if LIKELIHOODS[name].has_256_values:  # the first output of a mixture is no mean
        return log_interval(x, logit / 2 if name == "discretized_logistic" else 0.0, FIRST_SCALE)
    return scipy.stats.norm.logpdf(x, scipy.special.expit(logit), stddev)


def log_interval(x, mean, scale):
    """Returns the log-probability of the nearest 8-bit value, from SciPy's logistic distribution.

    The difference of two cumulative probabilities, or of two survival probabilities where those
    are the smaller ones.

    Args:
        mean: minus a half.
    """
    deviation = np.round(x * 255) / 255 - 0.5 - mean
    start, end = ((deviation + side / 510) / scale for side in (-1, 1))
    logistic = scipy.stats.logistic
    near, far = logistic.logcdf(end), logistic.logcdf(start)
    flipped = start > 0
    near, far = (
        np.where(flipped, logistic.logsf(start), near),
        np.where(flipped, logistic.logsf(end), far),
    )
    inside = near + np.log(-np.expm1(far - near))
    at_end = np.where(x < 0.5 / 255, logistic.logcdf(end), logistic.logsf(start))
    return np.where((x < 0.5 / 255) | (x > 254.5 / 255), at_end, inside)


def score(likelihood, images, outputs):
    """Returns log p of images of one pixel, and its gradient with respect to the outputs."""
    outputs = tf.constant(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = likelihood.log_prob(images, outputs)
    return found.numpy(), tape.gradient(found, outputs).numpy()


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_log_prob_at_extreme_logits_is_numpys(name, dtype, tolerance):
    pairs = np.array(list(itertools.product(PIXELS, LOGITS)))
    images, logits = as_images(pairs[:, 0], dtype), as_images(pairs[:, 1], dtype)
    likelihood = likelihoods.build(make_settings(likelihood=name))
    likelihood.build(None)
    rest = np.zeros((len(pairs), 1, 1, likelihood.num_outputs(1) - 1), dtype)
    stddev = 0.5**0.5 if name == "gaussian" else None
    if name in LOWEST:
        stddev = size_of(0.0, LOWEST[name])
    expected = expected_log_prob(name, images, logits, stddev).ravel()
    found, gradient = score(likelihood, images, np.concatenate([logits, rest], axis=-1))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("stddev", STDDEVS)
def test_log_prob_at_extreme_sigmas_is_that_of_scipys_normal(stddev, dtype, tolerance):
    """For a σ below its bound, log_prob is that at the bound."""
    pairs = np.array(list(itertools.product(PIXELS, [-50.0, 0.0, 2.0])))
    images, logits = as_images(pairs[:, 0], dtype), as_images(pairs[:, 1], dtype)
    # rounded to float32, the precision of the weight
    raws = {name: float(np.float32(raw_of(stddev, lowest))) for name, lowest in LOWEST.items()}
    learned = GaussianLearned()
    learned.build(None)
    learned.raw.assign(raws["gaussian_learned"])
    raw = np.full_like(logits, raws["gaussian_per_pixel"])
    for name, likelihood, outputs in (
        ("gaussian", Gaussian(stddev), logits),
        ("gaussian_learned", learned, logits),
        ("gaussian_per_pixel", GaussianPerPixel(), np.concatenate([logits, raw], axis=-1)),
    ):
        size = size_of(raws[name], LOWEST[name]) if name in LOWEST else stddev
        assert size == pytest.approx(max(stddev, np.exp(LOWEST.get(name, -np.inf))), rel=1e-5)
        expected = expected_log_prob(name, images, logits, size).ravel()
        found, gradient = score(likelihood, images, outputs)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        mean = scipy.special.expit(logits.astype(np.float64))
        deviation = (images - mean) / size
        slope = deviation / size * mean * (1 - mean)
        error = {"rtol": 10 * tolerance, "atol": tolerance, "err_msg": name}
        np.testing.assert_allclose(gradient[..., :1], slope, **error)
        if name == "gaussian_per_pixel":
            through_bound = scipy.special.expit(raws[name] + np.log(0.5) - LOWEST[name])
            slope = (deviation**2 - 1) * through_bound
            np.testing.assert_allclose(gradient[..., 1:], slope, **error)
