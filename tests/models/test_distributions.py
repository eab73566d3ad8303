"""The diagonal Gaussian against SciPy and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from models import DiagonalGaussian


def make_posterior(batch=6, latent_dim=4, dtype=np.float64, seed=0) -> DiagonalGaussian:
    rng = np.random.default_rng(seed)
    shape = (batch, latent_dim)
    return DiagonalGaussian(
        rng.normal(0, 2, shape).astype(dtype), rng.normal(0, 1.5, shape).astype(dtype)
    )


@pytest.mark.parametrize("leading", [(), (3,), (1,), (2, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_log_prob_is_the_sum_of_scipys_over_dimensions(leading, dtype, tolerance):
    posterior = make_posterior(dtype=dtype)
    z = np.random.default_rng(1).normal(0, 3, (*leading, 6, 4)).astype(dtype)
    mean, log_var, exact_z = (np.asarray(part, np.float64) for part in (*posterior, z))
    expected = scipy.stats.norm.logpdf(exact_z, mean, np.exp(log_var / 2)).sum(axis=-1)
    found = posterior.log_prob(z)
    assert found.shape == (*leading, 6)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.5, -3.0), (-2.0, 2.0), (0.3, -12.0)])
def test_the_density_integrates_to_one(mean, log_var):
    posterior = DiagonalGaussian(np.array([[mean]]), np.array([[log_var]]))

    def density(z: float) -> float:
        return float(np.exp(posterior.log_prob(np.array([[z]])))[0])

    reach = 12 * np.exp(log_var / 2)
    total, _ = scipy.integrate.quad(density, mean - reach, mean + reach)
    assert total == pytest.approx(1, abs=1e-8)


def test_the_gradients_of_log_prob_are_those_of_the_normal_density():
    mean, log_var = (tf.constant(part) for part in make_posterior())
    z = tf.constant(np.random.default_rng(2).normal(0, 2, (6, 4)))
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var, z])
        total = tf.reduce_sum(DiagonalGaussian(mean, log_var).log_prob(z))
    to_mean, to_log_var, to_z = tape.gradient(total, [mean, log_var, z])
    deviation, variance = z.numpy() - mean.numpy(), np.exp(log_var.numpy())
    np.testing.assert_allclose(to_mean, deviation / variance, rtol=1e-12)
    np.testing.assert_allclose(to_log_var, (deviation**2 / variance - 1) / 2, rtol=1e-10)
    np.testing.assert_allclose(to_z, -deviation / variance, rtol=1e-12)


def test_samples_have_its_mean_its_variance_and_its_distribution():
    posterior = make_posterior()
    count = 50_000
    noise = np.random.default_rng(3).standard_normal((count, 6, 4))
    z = np.asarray(posterior.sample(noise))
    assert z.shape == (count, 6, 4)
    variance = np.exp(posterior.log_var)
    assert np.all(np.abs(z.mean(axis=0) - posterior.mean) < 5 * np.sqrt(variance / count))
    # The variance of a sample variance is 2σ⁴ / n.
    assert np.all(np.abs(z.var(axis=0) - variance) < 5 * variance * np.sqrt(2 / count))
    for index in np.ndindex(6, 4):
        of_one = scipy.stats.norm(posterior.mean[index], np.sqrt(variance[index]))
        assert scipy.stats.kstest(z[(slice(None), *index)], of_one.cdf).pvalue > 1e-4


def test_gradients_reach_mean_and_log_variance_through_a_sample():
    mean, log_var = (tf.constant(part) for part in make_posterior())
    noise = np.random.default_rng(4).standard_normal((3, 6, 4))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([mean, log_var])
        z = DiagonalGaussian(mean, log_var).sample(noise)
    np.testing.assert_allclose(tape.gradient(z, mean), np.full((6, 4), 3.0))
    # d(σ·ε)/d(log σ²) = σ·ε/2, summed over the samples
    expected = (np.exp(log_var / 2) * noise / 2).sum(axis=0)
    np.testing.assert_allclose(tape.gradient(z, log_var), expected, rtol=1e-12)


def test_it_unpacks_into_mean_and_log_variance():
    posterior = make_posterior()
    z_mean, z_log_var = posterior
    assert z_mean is posterior.mean
    assert z_log_var is posterior.log_var
