"""The standard normal prior and its KL against closed forms, quadrature and Monte Carlo."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from models import DiagonalGaussian
from models.priors import StandardNormal

NEAR_ZERO = [-0.1, -1e-3, -1e-5, -1e-8, 0, 1e-8, 1e-5, 1e-3, 0.1]


def kl(z_mean, z_log_var):
    """Returns the KL of each dimension, computed in the precision of the arguments."""
    posterior = DiagonalGaussian(np.asarray(z_mean), np.asarray(z_log_var))
    return np.asarray(StandardNormal().kl(posterior))


def kl_to_19_digits(z_mean, z_log_var):
    """Returns the KL, computed in NumPy's extended precision."""
    mean, log_var = np.asarray(z_mean, np.longdouble), np.asarray(z_log_var, np.longdouble)
    return ((mean**2 + np.expm1(log_var) - log_var) / 2).astype(np.float64)


@pytest.mark.parametrize(
    ("mean", "log_var"), [(0.0, 0.0), (1.5, 0.0), (0.0, -4.0), (-2.0, 1.0), (0.3, 2.5)]
)
def test_kl_is_the_integral_that_defines_it(mean, log_var):
    posterior, prior = scipy.stats.norm(mean, np.exp(log_var / 2)), scipy.stats.norm()

    def integrand(z):
        return posterior.pdf(z) * (posterior.logpdf(z) - prior.logpdf(z))

    reach = 12 * posterior.std()
    expected, _ = scipy.integrate.quad(integrand, mean - reach, mean + reach)
    assert kl([[mean]], [[log_var]]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_kl_agrees_with_monte_carlo():
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(0, 1.5, 5), rng.normal(0, 1.5, 5)
    std = np.exp(log_var / 2)
    z = mean + std * rng.standard_normal((200_000, 5))
    ratios = scipy.stats.norm.logpdf(z, mean, std) - scipy.stats.norm.logpdf(z)
    standard_error = ratios.std(axis=0) / np.sqrt(len(z))
    assert np.all(
        np.abs(kl(mean[None], log_var[None])[0] - ratios.mean(axis=0)) < 4 * standard_error
    )


def test_kl_is_the_closed_form_for_each_dimension():
    rng = np.random.default_rng(1)
    z_mean, z_log_var = rng.normal(0, 2, (2, 50, 7))
    expected = -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))
    found = kl(z_mean, z_log_var)
    assert found.shape == (50, 7)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kl_keeps_its_digits_where_sigma_is_near_1(dtype):
    """The usual form, 1 + log σ² − σ², loses them: its error is about one ulp of 1."""
    z_log_var = np.array(NEAR_ZERO, dtype)
    found = kl(np.zeros_like(z_log_var), z_log_var)
    error = np.abs(found - kl_to_19_digits(0, z_log_var))
    assert np.all(error <= np.finfo(dtype).eps * np.abs(z_log_var))


@pytest.mark.parametrize("compiled_by_xla", [False, True])
def test_kl_is_never_negative(compiled_by_xla):
    """In float32, with XLA as in training and without as in evaluation."""
    size = np.logspace(-12, 1, 200_000, dtype=np.float32)
    z_log_var = np.concatenate([-size, [np.float32(0)], size])[:, None]
    function = tf.function(StandardNormal().kl, jit_compile=compiled_by_xla)
    posterior = DiagonalGaussian(tf.zeros_like(z_log_var), tf.constant(z_log_var))
    assert function(posterior).numpy().min() == 0


def test_kl_stays_finite_for_very_narrow_posteriors():
    found = kl(np.zeros((1, 1), np.float32), np.full((1, 1), -1e4, np.float32))
    assert found == pytest.approx((1e4 - 1) / 2, rel=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_kl_and_its_gradient_are_right_for_sigmas_from_1e_8_to_1e8(dtype, tolerance):
    sigma = np.logspace(-8, 8, 33)
    z_mean, z_log_var = np.meshgrid([-1e4, -1e-4, 0.0, 3.0, 1e8], 2 * np.log(sigma))
    given = [tf.constant(z_mean.astype(dtype)), tf.constant(z_log_var.astype(dtype))]
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = StandardNormal().kl(DiagonalGaussian(*given))
    exact = [values.numpy().astype(np.float64) for values in given]
    np.testing.assert_allclose(found, kl_to_19_digits(*exact), rtol=tolerance)
    of_mean, of_log_var = tape.gradient(found, given)
    np.testing.assert_allclose(of_mean, exact[0], rtol=tolerance)
    np.testing.assert_allclose(of_log_var, np.expm1(exact[1]) / 2, rtol=tolerance)


@pytest.mark.parametrize("sigma", [1e-8, 0.1, 1e8])
def test_kl_of_extreme_sigmas_agrees_with_monte_carlo(sigma):
    z = 0.5 + sigma * np.random.default_rng(2).standard_normal(100_000)
    ratios = scipy.stats.norm.logpdf(z, 0.5, sigma) - scipy.stats.norm.logpdf(z)
    standard_error = ratios.std() / np.sqrt(len(z))
    found = kl([[0.5]], [[2 * np.log(sigma)]])[0, 0]
    assert abs(found - ratios.mean()) < 4 * standard_error


def make_prior(latent_dim):
    prior = StandardNormal()
    prior.build((None, latent_dim))
    return prior


def test_log_prob_is_the_sum_of_scipys_over_dimensions():
    rng = np.random.default_rng(4)
    for shape in ((6, 4), (3, 6, 4), (6, 1)):
        z = rng.normal(0, 3, shape)
        expected = scipy.stats.norm.logpdf(z).sum(axis=-1)
        found = StandardNormal().log_prob(z)
        assert found.shape == shape[:-1]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_samples_are_standard_normal():
    z = np.asarray(make_prior(5).sample(2000, seed=3))
    assert z.shape == (2000, 5)
    assert scipy.stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    correlation = np.corrcoef(z, rowvar=False) - np.eye(5)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


def test_samples_repeat_with_the_seed_and_differ_with_another():
    prior = make_prior(3)
    once, again, other = (np.asarray(prior.sample(4, seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert np.all(once != other)
