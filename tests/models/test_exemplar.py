"""The exemplar prior against SciPy, quadrature, and what the encoder returned for each batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from data import splits
from models.priors.exemplar import Exemplar
from tests.models.densities import check_density_and_samples
from tests.settings import make_settings

SHAPE, LATENT_DIM, K = (8, 8, 1), 2, 24
IMAGES = np.random.default_rng(0).random((50, *SHAPE)).astype(np.float32)


def build(**flags) -> models.VAE:
    flags = {"hidden_dim": (12,), "latent_dim": LATENT_DIM, "num_components": K, **flags}
    return models.build(SHAPE, make_settings(prior="exemplar", **flags))


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
    check_density_and_samples(make_prior(), reach=12)


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


def test_a_step_leaves_out_the_image_itself_and_evaluation_changes_no_mean():
    model = build()
    before = np.array(model.prior.means)
    model.compute_losses(IMAGES)
    np.testing.assert_array_equal(model.prior.means, before)
    terms = model.terms(IMAGES, 3, training=True)
    assert terms.log_p.shape == (3, len(IMAGES))
    means = np.asarray(terms.posterior.mean)
    for image, log_p in enumerate(np.asarray(terms.log_p).T):
        others = np.delete(means, image, axis=0)
        expected = log_prob_by_scipy(others, 0.0, terms.z[:, image])
        np.testing.assert_allclose(log_p, expected, rtol=1e-5)
    assert np.all(np.any(np.asarray(model.prior.means) != before, axis=1))


def test_the_only_image_of_a_batch_is_its_own_exemplar():
    terms = build().terms(IMAGES[:1], training=True)
    expected = log_prob_by_scipy(terms.posterior.mean, 0.0, terms.z)
    np.testing.assert_allclose(terms.log_p, expected, rtol=1e-5)


def test_means_far_from_0_cost_no_digits():
    prior = make_prior()
    z = np.random.default_rng(2).normal(0, 2, (7, LATENT_DIM)).astype(np.float32)
    expected = prior.log_prob(z)
    prior.means.assign(prior.means + 1000)
    np.testing.assert_allclose(prior.log_prob(z + 1000), expected, rtol=1e-3)


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


def test_in_a_step_the_gradient_reaches_both_ends_of_each_distance():
    """Against finite differences with respect to the posterior means, and to log σ²."""
    prior = make_prior()
    rng = np.random.default_rng(5)
    means, noise = rng.normal(0, 2, (6, LATENT_DIM)), rng.normal(0, 0.5, (6, LATENT_DIM))

    def total(means, log_var=-1.0):
        log_p = [
            log_prob_by_scipy(np.delete(means, image, axis=0), log_var, means[image] + noise[image])
            for image in range(6)
        ]
        return np.sum(log_p)

    with tf.GradientTape() as tape:
        means_32 = tf.constant(means, tf.float32)
        tape.watch(means_32)
        posterior = models.DiagonalGaussian(means_32, tf.zeros_like(means_32))
        found = prior.observe(posterior, (means_32 + tf.constant(noise, tf.float32))[None])
    of_means, of_log_var = tape.gradient(found, [means_32, prior.log_var.value])
    step = 1e-5
    for place in np.ndindex(means.shape):
        offset = np.zeros_like(means)
        offset[place] = step
        expected = (total(means + offset) - total(means - offset)) / (2 * step)
        assert float(of_means[place]) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    expected = (total(means, -1.0 + step) - total(means, -1.0 - step)) / (2 * step)
    assert float(of_log_var) == pytest.approx(expected, rel=1e-3)


def test_a_model_learns_digits_as_with_the_standard_normal():
    train, validation = splits.load_train_and_validation("digits", binarize="static")
    losses = {}
    for prior, flags in {"standard_normal": {}, "exemplar": {"num_components": 1000}}.items():
        settings = make_settings(prior=prior, hidden_dim=(64,), latent_dim=5, **flags)
        model = models.build(SHAPE, settings)
        model.compile(optimizer=keras.optimizers.Adam(0.005))
        images = tf.data.Dataset.from_tensor_slices(train.images / np.float32(255))
        model.fit(images.batch(100), epochs=20, shuffle=False, verbose=0)
        found = model.compute_losses(validation.images / np.float32(255))["loss"]
        losses[prior] = float(np.mean(found))
    assert losses["standard_normal"] < 27  # 45 before the training
    assert losses["exemplar"] < losses["standard_normal"] + 1.5


def test_replicas_must_exchange_their_images():
    assert build().compares_images
    assert not models.build(SHAPE, make_settings()).compares_images


def test_a_saved_model_keeps_the_means(tmp_path):
    model = build()
    model.terms(IMAGES, training=True)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(opened.prior.means, model.prior.means)
    np.testing.assert_array_equal(opened.generate(4, seed=1), model.generate(4, seed=1))
