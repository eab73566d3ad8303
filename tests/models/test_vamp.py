"""The VampPrior against SciPy's mixture of what the encoder returns for the pseudo-inputs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from tests.models.densities import check_density_and_samples
from tests.settings import make_settings

SHAPE, LATENT_DIM, NUM_COMPONENTS = (8, 8, 1), 2, 5
IMAGES = np.random.default_rng(0).random((32, *SHAPE)).astype(np.float32)


def build(**flags) -> models.VAE:
    """Returns a model whose pseudo-inputs have different posteriors; some pixels exceed [0, 1]."""
    flags = {"hidden_dim": (12,), "num_components": NUM_COMPONENTS, **flags}
    model = models.build(SHAPE, make_settings(prior="vamp", latent_dim=LATENT_DIM, **flags))
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def log_prob_by_scipy(model: models.VAE, z: np.ndarray) -> np.ndarray:
    """Returns the logarithm of equation 9 in float64."""
    pseudo_inputs = np.clip(np.asarray(model.prior.pixels), 0, 1)
    means, log_vars = (np.asarray(each, np.float64) for each in model.encode(pseudo_inputs))
    log_probs = [
        scipy.stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=-1)
        for mean, log_var in zip(means, log_vars, strict=True)
    ]
    return scipy.special.logsumexp(log_probs, axis=0) - np.log(len(means))


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
def test_log_prob_is_that_of_scipys_mixture_of_the_encoders_outputs(shape):
    model = build()
    z = np.random.default_rng(2).normal(0, 2, (*shape, LATENT_DIM)).astype(np.float32)
    found = model.prior.log_prob(z)
    assert found.shape == shape
    np.testing.assert_allclose(found, log_prob_by_scipy(model, z), rtol=1e-5)


def test_log_prob_keeps_its_digits_where_posteriors_are_narrow_and_far_away():
    """Σ z²/s² is 10⁹ there: float32 would be off by 100 nats."""
    model = build()
    model.encoder.z_log_var.bias.assign([-14.0, -14.0])
    model.encoder.z_mean.bias.assign([30.0, -30.0])
    _, (means, log_vars) = model.prior.components()
    z = np.asarray(means) + np.exp(np.asarray(log_vars) / 2)
    np.testing.assert_allclose(model.prior.log_prob(z), log_prob_by_scipy(model, z), rtol=1e-4)


def test_the_density_integrates_to_one_and_has_the_moments_of_samples():
    check_density_and_samples(build().prior, reach=15)


def test_first_pixels_are_those_of_the_paper_and_depend_on_the_seed():
    pixels = [
        np.asarray(models.build(SHAPE, make_settings(prior="vamp", seed=seed)).prior.pixels)
        for seed in (0, 0, 1)
    ]
    assert pixels[0].shape == (500, *SHAPE)
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert np.all(pixels[0] != pixels[2])
    assert pixels[0].mean() == pytest.approx(0.05, abs=1e-3)
    assert pixels[0].std() == pytest.approx(0.01, rel=0.02)


def test_the_gradient_of_log_prob_reaches_pixels_inside_the_range_and_the_encoder():
    model = build()
    z = tf.random.stateless_normal((6, LATENT_DIM), (0, 1))
    pixels = model.prior.pixels
    encoder = [weight.value for weight in model.encoder.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.prior.log_prob(z))
    of_pixels, *of_encoder = tape.gradient(loss, [pixels.value, *encoder])
    inside = (np.asarray(pixels) > 0) & (np.asarray(pixels) < 1)
    assert 0.2 < inside.mean() < 0.9
    np.testing.assert_array_equal(np.asarray(of_pixels) != 0, inside)
    assert all(np.any(np.asarray(gradient) != 0) for gradient in of_encoder)


def test_dropout_and_corruption_do_not_apply_to_pseudo_inputs():
    model = build(dropout=0.5, corruption=0.5)
    terms = model.terms(IMAGES, training=True)
    log_q = terms.posterior.log_prob(terms.z)
    log_p = log_prob_by_scipy(model, np.asarray(terms.z, np.float64))
    np.testing.assert_allclose(log_q - terms.log_q_minus_log_p, log_p, rtol=1e-4, atol=1e-4)


def test_a_saved_model_has_the_encoder_once_and_continues_training(tmp_path):
    model = build()
    model.compile(optimizer="adam")
    model.fit(IMAGES, batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert [weight.name for weight in opened.prior.weights] == ["pixels"]
    assert len(opened.weights) == len(model.weights)
    assert opened.prior.encode.__self__ is opened.encoder
    np.testing.assert_array_equal(opened.generate(4, seed=1), model.generate(4, seed=1))
    for each in (model, opened):
        each.sampling.restart(7)  # the file has no position in the stream of noise
        each.train_step(tf.constant(IMAGES))
    for found, expected in zip(opened.weights, model.weights, strict=True):
        np.testing.assert_allclose(found, expected, 1e-4, 1e-6, err_msg=found.path)


def test_in_half_precision_the_density_is_that_of_the_networks_outputs():
    model = build(precision="mixed_bfloat16")
    z = np.random.default_rng(2).normal(0, 2, (7, LATENT_DIM)).astype(np.float32)
    found = model.prior.log_prob(z)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, log_prob_by_scipy(model, z), rtol=1e-4)


def test_it_cannot_be_sampled_before_the_model_knows_the_images_shape():
    prior = models.priors.VampPrior()
    model = models.VAE(models.Encoder(2), models.Decoder(SHAPE), prior=prior)
    with pytest.raises(ValueError, match=r"type model\.build"):
        model.generate(1)
