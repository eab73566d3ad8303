"""The autoencoder: its loss against NumPy, and that it has neither noise nor KL."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from catalog.models import MODELS
from catalog.networks import NETWORKS
from data import splits
from models import VAE, Autoencoder, Decoder, Encoder

IMAGE_SHAPE = (4, 5, 1)


def make(latent_dim=3):
    model = Autoencoder(Encoder(latent_dim, (7,)), Decoder(IMAGE_SHAPE, (7,)))
    model.build((None, *IMAGE_SHAPE))
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def make_images(count=6):
    return np.random.default_rng(1).random((count, *IMAGE_SHAPE)).astype(np.float32)


def dense(layer, inputs):
    kernel, bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    return inputs @ kernel + bias


def test_the_loss_is_the_reconstruction_of_a_forward_pass_in_numpy():
    model, images = make(), make_images()
    x = images.reshape(6, -1).astype(np.float64)
    (encoder_hidden,), (decoder_hidden,) = model.encoder.hidden, model.decoder.hidden
    code = dense(model.encoder.z_mean, np.tanh(dense(encoder_hidden.dense, x)))
    logits = dense(model.decoder.logits, np.tanh(dense(decoder_hidden.dense, code)))
    white = scipy.special.expit(logits)
    expected = -(x * np.log(white) + (1 - x) * np.log(1 - white)).sum(axis=1)
    losses = model.compute_losses(images, training=True)
    assert set(losses) == {"loss", "reconstruction"}
    for values in losses.values():
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(model.encode(images).mean, code, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(images).numpy().reshape(6, -1), white, rtol=1e-5)


def test_its_posterior_is_a_point_infinitely_far_from_any_prior():
    model = make()
    posterior = model.encode(make_images())
    np.testing.assert_array_equal(posterior.log_var, np.full((6, 3), -np.inf))
    assert np.all(np.asarray(model.prior.kl(posterior)) == np.inf)
    np.testing.assert_array_equal(model.sampling(posterior)[0], posterior.mean)


def test_the_layer_that_it_does_not_use_is_neither_trained_nor_counted():
    model, images = make(), make_images()
    # 20·7 + 7 and 7·3 + 3 in the encoder, 3·7 + 7 and 7·20 + 20 in the decoder
    assert model.count_params() == 147 + 24 + 28 + 160
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    before = [weight.numpy() for weight in model.encoder.z_log_var.weights]
    model.train_step(tf.constant(images))
    for weight, old in zip(model.encoder.z_log_var.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_it_reconstructs_better_than_a_vae_and_its_codes_spread_beyond_the_prior():
    images = splits.load_train_and_validation("digits")[0].images / np.float32(255)
    reconstruction, largest = {}, {}
    for kind in (VAE, Autoencoder):
        keras.utils.set_random_seed(0)
        model = kind(Encoder(8, (64,)), Decoder((8, 8, 1), (64,)))
        model.build((None, 8, 8, 1))
        model.compile(optimizer=keras.optimizers.Adam(0.005), jit_compile=True)
        model.fit(
            tf.data.Dataset.from_tensor_slices(images).batch(100, drop_remainder=True).repeat(30),
            verbose=0,
            shuffle=False,
        )
        reconstruction[kind] = np.mean(model.compute_losses(images)["reconstruction"])
        largest[kind] = np.max(np.std(model.encode(images).mean, axis=0))
    assert reconstruction[Autoencoder] < reconstruction[VAE] - 2
    assert largest[VAE] < 1.3
    assert largest[Autoencoder] > 1.5


def test_its_terms_are_one_sample_without_noise_however_many_are_requested():
    model, images = make(), make_images()
    terms = model.terms(images, num_samples=5)
    assert terms.z.shape == (1, 6, 3)
    np.testing.assert_array_equal(terms.z[0], model.encode(images).mean)
    np.testing.assert_array_equal(terms.kl, np.zeros(6))
    np.testing.assert_array_equal(-terms.log_likelihood[0], model.compute_losses(images)["loss"])


@pytest.mark.parametrize("name", MODELS)
def test_every_other_model_reads_a_beta(name):
    def reads_beta(row):
        return "beta" in {flag.name for flag in row.flags}

    assert reads_beta(MODELS[name]) == (name != "autoencoder")
    assert not any(reads_beta(network) for network in NETWORKS.values())
