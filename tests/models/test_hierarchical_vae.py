"""A hierarchy of latent variables against NumPy, closed forms, and the VAE of one level."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from models.hierarchical_vae import HierarchicalVAE
from models.objectives import DoublyReparameterized, Elbo, Iwae, StickingTheLanding
from tests.linear_gaussian import SHAPE, STDDEV, LinearGaussian, find_log_p
from tests.models.test_vae import dense, draw_noise, make_images
from tests.settings import make_settings

LEVELS = (3, 2, 1)
IMAGE_SHAPE = (4, 5, 1)


def make(levels: tuple[int, ...] | int = LEVELS, **changes: Any) -> Any:
    """Returns a model whose weights, biases too, are drawn from N(0, 0.5²)."""
    flags = {"model": "hierarchical_vae", "hidden_dim": (7,), "conditional_dims": (6, 5), **changes}
    if flags["model"] == "vae":
        del flags["conditional_dims"]
    model = models.build(IMAGE_SHAPE, make_settings(latent_dim=levels, **flags))
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def gaussian_in_numpy(network, inputs):
    """Returns mean and standard deviation, (batch, dim), of a fully connected network."""
    for layer in network.hidden:
        inputs = np.tanh(dense(layer.dense, inputs))
    return dense(network.z_mean, inputs), np.exp(dense(network.z_log_var, inputs) / 2)


def terms_in_numpy(model, images, epsilon):
    """Returns log p(x|z), log q(z|x), log p(z), and the KL of each level, for noise (batch, 6)."""
    x = images.reshape(len(images), -1).astype(np.float64)
    features = np.tanh(dense(model.encoder.hidden[0].dense, x))
    q3 = dense(model.encoder.z_mean, features), np.exp(dense(model.encoder.z_log_var, features) / 2)
    e1, e2, e3 = np.split(epsilon, [3, 5], axis=1)
    z3 = q3[0] + q3[1] * e3
    q2 = gaussian_in_numpy(model.posteriors[1], np.hstack([features, z3]))
    z2 = q2[0] + q2[1] * e2
    q1 = gaussian_in_numpy(model.posteriors[0], np.hstack([features, z2, z3]))
    z1 = q1[0] + q1[1] * e1
    p3 = np.zeros_like(z3), np.ones_like(z3)
    p2 = gaussian_in_numpy(model.priors[1], z3)
    p1 = gaussian_in_numpy(model.priors[0], np.hstack([z2, z3]))

    hidden = np.tanh(dense(model.decoder.hidden[0].dense, np.hstack([z1, z2, z3])))
    white = scipy.special.expit(dense(model.decoder.logits, hidden))
    log_likelihood = (x * np.log(white) + (1 - x) * np.log(1 - white)).sum(axis=1)
    z = np.hstack([z1, z2, z3])
    log_q, log_p = (
        scipy.stats.norm.logpdf(z, *map(np.hstack, zip(*levels, strict=True))).sum(axis=1)
        for levels in ((q1, q2, q3), (p1, p2, p3))
    )
    kl = [
        (np.log(p[1] / q[1]) + (q[1] ** 2 + (q[0] - p[0]) ** 2) / (2 * p[1] ** 2) - 0.5)
        for q, p in ((q1, p1), (q2, p2), (q3, p3))
    ]
    return z, log_likelihood, log_q, log_p, kl


@pytest.mark.parametrize("num_samples", [1, 3])
def test_every_term_is_that_of_numpy(num_samples):
    model, images = make(beta=0.4), make_images()
    epsilon = draw_noise(model, (6, 6), 11, num_samples).reshape(num_samples, 6, 6)
    expected = [terms_in_numpy(model, images, each) for each in epsilon]
    z, log_likelihood, log_q, log_p = (
        np.stack(part) for part in zip(*(each[:4] for each in expected), strict=True)
    )
    kl = np.mean([np.hstack(each[4]) for each in expected], axis=0)  # over samples, (6, 6)
    terms = model.terms(images, num_samples=num_samples)
    np.testing.assert_allclose(terms.z, z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(terms.log_likelihood, log_likelihood, rtol=1e-5)
    np.testing.assert_allclose(terms.log_q_minus_log_p, log_q - log_p, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(terms.posterior.log_prob(terms.z), log_q, rtol=1e-4)
    np.testing.assert_allclose(model.log_prior(terms.z), log_p, rtol=1e-4)
    np.testing.assert_allclose(terms.kl_by_dimension, kl, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(terms.kl, kl.sum(axis=1), rtol=1e-5)
    levels = [part.sum(axis=1) for part in np.split(kl, [3, 5], axis=1)]
    model.sampling.restart(11)
    losses = model.compute_losses(images, num_samples=num_samples)
    for level, of_level in enumerate(levels, start=1):
        np.testing.assert_allclose(losses[f"kl_{level}"], of_level, rtol=1e-4)
    np.testing.assert_allclose(
        losses["loss"], -log_likelihood.mean(axis=0) + 0.4 * kl.sum(axis=1), rtol=1e-5
    )


def test_the_parts_of_the_kl_are_the_means_of_log_q_minus_log_p():
    """With a mixture as the prior of the top level, whose KL is estimated from the samples."""
    model, images = make(prior="mixture"), make_images()
    terms = model.terms(images, num_samples=20_000)
    assert terms.kl_by_dimension is None
    ratios = np.asarray(terms.log_q_minus_log_p, np.float64)
    error = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert np.all(np.abs(ratios.mean(axis=0) - terms.kl) < 5 * error)
    assert np.all(error < 0.05 * np.asarray(terms.kl))


def test_with_dropout_the_density_is_that_of_the_distribution_that_was_sampled():
    """Far apart at this rate otherwise: log q(z|x) of z = μ + σ ε is that of ε, minus Σ log σ."""
    model, images = make((3, 1), dropout=0.5, hidden_dim=(40,)), make_images()
    model.sampling.restart(2)
    terms = model.terms(images, training=True)
    posterior, z = terms.posterior, terms.z[0]
    epsilon = draw_noise(model, (6, 4), 2).reshape(6, 4)
    log_sigma = (
        np.hstack(
            [
                q.log_var[0] if q.log_var.ndim == 3 else q.log_var
                for q in posterior.condition(terms.z)
            ]
        )
        / 2
    )
    expected = (scipy.stats.norm.logpdf(epsilon) - log_sigma).sum(axis=1)
    found = terms.log_q_minus_log_p[0] + model.log_prior(z)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_encode_gives_each_level_at_the_means_of_those_above():
    model, images = make(), make_images()
    z, *_ = terms_in_numpy(model, images, np.zeros((6, 6)))
    posterior = model.encode(images)
    np.testing.assert_allclose(posterior.mean, z, rtol=1e-4, atol=1e-5)
    unit = np.asarray(posterior.sample(np.ones((6, 6))), np.float64) - z
    ones = [np.eye(6)[5], np.zeros(6)]  # noise in z3 alone leaves its standard deviation
    shifted, *_ = terms_in_numpy(model, images, np.tile(ones[0], (6, 1)))
    np.testing.assert_allclose(unit[:, 5], (shifted - z)[:, 5], rtol=1e-3)
    np.testing.assert_allclose(model.reconstruct(images), model.decode(z), atol=1e-6)


@pytest.mark.parametrize("objective", ["elbo", "stl", "iwae"])
def test_with_one_level_it_is_the_vae(objective):
    images = tf.constant(make_images())
    vae, hierarchy = (
        make(4, model=each, objective=objective) for each in ("vae", "hierarchical_vae")
    )
    for model in (vae, hierarchy):
        model.compile(optimizer=keras.optimizers.Adam(0.01))
    for _ in range(3):
        expected, found = vae.train_step(images), hierarchy.train_step(images)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-6), name
    pairs = zip(hierarchy.trainable_variables, vae.trainable_variables, strict=True)
    for one, two in pairs:
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(hierarchy.sample_prior(5, seed=2), vae.sample_prior(5, seed=2))
    np.testing.assert_allclose(hierarchy.encode(images), vae.encode(images), rtol=1e-4, atol=1e-6)


# ------------------------------------------- a linear model, whose log p(x) is known


def set_gaussian(network, slope: np.ndarray, start: float, variance: float) -> None:
    """Makes a network without hidden layers give N(slopeᵀ inputs + start, variance)."""
    network.z_mean.set_weights([slope, np.array([start])])
    network.z_log_var.set_weights([np.zeros(slope.shape), np.array([np.log(variance)])])


def make_linear(rng: np.random.Generator, error: float) -> tuple[Any, np.ndarray, np.ndarray]:
    """Returns a linear-Gaussian hierarchy of three levels, one dimension each.

    x ~ N(matrix u + offset, σ² I) with u ~ N(0, I), (3,). Its posteriors are the true ones; or
    their means are wrong by ``error`` standard deviations.
    """
    encoder = models.Encoder(1, (), name="encoder")
    decoder = models.Decoder(SHAPE, (), name="decoder")
    networks = [[models.Encoder(1, ()) for _ in range(2)] for _ in range(2)]
    model = HierarchicalVAE(encoder, decoder, *networks, LinearGaussian(STDDEV))
    model.build((None, *SHAPE))
    # z3 = u3, z2 = 0.3 + 0.8 z3 + 0.5 u2, z1 = -0.2 + 0.6 z2 - 0.4 z3 + 0.7 u1.
    slopes, starts = [np.array([[0.6], [-0.4]]), np.array([[0.8]])], [-0.2, 0.3]
    stddevs = [0.7, 0.5]
    for network, slope, start, stddev in zip(networks[1], slopes, starts, stddevs, strict=True):
        set_gaussian(network, slope, start, stddev**2)
    to_z = np.array([[0.7, 0.6 * 0.5, 0.6 * 0.8 - 0.4], [0, 0.5, 0.8], [0, 0, 1]])  # of u
    center = np.array([-0.2 + 0.6 * 0.3, 0.3, 0])
    loading, bias = rng.normal(0, 0.5, (16, 3)), rng.normal(0.5, 0.1, 16)
    decoder.logits.set_weights([loading.T, bias])
    # z_l given (x, z_{>l}) is Gaussian: its mean and variance from the joint distribution.
    of_x = loading @ to_z
    joint = np.vstack([of_x, to_z])  # of (x, z1, z2, z3)
    covariance = joint @ joint.T
    covariance[:16, :16] += STDDEV**2 * np.eye(16)
    means = np.concatenate([loading @ center + bias, center])
    for level, network in enumerate((*networks[0], encoder)):
        given = [*range(16), *range(17 + level, 19)]
        own = 16 + level
        slope = np.linalg.solve(covariance[np.ix_(given, given)], covariance[given, own])
        variance = covariance[own, own] - slope @ covariance[given, own]
        start = means[own] - slope @ means[given] + error * np.sqrt(variance)
        set_gaussian(network, slope[:, None], start, variance)
    model.compile(optimizer=keras.optimizers.SGD())
    return model, of_x, means[:16]


def differentiate(model, images, objective, beta=1.0):
    """Returns the gradients of the networks in q(z|x), as one array, and the objective."""
    model.objective, model.beta = objective, beta
    gradients, _, value = model.differentiate(tf.constant(images))
    networks = (model.encoder, *model.posteriors)
    own = {id(variable) for network in networks for variable in network.trainable_variables}
    pairs = zip(model.trainable_variables, gradients, strict=True)
    return tf.concat([tf.reshape(g, [-1]) for each, g in pairs if id(each) in own], 0), value


@pytest.mark.parametrize("num_samples", [1, 4])
def test_with_the_true_posterior_every_importance_weight_is_p_of_x(num_samples):
    rng = np.random.default_rng(0)
    model, matrix, offset = make_linear(rng, error=0)
    images = rng.random((20, *SHAPE), np.float32)
    terms = model.terms(images, num_samples)
    expected = find_log_p(matrix, offset, images)
    weights = terms.log_likelihood - terms.log_q_minus_log_p
    np.testing.assert_allclose(weights, np.tile(expected, (num_samples, 1)), rtol=2e-4)


def test_elsewhere_the_elbo_is_below_log_p_and_many_samples_reach_it():
    rng = np.random.default_rng(1)
    model, matrix, offset = make_linear(rng, error=0.4)
    images = rng.random((5, *SHAPE), np.float32)
    expected = find_log_p(matrix, offset, images)
    terms = model.terms(images, 20_000)
    weights = np.asarray(terms.log_likelihood - terms.log_q_minus_log_p, np.float64)
    error = weights.std(axis=0) / np.sqrt(len(weights))
    elbo = weights.mean(axis=0)
    np.testing.assert_allclose(elbo, terms.log_likelihood.numpy().mean(axis=0) - terms.kl, atol=0.1)
    # Each level's mean is 0.4 standard deviations off: KL(q ‖ p(z|x)) = 3 · 0.4² / 2.
    np.testing.assert_array_less(np.abs(expected - elbo - 0.24), 5 * error)
    estimate = scipy.special.logsumexp(weights, axis=0) - np.log(len(weights))
    np.testing.assert_allclose(estimate, expected, atol=0.03)


@pytest.mark.parametrize("objective", [StickingTheLanding(), DoublyReparameterized(3)])
def test_the_path_derivative_vanishes_at_the_true_posterior(objective):
    rng = np.random.default_rng(2)
    model, matrix, offset = make_linear(rng, error=0)
    images = rng.random((30, *SHAPE), np.float32)
    gradient, value = differentiate(model, images, objective)
    np.testing.assert_allclose(value, -find_log_p(matrix, offset, images), rtol=2e-4)
    plain, _ = differentiate(model, images, Elbo())
    assert np.abs(gradient).max() < 2e-3 * np.abs(plain).max()


def test_elsewhere_the_path_derivative_has_the_mean_of_the_gradient():
    """Of the paths between levels too. Each batch has the same two images many times."""
    rng = np.random.default_rng(3)
    model, _, _ = make_linear(rng, error=0.7)
    images = np.tile(rng.random((2, *SHAPE), np.float32), (1000, 1, 1, 1))
    means, variances = [], []
    for objective in (DoublyReparameterized(4), Iwae(4)):
        draws = np.array([differentiate(model, images, objective, 0.8)[0] for _ in range(10)])
        means.append(draws.mean(axis=0))
        variances.append(draws.var(axis=0, ddof=1))
    error = np.sqrt(np.sum(variances, axis=0) / 10)
    assert np.max(np.abs(means[0] - means[1]) / error) < 5.5  # of 106 numbers
    assert np.median(error / np.abs(means[1])) < 0.1
    assert variances[0].sum() < 0.7 * variances[1].sum()


def test_samples_of_the_prior_have_its_mean_and_covariance():
    model, matrix, offset = make_linear(np.random.default_rng(3), error=0)
    z = np.asarray(model.sample_prior(40_000, seed=1), np.float64)
    loading, bias = (np.asarray(weight) for weight in model.decoder.logits.get_weights())
    covariance = loading.T @ np.cov(z.T) @ loading
    np.testing.assert_allclose(covariance, matrix @ matrix.T, atol=0.03 * np.abs(covariance).max())
    np.testing.assert_allclose(z.mean(axis=0) @ loading + bias, offset, atol=0.03)
    assert model.sample_prior(2, seed=1).shape == (2, 3)


# ---------------------------------------------------------------- other uses of the model


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_gives_nearly_the_same_losses_in_float32(precision):
    images = make_images()
    expected = make((4, 2)).compute_losses(images)
    found = make((4, 2), precision=precision).compute_losses(images)
    keras.config.set_dtype_policy("float32")
    for name in ("loss", "kl_1", "kl_2"):
        assert found[name].dtype == tf.float32
        assert float(np.mean(found[name])) == pytest.approx(
            float(np.mean(expected[name])), rel=0.03
        )


def test_the_exported_parts_sample_each_level_given_those_above():
    model, images = make(), make_images()
    parts = models.functional.build(model, IMAGE_SHAPE)
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(6, 6)).astype(np.float32)
    z, *_ = terms_in_numpy(model, images, noise)
    found = parts["model"]({"images": 255 * images, "noise": noise})
    np.testing.assert_allclose(found["reconstruction"], 255 * model.decode(z), atol=1e-3)
    np.testing.assert_allclose(found["z_mean"], model.encode(images).mean, atol=1e-5)

    top, noise = (rng.normal(size=(4, dim)).astype(np.float32) for dim in (1, 5))
    mean, stddev = gaussian_in_numpy(model.priors[1], top)
    z2 = mean + stddev * noise[:, 3:]
    mean, stddev = gaussian_in_numpy(model.priors[0], np.hstack([z2, top]))
    expected = np.hstack([mean + stddev * noise[:, :3], z2, top])
    found = parts["prior"]({"z_top": top, "noise": noise})["z"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
