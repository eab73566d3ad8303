"""The doubly reparameterized gradient: equation 8 in NumPy, its mean and its variance."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import models
from models.objectives import DoublyReparameterized, Iwae, StickingTheLanding
from tests.linear_gaussian import SHAPE, STDDEV, make_linear
from tests.settings import make_settings

IMAGES = np.random.default_rng(5).random((4, *SHAPE), np.float32)


class PriorOfEncoder(models.priors.Prior):
    """N(m, I), whose mean is a variable of the encoder."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def log_prob(self, z):
        mean = self.encoder.z_mean.bias
        return models.DiagonalGaussian(mean, tf.zeros(3)).log_prob(z)


def prepare(model, objective, beta=1.0, optimizer=None):
    model.objective, model.beta = objective, beta
    model.compile(optimizer=optimizer or keras.optimizers.SGD())
    model.optimizer.build(model.trainable_variables)
    model.sampling.restart(3)
    return model


def differentiate(model, batch=IMAGES):
    """Returns the gradients by the path of their variable, and the terms."""
    gradients, terms, _ = model.differentiate(batch)
    variables = model.trainable_variables
    named = {each.path: np.asarray(g) for each, g in zip(variables, gradients, strict=True)}
    return named, terms


@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_the_gradient_is_equation_8(beta):
    model, matrix, offset = make_linear(np.random.default_rng(0), error=0.7)
    prepare(model, DoublyReparameterized(5), beta)
    found, terms = differentiate(model)
    mean, log_var, z = (np.asarray(part, np.float64) for part in (*terms.posterior, terms.z))
    errors = (IMAGES.reshape(4, 16) - offset - z @ matrix.T) / STDDEV**2
    ratio = np.sum(z**2 - (z - mean) ** 2 / np.exp(log_var) - log_var, axis=-1) / 2
    log_weights = -np.sum(errors**2, axis=-1) * STDDEV**2 / 2 - beta * ratio
    weights = scipy.special.softmax(log_weights, axis=0)[..., None]  # (k, batch, 1)

    of_z = errors @ matrix + beta * ((z - mean) / np.exp(log_var) - z)
    path = weights * (1 + beta * (weights - 1)) * of_z  # v_i² where β = 1
    expected = {
        "z_mean/bias": path.sum(axis=0),
        "z_log_var/bias": np.sum(path * (z - mean) / 2, axis=0),
        "logits/bias": np.sum(weights * errors, axis=0),
    }
    for name, of_images in expected.items():
        gradient = next(each for path, each in found.items() if path.endswith(name))
        np.testing.assert_allclose(
            gradient, -of_images.mean(axis=0), rtol=1e-3, atol=1e-4, err_msg=name
        )


def draw_gradients(model, count):
    """Returns gradients as rows, computed in a loop that XLA compiles."""

    def draw(_):
        gradients, _, _ = model.differentiate(tf.constant(IMAGES))
        return tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0)

    draw_all = lambda: tf.map_fn(draw, tf.range(count), tf.float32)  # noqa: E731
    return np.asarray(tf.function(draw_all, jit_compile=True, autograph=False)())


@pytest.mark.parametrize(("beta", "shares"), [(1.0, False), (0.4, True)])
def test_the_mean_is_the_gradient_of_iwae_and_the_variance_of_the_encoder_smaller(beta, shares):
    """Also if the prior has a variable of the encoder."""
    model, _, _ = make_linear(np.random.default_rng(1), error=0.7)
    if shares:
        parts = (model.encoder, model.decoder, model.likelihood)
        model = models.VAE(*parts, PriorOfEncoder(model.encoder))
    draws = {}
    for objective in (DoublyReparameterized(8), Iwae(8)):
        prepare(model, objective, beta)
        draws[type(objective)] = draw_gradients(model, 2000)
    ours, plain = draws[DoublyReparameterized], draws[Iwae]
    error = np.sqrt((ours.var(axis=0) + plain.var(axis=0)) / len(ours))
    assert np.max(np.abs(ours.mean(axis=0) - plain.mean(axis=0)) / error) < 4.5  # of 182 numbers
    assert np.median(error / np.abs(plain.mean(axis=0))) < 0.1
    of_encoder = slice(0, sum(np.size(each) for each in model.encoder.trainable_variables))
    assert ours[:, of_encoder].var(axis=0).sum() < 0.7 * plain[:, of_encoder].var(axis=0).sum()


def make_model(**flags) -> keras.Model:
    keras.utils.clear_session()
    settings = make_settings(hidden_dim=(5,), latent_dim=3, **flags)
    model = models.build((4, 4, 1), settings, num_classes=10, num_train=4)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    return model


def test_with_one_sample_it_is_the_path_derivative():
    model = make_model(prior="mixture")
    found, _ = differentiate(prepare(model, DoublyReparameterized(1), 0.4))
    expected, _ = differentiate(prepare(model, StickingTheLanding(), 0.4))
    for name, gradient in expected.items():
        np.testing.assert_array_equal(found[name], gradient, err_msg=name)


def test_decoder_and_prior_have_the_gradient_of_iwae_and_the_value_is_the_same():
    model = make_model(prior="mixture")
    found, terms = differentiate(prepare(model, DoublyReparameterized(7)))
    expected, _ = differentiate(prepare(model, Iwae(7)))
    for part in (model.decoder, model.prior):
        assert part.trainable_variables
        for path in (variable.path for variable in part.trainable_variables):
            np.testing.assert_allclose(found[path], expected[path], rtol=1e-5, atol=1e-6)
    ours, plain = (each(terms, 0.4) for each in (DoublyReparameterized(7), Iwae(7)))
    np.testing.assert_allclose(ours, plain, rtol=1e-6)


def test_the_gradient_of_an_added_loss_is_not_weighted():
    batch = (tf.constant(IMAGES), tf.constant([1, -1, 2, 3]))
    model = make_model(model="classifier_vae", classifier_dims=(3,))
    gradients = {}
    for weight in (0.0, 2.0):
        model.classifier_weight = weight
        gradients[weight], _ = differentiate(prepare(model, DoublyReparameterized(6)), batch)
    prepare(model, DoublyReparameterized(6))
    with tf.GradientTape() as tape:
        added = tf.reduce_mean(model.terms(batch, 6, training=True).added)
    variables = model.encoder.trainable_variables
    for variable, expected in zip(variables, tape.gradient(added, variables), strict=True):
        found = gradients[2.0][variable.path] - gradients[0.0][variable.path]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert np.any(expected != 0)


def test_the_scale_of_the_loss_scales_every_gradient():
    model = make_model()
    plain, _ = differentiate(prepare(model, DoublyReparameterized(6)))
    optimizer = models.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**10)
    scaled, _ = differentiate(prepare(model, DoublyReparameterized(6), optimizer=optimizer))
    for name, gradient in plain.items():
        np.testing.assert_allclose(scaled[name], 2.0**10 * gradient, rtol=1e-5, err_msg=name)
