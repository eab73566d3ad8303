"""The exemplar prior against SciPy, quadrature, and what the encoder returned for each batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from models.priors.exemplar import Exemplar
from tests.settings import make_settings

SHAPE, LATENT_DIM, K = (8, 8, 1), 2, 24
IMAGES = np.random.default_rng(0).random((50, *SHAPE)).astype(np.float32)


def build(num_train: int = 1000, **flags) -> models.VAE:
    flags = {"hidden_dim": (12,), "latent_dim": LATENT_DIM, "num_components": K, **flags}
    return models.build(SHAPE, make_settings(prior="exemplar", **flags), num_train=num_train)


def make_prior(log_var: float = -1.0) -> Exemplar:
    prior = Exemplar(K)
    prior.build((None, LATENT_DIM))
    prior.means.assign(np.random.default_rng(1).normal(0, 2, (K, LATENT_DIM)))
    prior.log_var.assign(log_var)
    return prior


def log_prob_by_scipy(means: np.ndarray, log_var: float, z: np.ndarray) -> np.ndarray:
    z, means = np.asarray(z, np.float64), np.asarray(means, np.float64)
    log_probs = scipy.stats.norm.logpdf(z[..., None, :], means, np.exp(log_var / 2)).sum(axis=-1)
    return scipy.special.logsumexp(log_probs, axis=-1) - np.log(len(means))


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
def test_log_prob_is_that_of_scipys_mixture(shape):
    prior = make_prior()
    z = np.random.default_rng(2).normal(0, 2, (*shape, LATENT_DIM)).astype(np.float32)
    found = prior.log_prob(z)
    assert found.shape == shape
    np.testing.assert_allclose(found, log_prob_by_scipy(prior.means, -1.0, z), rtol=1e-5)


def test_log_prob_keeps_its_digits_where_sigma_is_a_hundredth_of_the_spread():
    prior = make_prior(-8.0)
    z = np.asarray(prior.means) + np.float32(np.exp(-4))
    found = prior.log_prob(z)
    np.testing.assert_allclose(found, log_prob_by_scipy(prior.means, -8.0, z), atol=0.02)


def test_the_density_integrates_to_one_and_has_the_moments_of_samples():
    prior = make_prior()
    axis = np.linspace(-12, 12, 481, dtype=np.float32)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(np.asarray(prior.log_prob(z), np.float64)) * (axis[1] - axis[0]) ** 2
    assert density.sum() == pytest.approx(1, abs=1e-4)
    mean = density @ z
    covariance = (z - mean).T @ ((z - mean) * density[:, None])
    samples = np.asarray(prior.sample(20_000, seed=3))
    error = np.sqrt(np.diag(covariance) / len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 4 * error)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.05 * covariance.max())


def test_the_exported_arrays_are_the_mixture():
    prior = make_prior()
    arrays = prior.arrays()
    np.testing.assert_allclose(arrays["weights"], np.full(K, 1 / K))
    np.testing.assert_array_equal(arrays["means"], prior.means)
    np.testing.assert_allclose(arrays["stddevs"], np.full((K, LATENT_DIM), np.exp(-0.5)))


def test_the_means_are_the_last_that_training_has_seen_with_the_encoder_of_their_step():
    """In three batches of 20, 20 and 10 images, the last 24 are 14 of the second and the third."""
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    seen = []
    for start in (0, 20, 40):
        seen.append(np.asarray(model.encode(IMAGES[start : start + 20]).mean))
        model.train_step(tf.constant(IMAGES[start : start + 20]))
    np.testing.assert_allclose(model.prior.means, np.concatenate(seen)[-K:], rtol=1e-5, atol=1e-6)
    assert np.abs(np.asarray(model.encode(IMAGES[-K:]).mean) - model.prior.means).max() > 0.01


def test_a_batch_larger_than_the_mixture_leaves_its_last_images():
    model = build(num_components=7)
    expected = np.asarray(model.encode(IMAGES).mean)[-7:]
    model.terms(IMAGES, training=True)
    np.testing.assert_allclose(model.prior.means, expected, rtol=1e-5, atol=1e-6)


def test_a_step_sees_the_means_before_its_batch_and_evaluation_changes_none():
    model = build()
    before = np.array(model.prior.means)
    model.compute_losses(IMAGES)
    np.testing.assert_array_equal(model.prior.means, before)
    terms = model.terms(IMAGES, training=True)
    np.testing.assert_allclose(terms.log_p, log_prob_by_scipy(before, 0.0, terms.z), rtol=1e-5)
    assert np.all(np.any(np.asarray(model.prior.means) != before, axis=1))


def test_the_gradient_of_log_prob_is_that_of_finite_differences():
    prior = make_prior()
    z = np.random.default_rng(4).normal(0, 2, (6, LATENT_DIM))
    with tf.GradientTape() as tape:
        z_32 = tf.constant(z, tf.float32)
        tape.watch(z_32)
        total = tf.reduce_sum(prior.log_prob(z_32))
    of_z, of_log_var = tape.gradient(total, [z_32, prior.log_var.value])
    step = 1e-5
    for dim, offset in enumerate(np.eye(LATENT_DIM) * step):
        ends = [log_prob_by_scipy(prior.means, -1.0, z + sign * offset) for sign in (1, -1)]
        np.testing.assert_allclose(of_z[:, dim], (ends[0] - ends[1]) / (2 * step), rtol=1e-3)
    ends = [log_prob_by_scipy(prior.means, -1.0 + sign * step, z).sum() for sign in (1, -1)]
    assert float(of_log_var) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3)


def test_the_gradient_of_a_mean_has_what_it_adds_to_the_density_of_earlier_samples():
    """Against finite differences of Σ_j log(p(z_j) + N(z_j; m_i, σ²) / K); the value is log p."""
    prior = make_prior()
    rng = np.random.default_rng(5)
    earlier = rng.normal(0, 2, (K, LATENT_DIM))
    log_p = log_prob_by_scipy(prior.means, -1.0, earlier)
    prior.z.assign(earlier)
    prior.log_p.assign(log_p)
    mean = rng.normal(0, 2, (6, LATENT_DIM))
    z = tf.constant(rng.normal(0, 2, (3, 6, LATENT_DIM)), tf.float32)
    before = np.array(prior.means)
    with tf.GradientTape() as tape:
        mean_32 = tf.constant(mean, tf.float32)
        tape.watch(mean_32)
        found = prior.observe(models.DiagonalGaussian(mean_32, tf.zeros_like(mean_32)), z)
        of_mean, of_log_var = tape.gradient(found[0], [mean_32, prior.log_var.value])
    np.testing.assert_allclose(found, log_prob_by_scipy(before, -1.0, z), rtol=1e-5)
    np.testing.assert_array_equal(prior.z[-6:], z[0])
    np.testing.assert_allclose(prior.log_p[-6:], found[0])

    def gain(means):
        log_kernels = [
            scipy.stats.norm.logpdf(earlier, each, np.exp(-0.5)).sum(axis=-1) for each in means
        ]
        return np.logaddexp(log_p, np.array(log_kernels) - np.log(K)).sum(axis=-1)

    step = 1e-5
    for dim, offset in enumerate(np.eye(LATENT_DIM) * step):
        expected = (gain(mean + offset) - gain(mean - offset)) / (2 * step)
        np.testing.assert_allclose(of_mean[:, dim], expected, rtol=1e-3)
    ends = [log_prob_by_scipy(before, -1.0 + sign * step, z[0]).sum() for sign in (1, -1)]
    assert float(of_log_var) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3)


def test_replicas_must_exchange_their_images():
    assert build().compares_images
    assert not models.build(SHAPE, make_settings()).compares_images


@pytest.mark.parametrize(("num_train", "expected"), [(1000, K), (48, K), (47, 23), (1, 1)])
def test_it_holds_at_most_half_of_the_training_images(num_train, expected):
    """More would often include the image of the step itself."""
    assert build(num_train).prior.num_components == expected


def test_a_saved_model_keeps_the_means(tmp_path):
    model = build()
    model.terms(IMAGES, training=True)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(opened.prior.means, model.prior.means)
    np.testing.assert_array_equal(opened.generate(4, seed=1), model.generate(4, seed=1))
