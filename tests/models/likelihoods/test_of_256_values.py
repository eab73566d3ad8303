"""The discretized logistic and the mixture of them, against SciPy's logistic distribution."""

import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats

from models.likelihoods import DiscretizedLogistic, LogisticMixture

VALUES = np.arange(256) / 255
NUM_COMPONENTS = 3


def scale_of(raw):
    """Returns s, for pixels in [0, 1]."""
    lowest = -7 - np.log(2)
    return np.exp(lowest + np.logaddexp(0, raw + np.log(0.5) - lowest))


def interval(value, mean, scale):
    """Returns the probability of a value on the grid k / 255."""
    start = np.where(value < 0.5 / 255, -np.inf, (value - 0.5 / 255 - mean) / scale)
    end = np.where(value > 254.5 / 255, np.inf, (value + 0.5 / 255 - mean) / scale)
    # of the tail with the smaller probabilities, whose difference keeps its digits
    start, end = np.where(start > 0, -end, start), np.where(start > 0, -start, end)
    return scipy.stats.logistic.cdf(end) - scipy.stats.logistic.cdf(start)


def draw_grid(source, shape):
    """Returns 8-bit pixels in [0, 1], many of them black or white."""
    return np.clip(source.integers(-60, 316, shape), 0, 255) / 255


def of_all_values(likelihood, outputs):
    """Returns the probability of each of the 256 values of one pixel."""
    images = VALUES.reshape(-1, 1, 1, 1).astype(outputs.dtype)
    return np.exp(likelihood.log_prob(images, outputs.reshape(1, 1, 1, -1)))


def test_the_log_prob_is_that_of_scipys_intervals():
    source = np.random.default_rng(0)
    images = draw_grid(source, (6, 4, 3, 3))
    mean, raw = source.normal(0, 1, images.shape), source.normal(-1, 1, images.shape)
    expected = np.log(interval(images, (1 + mean) / 2, scale_of(raw))).sum(axis=(1, 2, 3))
    outputs = np.concatenate([mean, raw], axis=-1)
    np.testing.assert_allclose(DiscretizedLogistic().log_prob(images, outputs), expected, rtol=1e-9)


def test_a_pixel_between_two_values_counts_as_the_nearest():
    likelihood, outputs = DiscretizedLogistic(), np.array([0.1, -1.0]).reshape(1, 1, 1, 2)
    near, exact = (np.full((1, 1, 1, 1), value) for value in (100.4 / 255, 100 / 255))
    np.testing.assert_array_equal(
        likelihood.log_prob(near, outputs), likelihood.log_prob(exact, outputs)
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4)])
@pytest.mark.parametrize("raw", [-1e4, -20.0, -5.0, 0.0, 6.0, 1e4])
@pytest.mark.parametrize("mean", [-1e4, -1.0, 0.003, 0.5, 3.0, 1e4])
def test_the_probabilities_of_the_256_values_sum_to_1(mean, raw, dtype, tolerance):
    outputs = np.array([mean, raw], dtype)
    total = of_all_values(DiscretizedLogistic(), outputs).sum(dtype=np.float64)
    assert total == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize(("raw", "tolerance"), [(-20.0, 0.5), (-4.9, 0.01), (0.0, 1e-4), (9, 1e-3)])
@pytest.mark.parametrize("mean", [-3.0, -0.99, 0.003, 0.5, 1.0, 3.0])
def test_the_mean_is_that_of_the_256_values_up_to_rounding(mean, raw, tolerance):
    """In steps between values: at most half a step at the smallest scale."""
    outputs = np.array([mean, raw])
    exact = (VALUES * of_all_values(DiscretizedLogistic(), outputs)).sum()
    found = float(DiscretizedLogistic().mean(outputs.reshape(1, 1, 1, 2))[0, 0, 0, 0])
    assert abs(found - exact) * 255 <= tolerance


def draw_mixture(channels, raw=-2.0):
    """Returns the parts of an output for one pixel: logits, means, raw scales, coefficients."""
    source = np.random.default_rng(channels)
    pairs = channels * (channels - 1) // 2
    logits, couplings = (source.normal(0, 1, (count, NUM_COMPONENTS)) for count in (1, pairs))
    means = source.normal(0, 0.5, (channels, NUM_COMPONENTS))
    raws = source.normal(raw, 0.5, (channels, NUM_COMPONENTS))
    return logits, means, raws, couplings


def join(logits, means, raws, couplings):
    parts = np.concatenate([logits, means, raws, couplings])
    return parts.reshape(1, 1, 1, -1)


def probability(pixel, logits, means, raws, couplings):
    """Returns p(pixel), with the formulas of the paper for pixels in [−1, 1], in loops.

    Args:
        pixel: the channels' values in [0, 1].
    """
    scaled = 2 * np.asarray(pixel) - 1
    pairs = [(channel, before) for channel in range(len(pixel)) for before in range(channel)]
    total = 0.0
    for component, weight in enumerate(scipy.special.softmax(logits[0])):
        mean = means[:, component].copy()
        for coupling, (channel, before) in zip(couplings, pairs, strict=True):
            mean[channel] += np.tanh(coupling[component]) * scaled[before]
        scale = scale_of(raws[:, component])
        total += weight * np.prod(interval(np.asarray(pixel), (1 + mean) / 2, scale))
    return total


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_mixtures_log_prob_is_that_of_the_loops(channels):
    likelihood, parts = LogisticMixture(NUM_COMPONENTS), draw_mixture(channels)
    pixels = draw_grid(np.random.default_rng(9), (50, channels))
    outputs = join(*parts)
    assert outputs.shape[-1] == likelihood.num_outputs(channels)
    found = likelihood.log_prob(pixels.reshape(-1, 1, 1, channels), outputs)
    expected = np.log([probability(pixel, *parts) for pixel in pixels])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_mixture_of_one_without_coupling_is_a_discretized_logistic():
    source = np.random.default_rng(5)
    images, outputs = draw_grid(source, (4, 3, 2, 3)), source.normal(0, 1, (4, 3, 2, 6))
    rest = [np.full((4, 3, 2, 1), 7.0), outputs, np.zeros((4, 3, 2, 3))]
    mixed, single = LogisticMixture(1), DiscretizedLogistic()
    joined = np.concatenate(rest, axis=-1)
    np.testing.assert_allclose(
        mixed.log_prob(images, joined), single.log_prob(images, outputs), rtol=1e-12
    )
    np.testing.assert_allclose(mixed.mean(joined), single.mean(outputs), rtol=1e-12)


def test_the_probabilities_of_all_colors_sum_to_1():
    """Exactly, by factors: blue given red and green, and all pairs of red and green.

    The sum over blue is p(red, green): that of a mixture with two channels and the same outputs.
    """
    likelihood = LogisticMixture(NUM_COMPONENTS)
    logits, means, raws, couplings = draw_mixture(3)
    of_two = join(logits, means[:2], raws[:2], couplings[:1])
    for red, green in ((0.0, 1.0), (0.2, 0.4), (1.0, 1.0), (120 / 255, 0.0)):
        colors = np.array([(red, green, blue) for blue in VALUES]).reshape(-1, 1, 1, 3)
        total = np.exp(likelihood.log_prob(colors, join(logits, means, raws, couplings))).sum()
        pair = np.array([red, green]).reshape(1, 1, 1, 2)
        assert total == pytest.approx(float(np.exp(likelihood.log_prob(pair, of_two))[0]), rel=1e-9)
    every_pair = np.array(list(itertools.product(VALUES, VALUES))).reshape(-1, 1, 1, 2)
    assert np.exp(likelihood.log_prob(every_pair, of_two)).sum() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("raw", "tolerance"), [(-5.0, 0.002), (-2.0, 0.05)])
def test_the_mixtures_mean_is_that_of_sampled_colors(raw, tolerance):
    """Colors drawn in NumPy, channel after channel, each rounded and clipped.

    The mean of green and blue ignores that red varies, which matters where they are clipped.
    """
    logits, means, raws, couplings = draw_mixture(3, raw)
    source, count = np.random.default_rng(6), 400_000
    component = source.choice(NUM_COMPONENTS, count, p=scipy.special.softmax(logits[0]))
    alpha, beta, gamma = np.tanh(couplings[:, component])
    drawn: list[np.ndarray] = []
    for channel in range(3):
        mean = means[channel, component].copy()
        if channel == 1:
            mean += alpha * (2 * drawn[0] - 1)
        if channel == 2:
            mean += beta * (2 * drawn[0] - 1) + gamma * (2 * drawn[1] - 1)
        noise = source.logistic(0, scale_of(raws[channel, component]))
        drawn.append(np.clip(np.round(((1 + mean) / 2 + noise) * 255), 0, 255) / 255)
    found = LogisticMixture(NUM_COMPONENTS).mean(join(logits, means, raws, couplings))
    assert found.shape == (1, 1, 1, 3)
    expected = np.mean(drawn, axis=1)
    assert float(found[0, 0, 0, 0]) == pytest.approx(expected[0], abs=0.002)
    np.testing.assert_allclose(np.ravel(found)[1:], expected[1:], atol=tolerance)
