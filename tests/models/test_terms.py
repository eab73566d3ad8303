"""The terms of the evidence lower bound against a forward pass in NumPy and SciPy's densities."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats

from tests.models.test_vae import dense, draw_noise, make, make_images


def terms_in_numpy(model, images, epsilon):
    """Returns log p(x|z), log q(z|x) and log p(z), each (k, batch), from the weights in float64.

    Args:
        model: a VAE of fully connected networks.
        images: (batch, height, width, channels).
        epsilon: the noise, (k, batch, latent_dim).
    """
    x = images.reshape(len(images), -1).astype(np.float64)
    features = x
    for layer in model.encoder.hidden:
        features = np.tanh(dense(layer.dense, features))
    mean, log_var = dense(model.encoder.z_mean, features), dense(model.encoder.z_log_var, features)
    stddev = np.exp(log_var / 2)
    rows = []
    for noise in epsilon:
        z = mean + stddev * noise
        features = z
        for layer in model.decoder.hidden:
            features = np.tanh(dense(layer.dense, features))
        white = scipy.special.expit(dense(model.decoder.logits, features))
        # Gray pixels are scored by the expected log-likelihood of black and white ones.
        log_likelihood = x * scipy.stats.bernoulli.logpmf(1, white)
        log_likelihood += (1 - x) * scipy.stats.bernoulli.logpmf(0, white)
        log_q = scipy.stats.norm.logpdf(z, mean, stddev)
        rows.append(
            [part.sum(axis=1) for part in (log_likelihood, log_q, scipy.stats.norm.logpdf(z))]
        )
    return np.moveaxis(np.array(rows), 1, 0)


@pytest.mark.parametrize("num_samples", [1, 3])
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_the_terms_and_the_negative_elbo_are_those_of_numpy(num_samples, beta):
    model, images = make((7, 5), beta), make_images()
    epsilon = draw_noise(model, (6, 3), seed=11, num_samples=num_samples)
    epsilon = epsilon.reshape(num_samples, 6, 3)
    log_likelihood, log_q, log_p = terms_in_numpy(model, images, epsilon)
    terms = model.terms(images, num_samples=num_samples)
    assert terms.z.shape == (num_samples, 6, 3)
    assert terms.log_likelihood.shape == terms.log_q_minus_log_p.shape == (num_samples, 6)
    np.testing.assert_allclose(terms.log_likelihood, log_likelihood, rtol=1e-5)
    np.testing.assert_allclose(terms.log_q_minus_log_p, log_q - log_p, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(terms.reconstruction, -log_likelihood.mean(axis=0), rtol=1e-5)

    z_mean, z_log_var = (np.asarray(part, np.float64) for part in model.encode(images))
    kl = -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))
    np.testing.assert_allclose(terms.kl_by_dimension, kl, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.kl_by_dimension(terms.posterior), kl, rtol=1e-4, atol=1e-6)
    loss = -log_likelihood.mean(axis=0) + beta * kl.sum(axis=1)
    np.testing.assert_allclose(model.loss_of(terms), loss, rtol=1e-5)
    np.testing.assert_allclose(model.objective(terms, beta), loss, rtol=1e-5)

    model.sampling.restart(11)
    losses = model.compute_losses(images, num_samples=num_samples)
    np.testing.assert_allclose(losses["loss"], loss, rtol=1e-5)


def test_the_mean_of_log_q_minus_log_p_approaches_the_kl():
    model, images = make(), make_images()
    model.sampling.restart(0)
    terms = model.terms(images, num_samples=20_000)
    ratios = np.asarray(terms.log_q_minus_log_p, np.float64)
    standard_error = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert np.all(np.abs(ratios.mean(axis=0) - terms.kl) < 4 * standard_error)
    assert np.all(standard_error < 0.02 * np.asarray(terms.kl))


def test_without_a_closed_form_the_kl_is_the_mean_over_the_samples():
    model, images = make(), make_images()
    terms = model.terms(images, num_samples=3)
    estimated = terms._replace(kl_by_dimension=None)
    expected = np.mean(terms.log_q_minus_log_p, axis=0)
    np.testing.assert_allclose(estimated.kl, expected, rtol=1e-6)
    np.testing.assert_allclose(model.loss_of(estimated), terms.reconstruction + expected, rtol=1e-6)
