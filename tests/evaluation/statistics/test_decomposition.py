"""The parts of the KL where they are known: one image, a grid, a copied dimension."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from evaluation.statistics.decomposition import decompose_kl


def draw(mean: np.ndarray, log_var: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns samples of each image's posterior, and the image's number for each."""
    image = np.arange(len(mean) * times) % len(mean)
    noise = np.random.default_rng(0).normal(size=(len(image), mean.shape[1]))
    return mean[image] + np.exp(log_var[image] / 2) * noise, image


def test_one_image_has_no_mutual_information_and_no_total_correlation():
    mean, log_var = np.array([[0.3, -2.0, 1.0]]), np.array([[-1.0, 0.2, -3.0]])
    z, image = draw(mean, log_var, 120)
    found = decompose_kl(z, image, mean, log_var)
    for name in ("mutual_information", "total_correlation"):
        np.testing.assert_allclose(found[name], 0, atol=1e-9)
    expected = scipy.stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=1)
    np.testing.assert_allclose(found["log_marginals"], expected, rtol=1e-9)


def test_codes_that_do_not_overlap_tell_which_image_it_was():
    mean = 1000.0 * np.random.default_rng(1).normal(size=(16, 2))
    z, image = draw(mean, np.zeros((16, 2)), 10)
    found = decompose_kl(z, image, mean, np.zeros((16, 2)))
    np.testing.assert_allclose(found["mutual_information"], np.log(16), rtol=1e-9)


def test_a_grid_of_codes_has_no_total_correlation():
    rows, columns = np.meshgrid([-2.0, 0.5, 3.0, 4.0], [0.0, 1.0, 5.0])
    mean = np.stack([rows.ravel(), columns.ravel()], axis=1)
    log_var = np.tile([[-1.0, 0.5]], (12, 1))
    z, image = draw(mean, log_var, 20)
    found = decompose_kl(z, image, mean, log_var)
    np.testing.assert_allclose(found["total_correlation"], 0, atol=1e-9)
    assert found["mutual_information"].mean() > 1


def test_a_copied_dimension_has_the_total_correlation_of_quadrature():
    """∫∫ q(z) log (q(z) / (q(z_1) q(z_2))) dz for two equal coordinates of each mean."""
    codes, stddev = np.array([-1.0, 0.2, 2.0]), 0.3
    mean, log_var = np.stack([codes, codes], axis=1), np.full((3, 2), 2 * np.log(stddev))
    points = np.linspace(-3, 4, 1401)
    densities = scipy.stats.norm.pdf(points[:, None], codes, stddev)  # (points, images)
    joint, marginal = densities @ densities.T / 3, densities.mean(axis=1)
    ratio = np.log(joint / (marginal[:, None] * marginal))
    expected = np.sum(joint * ratio) * (points[1] - points[0]) ** 2
    assert expected > 0.9

    z, image = draw(mean, log_var, 4000)
    found = decompose_kl(z, image, mean, log_var)["total_correlation"]
    error = scipy.stats.sem(found)
    assert error < 0.01
    assert abs(found.mean() - expected) < 4 * error


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_parts_add_up_to_the_log_density_of_the_posterior(dtype):
    rng = np.random.default_rng(2)
    mean, log_var = rng.normal(size=(300, 20)), rng.normal(-2, 1, (300, 20))
    z, image = draw(mean, log_var, 1)
    found = decompose_kl(z.astype(dtype), image, mean.astype(dtype), log_var.astype(dtype))
    expected = scipy.stats.norm.logpdf(z, mean[image], np.exp(log_var[image] / 2)).sum(axis=1)
    np.testing.assert_allclose(sum(found.values()), expected, atol=1e-3)
    joint = scipy.stats.norm.logpdf(z[:, None], mean, np.exp(log_var / 2)).sum(axis=-1)
    log_q = scipy.special.logsumexp(joint, axis=1) - np.log(300)
    np.testing.assert_allclose(found["mutual_information"], expected - log_q, atol=1e-3)
