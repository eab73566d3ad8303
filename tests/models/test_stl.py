"""The path derivative: its value, its mean, and zero where the posterior is the true one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.objectives.elbo import Elbo
from models.objectives.stl import StickingTheLanding
from tests.linear_gaussian import SHAPE, find_log_p, make_linear


def differentiate(model, images, objective, num_samples=1):
    """Returns the objective, (batch,), and the encoder's gradients as one array."""
    with tf.GradientTape() as tape:
        value = objective(model.terms(images, num_samples), 1.0)
        total = tf.reduce_sum(value)
    gradients = tape.gradient(total, model.encoder.trainable_variables)
    return np.asarray(value), np.concatenate([np.ravel(each) for each in gradients])


def test_at_the_true_posterior_the_value_is_minus_log_p_and_the_gradient_zero():
    rng = np.random.default_rng(0)
    model, matrix, offset = make_linear(rng, error=0.0)
    images = rng.random((30, *SHAPE), np.float32)
    value, gradient = differentiate(model, images, StickingTheLanding())
    np.testing.assert_allclose(value, -find_log_p(matrix, offset, images), rtol=2e-5)
    _, of_elbo = differentiate(model, images, Elbo())
    assert np.abs(gradient).max() < 1e-3 * np.abs(of_elbo).max()


@pytest.mark.parametrize("error", [0.5, 2.0])
def test_elsewhere_the_mean_is_the_gradient_of_the_elbo(error):
    """The closed form of the KL gives the ELBO's gradient with respect to the encoder."""
    rng = np.random.default_rng(1)
    model, _, _ = make_linear(rng, error)
    images = rng.random((4, *SHAPE), np.float32)
    draws = 20_000
    value, gradient = differentiate(model, images, StickingTheLanding(), draws)
    expected_value, expected = differentiate(model, images, Elbo(), draws)
    np.testing.assert_allclose(value, expected_value, atol=0.1)
    np.testing.assert_allclose(gradient, expected, atol=0.03 * np.abs(expected).max())
    assert np.abs(expected).max() > 1


def test_the_decoder_has_the_gradient_of_the_elbo():
    rng = np.random.default_rng(2)
    model, _, _ = make_linear(rng, error=0.5)
    images = rng.random((4, *SHAPE), np.float32)
    found = []
    for objective in (StickingTheLanding(), Elbo()):
        model.sampling.restart(5)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(objective(model.terms(images), 1.0))
        found.append(tape.gradient(total, model.decoder.trainable_variables))
    for path_derivative, plain in zip(*found, strict=True):
        np.testing.assert_allclose(path_derivative, plain, rtol=1e-5)
