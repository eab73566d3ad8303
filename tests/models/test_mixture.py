"""The mixture prior against the standard normal, SciPy, and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from models.priors.mixture import Mixture
from tests.settings import make_settings

LATENT_DIM = 3


def make_mixture(num_components: int, latent_dim: int = LATENT_DIM, seed: int = 0) -> Mixture:
    """Returns a mixture whose weights, means and variances are all different."""
    prior = Mixture(num_components)
    prior.build((None, latent_dim))
    rng = np.random.default_rng(seed)
    prior.logits.assign(rng.normal(0, 1, num_components))
    prior.means.assign(rng.normal(0, 2, (num_components, latent_dim)))
    prior.log_vars.assign(rng.normal(-1, 0.5, (num_components, latent_dim)))
    return prior


def log_prob_by_scipy(prior: Mixture, z: np.ndarray) -> np.ndarray:
    weights = scipy.special.softmax(np.asarray(prior.logits, np.float64))
    means = np.asarray(prior.means, np.float64)
    stddevs = np.exp(np.asarray(prior.log_vars, np.float64) / 2)
    density = sum(
        weight * np.exp(scipy.stats.norm.logpdf(z, mean, stddev).sum(axis=-1))
        for weight, mean, stddev in zip(weights, means, stddevs, strict=True)
    )
    return np.log(density)


def test_one_component_of_mean_0_and_variance_1_is_the_standard_normal():
    mixture, normal = Mixture(1), models.priors.StandardNormal()
    for prior in (mixture, normal):
        prior.build((None, LATENT_DIM))
    mixture.means.assign(np.zeros((1, LATENT_DIM)))
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, (4, 5, LATENT_DIM)).astype(np.float32)
    np.testing.assert_allclose(mixture.log_prob(z), normal.log_prob(z), rtol=1e-6)
    posterior = models.DiagonalGaussian(*rng.normal(0, 1, (2, 5, LATENT_DIM)).astype(np.float32))
    closed_form = np.sum(normal.kl(posterior), axis=-1)
    z = posterior.sample(rng.normal(0, 1, (20_000, 5, LATENT_DIM)).astype(np.float32))
    assert mixture.kl(posterior) is None
    ratios = np.asarray(posterior.log_prob(z) - mixture.log_prob(z), np.float64)
    assert ratios.shape == (20_000, 5)
    standard_error = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert np.all(np.abs(ratios.mean(axis=0) - closed_form) < 4 * standard_error)


def test_means_start_as_draws_from_the_standard_normal_and_variances_at_one():
    prior = Mixture(500)
    prior.build((None, 4))
    means = np.asarray(prior.means)
    assert scipy.stats.kstest(means.ravel(), "norm").pvalue > 1e-3
    other = Mixture(500, seed=1)
    other.build((None, 4))
    assert np.all(np.asarray(other.means) != means)
    assert np.all(np.asarray(prior.log_vars) == 0)


@pytest.mark.parametrize("shape", [(7,), (2, 7)])
def test_log_prob_is_that_of_scipy(shape):
    prior = make_mixture(4)
    z = np.random.default_rng(2).normal(0, 2, (*shape, LATENT_DIM)).astype(np.float32)
    found = prior.log_prob(z)
    assert found.shape == shape
    np.testing.assert_allclose(found, log_prob_by_scipy(prior, z), rtol=1e-5)


def test_the_density_integrates_to_one():
    prior = make_mixture(3, latent_dim=1)

    def density(z: float) -> float:
        return float(np.exp(prior.log_prob(np.array([[z]], np.float32))[0]))

    total, _ = scipy.integrate.quad(density, -15, 15, limit=200)
    assert total == pytest.approx(1, abs=1e-4)


def test_log_prob_stays_finite_far_from_every_component():
    prior = make_mixture(4)
    z = np.full((1, LATENT_DIM), 1e4, np.float32)
    assert np.isfinite(prior.log_prob(z)).all()


def test_samples_have_the_distribution_of_the_mixture():
    prior = make_mixture(3, latent_dim=1)
    z = np.sort(np.asarray(prior.sample(20_000, seed=4))[:, 0])
    weights = scipy.special.softmax(np.asarray(prior.logits, np.float64))
    means, stddevs = np.asarray(prior.means)[:, 0], np.exp(np.asarray(prior.log_vars)[:, 0] / 2)

    def distribution(values: np.ndarray) -> np.ndarray:
        return sum(
            weight * scipy.stats.norm.cdf(values, mean, stddev)
            for weight, mean, stddev in zip(weights, means, stddevs, strict=True)
        )

    assert scipy.stats.kstest(z, distribution).pvalue > 1e-3


def test_samples_repeat_with_the_seed_and_differ_with_another():
    prior = make_mixture(3)
    once, again, other = (np.asarray(prior.sample(6, seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert np.all(once != other)


def test_training_raises_the_density_of_the_prior_where_the_codes_are():
    """All parameters of the prior get gradients, and the loss uses its density."""
    settings = make_settings(prior="mixture", num_components=3, hidden_dim=(8,), latent_dim=2)
    model = models.build((8, 8, 1), settings)
    images = np.random.default_rng(0).random((32, 8, 8, 1)).astype(np.float32)
    with tf.GradientTape() as tape:
        terms = model.terms(images, 1, training=True)
        loss = tf.reduce_mean(model.loss_of(terms))
    assert terms.kl_by_dimension is None
    gradients = tape.gradient(loss, [weight.value for weight in model.prior.trainable_weights])
    assert len(gradients) == 3
    assert all(np.any(np.asarray(gradient) != 0) for gradient in gradients)
    expected = terms.posterior.log_prob(terms.z) - model.prior.log_prob(terms.z)
    np.testing.assert_allclose(terms.kl, np.mean(expected, axis=0), rtol=1e-6)
    assert model.kl_by_dimension(terms.posterior) is None
