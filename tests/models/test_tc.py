"""The β-TC-VAE's objective against mixtures of SciPy's normal distributions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import models
from models.objectives import Elbo, TotalCorrelation
from models.objectives.tc import log_aggregate

RNG = np.random.default_rng(0)
MEANS, LOG_VARS = RNG.normal(size=(5, 3)), RNG.normal(-1, 0.5, (5, 3))
Z = MEANS + np.exp(LOG_VARS / 2) * RNG.normal(size=(2, 5, 3))


def densities(z: np.ndarray) -> np.ndarray:
    """Returns q(z_d|x_n), (k, batch, images, latent_dim)."""
    return scipy.stats.norm.pdf(z[:, :, None], MEANS, np.exp(LOG_VARS / 2))


def aggregate(chosen: np.ndarray, num_train: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the estimates of log q(z) and log q(z_d) from some images."""
    posterior = models.DiagonalGaussian(
        *(tf.constant(each[chosen], tf.float32) for each in (MEANS, LOG_VARS))
    )
    log_q, of_each = log_aggregate(posterior, tf.constant(Z[:, chosen], tf.float32), num_train)
    return np.asarray(log_q, np.float64), np.asarray(of_each, np.float64)


def test_with_all_images_the_aggregate_posterior_is_their_mixture():
    log_q, log_q_by_dimension = aggregate(np.arange(5), 5)
    expected = np.log(densities(Z).prod(axis=-1).mean(axis=-1))
    np.testing.assert_allclose(log_q, expected, rtol=1e-4)
    expected = np.log(densities(Z).mean(axis=-2))
    np.testing.assert_allclose(log_q_by_dimension, expected, rtol=1e-4)


def test_the_mean_over_batches_is_the_aggregate_posterior():
    """Of all batches of three that have the first image."""
    batches = [np.array([0, *others]) for others in itertools.combinations(range(1, 5), 2)]
    found = [aggregate(batch, 5) for batch in batches]
    for index, exact in enumerate(aggregate(np.arange(5), 5)):
        estimates = [np.exp(each[index][:, 0]) for each in found]
        assert np.ptp(estimates, axis=0).min() > 1e-3
        np.testing.assert_allclose(np.mean(estimates, axis=0), np.exp(exact[:, 0]), rtol=1e-5)


def test_one_image_in_a_batch_is_its_own_aggregate():
    log_q, _ = aggregate(np.arange(1), 5)
    expected = np.log(densities(Z)[:, 0, 0].prod(axis=-1) / 5)
    np.testing.assert_allclose(log_q[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_the_total_correlation_is_added_to_the_loss(beta):
    posterior = models.DiagonalGaussian(
        *(tf.constant(each, tf.float32) for each in (MEANS, LOG_VARS))
    )
    z = tf.constant(Z, tf.float32)
    kl = models.priors.StandardNormal().kl(posterior)
    terms = models.Terms(posterior, z, tf.ones((2, 5)), tf.ones((2, 5)), tf.zeros((2, 5)), kl)
    log_q, log_q_by_dimension = aggregate(np.arange(5), 5)
    total_correlation = (log_q - log_q_by_dimension.sum(axis=-1)).mean(axis=0)
    loss = np.asarray(Elbo()(terms, beta))
    for weight in (0.0, 1.0, 4.0):
        found = TotalCorrelation(weight, 5)(terms, beta)
        np.testing.assert_allclose(found, loss + (weight - 1) * total_correlation, rtol=1e-4)
