"""The importance-weighted bound: its value and gradient in NumPy, and k = 1."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from models.objectives.iwae import Iwae
from tests.settings import make_settings

IMAGES = np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32)


def make_terms(num_samples: int, num_images: int = 6, seed: int = 0) -> models.Terms:
    rng = np.random.default_rng(seed)
    log_likelihood = tf.constant(rng.normal(-80, 5, (num_samples, num_images)), tf.float32)
    ratio = tf.constant(rng.normal(20, 3, (num_samples, num_images)), tf.float32)
    log_p = tf.constant(rng.normal(-60, 3, (num_samples, num_images)), tf.float32)
    return models.Terms(
        models.DiagonalGaussian(None, None), None, log_likelihood, ratio + log_p, log_p
    )


def bound_in_numpy(terms: models.Terms, beta: float) -> np.ndarray:
    log_likelihood, ratio = (
        np.asarray(part, np.float64) for part in (terms.log_likelihood, terms.log_q_minus_log_p)
    )
    weights = np.exp(log_likelihood - beta * ratio + 100)  # 100 nats up, so that float64 holds it
    return 100 - np.log(weights.mean(axis=0))


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("num_samples", [1, 5, 50])
def test_the_value_is_equation_8(num_samples, beta):
    terms = make_terms(num_samples)
    found = Iwae(num_samples)(terms, beta)
    assert found.shape == (6,)
    np.testing.assert_allclose(found, bound_in_numpy(terms, beta), rtol=1e-5)


def test_the_gradient_weighs_each_sample_by_its_normalized_importance_weight():
    """d/dθ log (1/k) Σ w_i = Σ ŵ_i · d log w_i / dθ: Burda et al. (2016), equation 13."""
    terms = make_terms(5)
    with tf.GradientTape() as tape:
        tape.watch([terms.log_likelihood, terms.log_q, terms.log_p])
        total = tf.reduce_sum(Iwae(5)(terms, 0.5))
    of_likelihood, of_log_q, of_log_p = tape.gradient(
        total, [terms.log_likelihood, terms.log_q, terms.log_p]
    )
    log_weights = np.asarray(terms.log_likelihood, np.float64) - 0.5 * np.asarray(
        terms.log_q_minus_log_p, np.float64
    )
    normalized = scipy.special.softmax(log_weights, axis=0)
    np.testing.assert_allclose(of_likelihood, -normalized, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(of_log_q, 0.5 * normalized, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(of_log_p, -0.5 * normalized, rtol=1e-4, atol=1e-7)


def make_model(**flags) -> keras.Model:
    keras.utils.clear_session()
    settings = make_settings(hidden_dim=(5,), latent_dim=3, **flags)
    model = models.build((4, 4, 1), settings)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    return model


def test_with_one_sample_it_is_the_negative_elbo():
    """With the KL of the sample instead of its closed form."""
    model = make_model(objective="iwae", num_samples=1)
    model.sampling.restart(3)
    terms = model.terms(IMAGES, 1)
    found = model.objective(terms, 1.0)
    expected = -(terms.log_likelihood - terms.log_q_minus_log_p)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)

    z_mean, z_log_var = (np.asarray(part, np.float64) for part in terms.posterior)
    z = np.asarray(terms.z, np.float64)[0]
    log_q = scipy.stats.norm.logpdf(z, z_mean, np.exp(z_log_var / 2)).sum(axis=1)
    log_p = scipy.stats.norm.logpdf(z).sum(axis=1)
    logits = np.asarray(model.decoder_outputs(terms.z[0], training=False), np.float64)
    log_likelihood = (IMAGES * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, -(log_likelihood + log_p - log_q), rtol=1e-5)


def test_more_samples_tighten_the_bound():
    model = make_model(objective="iwae", num_samples=5)
    bounds = []
    for num_samples in (1, 10, 100):
        model.sampling.restart(0)
        draws = [
            np.mean(Iwae(num_samples)(model.terms(IMAGES, num_samples), 1.0)) for _ in range(10)
        ]
        bounds.append(np.mean(draws))
    assert bounds[0] > bounds[1] > bounds[2]


def test_a_training_step_draws_as_many_samples_and_reports_loss_and_objective():
    model = make_model(objective="iwae", num_samples=7)
    logs = {name: float(value) for name, value in model.train_step(tf.constant(IMAGES)).items()}
    assert set(logs) == {"loss", "reconstruction", "kl", "objective"}
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + logs["kl"], rel=1e-6)
    assert logs["objective"] < logs["loss"]


def test_the_objective_is_saved_with_its_model(tmp_path):
    model = make_model(objective="iwae", num_samples=7, prior="mixture", num_components=3)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert opened.objective.get_config() == {"num_samples": 7}
    assert opened.prior.num_components == 3
    np.testing.assert_array_equal(opened.prior.means, model.prior.means)
    np.testing.assert_array_equal(opened.generate(4, seed=2), model.generate(4, seed=2))
