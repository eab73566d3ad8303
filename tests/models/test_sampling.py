"""The reparameterization trick."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from data.batches import ResidentBatches
from models import DiagonalGaussian
from models import noise as random_numbers
from models.sampling import GaussianSampling


def noise(sampling, shape):
    """Returns the ε that the next draw of this shape uses."""
    return np.asarray(sampling(DiagonalGaussian(tf.zeros(shape), tf.zeros(shape))))[0]


def test_samples_have_the_mean_and_the_variance_of_the_posterior():
    z_mean = np.array([-3.0, 0.0, 0.5, 10.0], np.float32)
    z_log_var = np.array([-4.0, 0.0, 1.0, 3.0], np.float32)
    count = 20_000
    posterior = DiagonalGaussian(*(np.tile(part, (count, 1)) for part in (z_mean, z_log_var)))
    z = GaussianSampling(1)(posterior)[0]
    for column, (mean, log_var) in enumerate(zip(z_mean, z_log_var, strict=True)):
        expected = scipy.stats.norm(mean, np.exp(log_var / 2))
        assert scipy.stats.kstest(np.asarray(z)[:, column], expected.cdf).pvalue > 1e-3


def test_noise_is_independent_between_images_dimensions_and_calls():
    sampling = GaussianSampling(0)
    first, second = noise(sampling, (5000, 3)), noise(sampling, (5000, 3))
    columns = np.concatenate([first, second, np.roll(first, 1, axis=0)], axis=1)
    correlation = np.corrcoef(columns, rowvar=False) - np.eye(9)
    assert np.abs(correlation).max() < 5 / np.sqrt(5000)


def test_gradients_reach_both_arguments():
    rng = np.random.default_rng(0)
    z_mean, z_log_var = (tf.constant(rng.normal(size=(6, 4)), tf.float32) for _ in range(2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([z_mean, z_log_var])
        z = GaussianSampling(2)(DiagonalGaussian(z_mean, z_log_var), num_samples=3)
    assert z.shape == (3, 6, 4)
    np.testing.assert_array_equal(tape.gradient(z, z_mean), np.full((6, 4), 3))
    # d(σ·ε)/d(log σ²) = σ·ε/2, summed over the samples
    expected = np.sum(z - z_mean, axis=0) / 2
    np.testing.assert_allclose(tape.gradient(z, z_log_var), expected, rtol=1e-4, atol=1e-6)


def test_several_samples_of_an_image_are_independent_and_one_is_the_first_of_its_stream():
    posterior = DiagonalGaussian(tf.zeros((5000, 2)), tf.zeros((5000, 2)))
    z = np.asarray(GaussianSampling(0)(posterior, num_samples=3))
    assert z.shape == (3, 5000, 2)
    columns = np.moveaxis(z, 1, 0).reshape(5000, 6)
    correlation = np.corrcoef(columns, rowvar=False) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(5000)
    assert scipy.stats.kstest(z.ravel(), "norm").pvalue > 1e-3


def test_restart_repeats_the_stream_and_another_seed_differs():
    sampling = GaussianSampling(0)
    noise(sampling, (2, 2))
    sampling.restart(7)
    once = [noise(sampling, (5, 3)) for _ in range(3)]
    sampling.restart(7)
    again = [noise(sampling, (5, 3)) for _ in range(3)]
    sampling.restart(8)
    other = [noise(sampling, (5, 3)) for _ in range(3)]
    np.testing.assert_array_equal(once, again)
    assert np.all(np.array(once) != np.array(other))
    assert np.all(once[0] != once[1])


def test_restart_gives_the_stream_of_a_new_layer_with_that_seed():
    restarted = GaussianSampling(0)
    restarted.restart(7)
    np.testing.assert_array_equal(
        noise(GaussianSampling(7), (5, 3)),
        noise(restarted, (5, 3)),
    )


def test_restart_affects_functions_that_are_already_compiled():
    sampling = GaussianSampling(0)
    compiled = tf.function(lambda: sampling((tf.zeros((5, 3)), tf.zeros((5, 3)))))
    once = compiled().numpy()
    assert np.all(compiled().numpy() != once)
    sampling.restart(0)
    np.testing.assert_array_equal(compiled().numpy(), once)


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_the_config_makes_the_same_layer_again(seed):
    sampling = GaussianSampling(seed, name="sampling")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(sampling))
    assert (copy.seed, copy.name) == (seed, "sampling")
    np.testing.assert_array_equal(noise(copy, (5, 3)), noise(sampling, (5, 3)))


def test_the_noise_in_z_is_independent_of_the_noise_in_binarized_pixels():
    """Both streams come from the run's seed, and both count the steps.

    q(z|x) needs ε independent of x; with the same key, Threefry would give the same bits to the
    pixels and the ε of a step.
    """
    seed, count = 0, 4000
    gray = np.full((1, 1, count, 1), 128, np.uint8)
    sampling = GaussianSampling(seed)
    batches = ResidentBatches(gray, 1, seed, random_numbers.uniform)
    for step in range(3):
        pixels = batches.fetch(tf.constant([0]), tf.constant(step, tf.int64))
        white = pixels.numpy().ravel()
        epsilon = noise(sampling, (1, count)).ravel()
        # Box and Muller make two normal draws of two uniform ones: a radius and an angle.
        radius = np.repeat(np.hypot(epsilon[::2], epsilon[1::2]), 2)
        for name, values in (("ε", epsilon), ("|ε|", np.abs(epsilon)), ("radius", radius)):
            correlation = np.corrcoef(white, values)[0, 1]
            assert abs(correlation) < 5 / np.sqrt(count / 2), (name, correlation)
