"""The VAE's losses and training steps against NumPy, finite differences and golden numbers."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

import models
from data import splits
from models import VAE, Decoder, Encoder
from tests.settings import make_settings

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def make(hidden_dims=(7,), beta=1.0, seed=0, image_shape=(4, 5, 1), latent_dim=3):
    keras.utils.set_random_seed(seed)
    encoder = Encoder(latent_dim, hidden_dims, name="encoder")
    decoder = Decoder(image_shape, hidden_dims[::-1], name="decoder")
    model = VAE(encoder, decoder, beta=beta, seed=seed)
    model.build((None, *image_shape))
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:  # biases too: at 0 they would test nothing
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def make_images(count=6, image_shape=(4, 5, 1), seed=1):
    return np.random.default_rng(seed).random((count, *image_shape)).astype(np.float32)


def dense(layer, inputs):
    kernel, bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    return inputs @ kernel + bias


def losses_in_numpy(model, images, epsilon):
    """Returns the losses of a forward pass in float64, written from the paper."""
    x = images.reshape(len(images), -1).astype(np.float64)
    features = x
    for layer in model.encoder.hidden:
        features = np.tanh(dense(layer, features))
    mean, log_var = dense(model.encoder.z_mean, features), dense(model.encoder.z_log_var, features)
    features = mean + np.exp(log_var / 2) * epsilon
    for layer in model.decoder.hidden:
        features = np.tanh(dense(layer, features))
    white = scipy.special.expit(dense(model.decoder.logits, features))
    reconstruction = -(x * np.log(white) + (1 - x) * np.log(1 - white)).sum(axis=1)
    kl = -0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(axis=1)
    loss = reconstruction + model.beta * kl
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


def draw_noise(model, shape, seed, num_samples=1):
    """Returns the ε that ``compute_losses`` will use next; resets the stream afterwards."""
    model.sampling.restart(seed)
    epsilon = model.sampling((np.zeros(shape), np.zeros(shape)), num_samples=num_samples)
    model.sampling.restart(seed)
    epsilon = np.asarray(epsilon, np.float64)
    return epsilon[0] if num_samples == 1 else epsilon


@pytest.mark.parametrize("hidden_dims", [(7,), (7, 5)])
@pytest.mark.parametrize("beta", [1.0, 0.0, 4.0])
def test_losses_are_those_of_a_forward_pass_in_numpy(hidden_dims, beta):
    model, images = make(hidden_dims, beta), make_images()
    expected = losses_in_numpy(model, images, draw_noise(model, (6, 3), seed=11))
    found = model.compute_losses(images)
    assert set(found) == {"loss", "reconstruction", "kl"}
    for name, losses in found.items():
        np.testing.assert_allclose(losses, expected[name], rtol=1e-5, err_msg=name)


def test_losses_of_color_images_sum_over_channels():
    model, images = make(image_shape=(4, 5, 3)), make_images(image_shape=(4, 5, 3))
    expected = losses_in_numpy(model, images, draw_noise(model, (6, 3), seed=11))
    for name, losses in model.compute_losses(images).items():
        np.testing.assert_allclose(losses, expected[name], rtol=1e-5, err_msg=name)


def test_the_kl_of_an_image_does_not_depend_on_the_rest_of_the_batch():
    model, images = make(), make_images()
    together = model.compute_losses(images)["kl"]
    alone = [model.compute_losses(image[None])["kl"][0] for image in images]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def numerical_gradients(objective, variables, step=1e-3):
    """Returns central differences in every weight, between weights as float32 stores them."""
    gradients = []
    for variable in variables:
        value = variable.numpy()
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            ends, weights = [], []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                variable.assign(moved)
                ends.append(objective())
                weights.append(float(moved[index]))
            gradient[index] = (ends[0] - ends[1]) / (weights[0] - weights[1])
        variable.assign(value)
        gradients.append(gradient)
    return gradients


def test_a_step_moves_the_weights_down_the_finite_differences_of_the_mean_loss():
    """Objective, gradient tape, mean over images and optimizer together.

    The differences are of the forward pass in NumPy, in float64.
    """
    model = make(hidden_dims=(3,), beta=2.0, image_shape=(2, 2, 1), latent_dim=2)
    images = make_images(4, (2, 2, 1))
    model.compile(optimizer=keras.optimizers.SGD(0.5))
    epsilon = draw_noise(model, (4, 2), seed=5)

    def objective():
        return np.mean(losses_in_numpy(model, images, epsilon)["loss"])

    before = [variable.numpy() for variable in model.trainable_variables]
    gradients = numerical_gradients(objective, model.trainable_variables)
    model.train_step(tf.constant(images))
    for variable, old, gradient in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(
            variable.numpy(), old - 0.5 * gradient, rtol=1e-5, atol=1e-6, err_msg=variable.path
        )


def test_the_steps_report_the_losses_that_compute_losses_gives():
    model, images = make(beta=3.0), tf.constant(make_images())
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    expected = losses_in_numpy(model, images.numpy(), draw_noise(model, (6, 3), seed=2))
    for step in (model.train_step, model.test_step):
        for metric in model.metrics:
            metric.reset_state()
        model.sampling.restart(2)
        for name, value in step(images).items():
            assert float(value) == pytest.approx(expected[name].mean(), rel=1e-5), name


def test_an_epoch_reports_the_mean_over_images_and_not_over_batches():
    """The last batch is smaller: its images must not weigh more."""
    model, images = make(), make_images(7)
    images[6] = 1  # an outlier, alone in its batch
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    expected = losses_in_numpy(model, images, np.zeros((7, 3)))["kl"]
    assert abs(expected.mean() - (expected[:6].mean() + expected[6]) / 2) > 0.01
    batches = tf.data.Dataset.from_tensor_slices(images).batch(6)
    found = model.evaluate(batches, return_dict=True, verbose=0)
    assert found["kl"] == pytest.approx(expected.mean(), rel=1e-5)


def test_every_pass_counts_its_losses_from_zero():
    """Training losses do not leak into validation, nor one epoch's into the next."""
    model, shown, held_out = make(), make_images(6, seed=1), make_images(6, seed=2)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(
        tf.data.Dataset.from_tensors(shown),
        epochs=2,
        validation_data=tf.data.Dataset.from_tensors(held_out),
        verbose=0,
        shuffle=False,
    ).history
    kl, val_kl = (
        losses_in_numpy(model, images, np.zeros((6, 3)))["kl"].mean()
        for images in (shown, held_out)
    )
    assert abs(kl - val_kl) > 0.01
    np.testing.assert_allclose(history["kl"], [kl] * 2, rtol=1e-5)
    np.testing.assert_allclose(history["val_kl"], [val_kl] * 2, rtol=1e-5)


def test_every_step_draws_new_noise():
    model, images = make(), make_images()
    once = np.asarray(model.compute_losses(images)["reconstruction"])
    again = np.asarray(model.compute_losses(images)["reconstruction"])
    assert np.all(once != again)


def test_decode_and_generate_are_probabilities_of_the_decoders_logits():
    model = make()
    z = np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)
    features = np.tanh(dense(model.decoder.hidden[0], z))
    logits = dense(model.decoder.logits, features).reshape(5, 4, 5, 1)
    np.testing.assert_allclose(model.decode(z), scipy.special.expit(logits), rtol=1e-5)
    prior_z = model.prior.sample(5, seed=9)
    assert prior_z.shape == (5, 3)
    np.testing.assert_array_equal(model.sample_prior(5, seed=9), prior_z)
    np.testing.assert_allclose(model.generate(5, seed=9), model.decode(prior_z), rtol=1e-6)


def test_a_short_training_gives_the_golden_losses():
    """The seed determines weights, noise and steps; the losses agree up to rounding."""
    golden = json.loads((GOLDEN / "vae_mlp_digits.json").read_text())
    train, _ = splits.load_train_and_validation("digits")
    images = train.images / np.float32(255)
    settings = {**golden["settings"], "hidden_dim": (32,), "activation": ("tanh",)}
    model = models.build((8, 8, 1), make_settings(**settings))
    model.compile(optimizer=keras.optimizers.Adam(golden["settings"]["learning_rate"]))
    for step, expected in enumerate(golden["losses_by_step"]):
        for metric in model.metrics:
            metric.reset_state()
        found = model.train_step(tf.constant(images[100 * step : 100 * (step + 1)]))
        assert {name: float(value) for name, value in found.items()} == pytest.approx(
            expected, rel=1e-4
        )
