"""The RealNVP prior against a NumPy implementation, quadrature, and its own inversion."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from models.priors import RealNVP, StandardNormal
from tests.models.densities import check_density_and_samples


def build(latent_dim: int, **arguments: int) -> RealNVP:
    """Returns a flow whose weights are all random."""
    prior = RealNVP(**{"num_couplings": 4, "coupling_units": 16, **arguments})
    prior.build((None, latent_dim))
    rng = np.random.default_rng(0)
    for weight in prior.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return prior


def log_prob_by_numpy(prior: RealNVP, z: np.ndarray) -> np.ndarray:
    """Returns log p(z), (num,), dimension by dimension in float64."""
    kernels_1, biases_1, kernels_2, biases_2, kernels_3, biases_3 = (
        np.asarray(weight, np.float64) for weight in prior.weights
    )
    latent_dim = z.shape[1]
    z, log_det = z.astype(np.float64), 0.0
    for i in range(prior.num_couplings):
        kept = [j for j in range(latent_dim) if (i + j) % 2]
        features = np.maximum(0, z[:, kept] @ kernels_1[i][kept] + biases_1[i])
        features = np.maximum(0, features @ kernels_2[i] + biases_2[i])
        outputs = features @ kernels_3[i] + biases_3[i]
        for j in set(range(latent_dim)) - set(kept):
            log_scale = np.tanh(outputs[:, j])
            z[:, j] = z[:, j] * np.exp(log_scale) + outputs[:, latent_dim + j]
            log_det = log_det + log_scale
    return scipy.stats.norm.logpdf(z).sum(axis=1) + log_det


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_log_prob_is_that_of_numpy(latent_dim):
    prior = build(latent_dim)
    z = np.random.default_rng(1).normal(0, 2, (3, 6, latent_dim)).astype(np.float32)
    found = prior.log_prob(z)
    assert found.shape == (3, 6)
    expected = log_prob_by_numpy(prior, z.reshape(18, latent_dim)).reshape(3, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(prior.log_prob(z[1]), found[1], rtol=1e-5)
    assert np.abs(expected - StandardNormal().log_prob(z)).min() > 0.01


def test_the_density_integrates_to_one_and_has_the_moments_of_samples():
    check_density_and_samples(build(2), reach=20, tolerance=1e-3)


@pytest.mark.parametrize("latent_dim", [1, 5])
def test_the_mean_log_density_of_samples_is_that_of_the_noise_and_the_scales(latent_dim):
    """Samples invert the flow: E[log p(z)] over them is minus the entropy.

    A chain of shifts only has the entropy of N(0, I), whatever the shifts.
    """
    prior, num = build(latent_dim), 20_000
    *_, kernels, biases = prior.weights
    for weight in (kernels, biases):  # the outputs for s are the first latent_dim
        weight.assign(np.asarray(weight) * (np.arange(2 * latent_dim) >= latent_dim))
    log_p = np.asarray(prior.log_prob(prior.sample(num, seed=3)), np.float64)
    entropy = latent_dim * scipy.stats.norm.entropy()
    assert abs(log_p.mean() + entropy) < 4 * log_p.std() / num**0.5


def test_it_starts_close_to_the_standard_normal_and_depends_on_the_seed():
    z = np.random.default_rng(4).normal(0, 1, (50, 10)).astype(np.float32)
    priors = [RealNVP(seed=seed) for seed in (0, 0, 1)]
    for prior in priors:
        prior.build((None, 10))
    found = [np.asarray(prior.log_prob(z)) for prior in priors]
    np.testing.assert_allclose(found[0], StandardNormal().log_prob(z), atol=0.3)
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(found[0] != found[2])


def test_it_learns_a_density_that_is_no_gaussian():
    """Points on a ring: the log-density of held-out ones comes close to that of the ring."""
    rng = np.random.default_rng(5)

    def draw(num: int) -> np.ndarray:
        radius, angle = rng.normal(2, 0.2, num), rng.uniform(0, 2 * np.pi, num)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)

    prior = RealNVP(num_couplings=4, coupling_units=32)
    prior.build((None, 2))
    optimizer = keras.optimizers.Adam(0.005)
    weights = prior.trainable_variables
    optimizer.build(weights)

    @tf.function(jit_compile=True, autograph=False)
    def step(z):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.log_prob(z))
        optimizer.apply(tape.gradient(loss, weights), weights)

    for _ in range(500):
        step(draw(256))
    z = draw(5000)
    radius = np.linalg.norm(z, axis=1)
    truth = scipy.stats.norm.logpdf(radius, 2, 0.2) - np.log(2 * np.pi * radius)
    gaussian = scipy.stats.multivariate_normal.logpdf(z, z.mean(axis=0), np.cov(z.T))
    found = np.asarray(prior.log_prob(z))
    assert truth.mean() - found.mean() < 0.25 < truth.mean() - gaussian.mean() - 0.5
