"""The residual network: a block in NumPy, its sizes, and no checkerboard."""

import keras
import numpy as np
import pytest
import scipy.signal
import scipy.special

import models
from models.networks import conv, resnet
from tests.settings import make_settings


def build(image_shape, latent_dim=2, **changes):
    settings = make_settings(network="resnet", latent_dim=latent_dim, **changes)
    return models.build(image_shape, settings)


def give_values(layer, source):
    """Draws all weights, so that none is 0 or 1."""
    for weight in layer.weights:
        weight.assign(source.normal(0.3, 0.5, weight.shape))


def normalize(features, groups, scale, shift):
    """Returns group normalization of one image, (height, width, channels), by its definition."""
    parts = np.split(features, groups, axis=-1)
    parts = [(part - part.mean()) / np.sqrt(part.var() + 1e-3) for part in parts]
    return np.concatenate(parts, axis=-1) * scale + shift


def convolve(features, kernel, bias):
    """Returns a convolution with zero padding, each pair of channels by SciPy."""
    filters = [
        sum(
            scipy.signal.correlate2d(features[..., channel], kernel[..., channel, index], "same")
            for channel in range(features.shape[-1])
        )
        for index in range(kernel.shape[-1])
    ]
    return np.stack(filters, axis=-1) + bias


@pytest.mark.parametrize(("filters", "groups"), [(32, 2), (6, 1)])
def test_a_block_is_the_one_written_out_in_numpy(filters, groups):
    source = np.random.default_rng(0)
    block = resnet.ResidualBlock(filters, "silu", name="block")
    images = source.normal(0, 1, (2, 5, 4, filters))
    block.build(images.shape)
    give_values(block, source)
    weights = [weight.numpy().astype(np.float64) for weight in block.weights]
    found = block(images.astype(np.float32))
    for image, of_image in zip(images, found, strict=True):
        features = image
        for scale, shift, kernel, bias in (weights[:4], weights[4:]):
            features = normalize(features, groups, scale, shift)
            features = convolve(features * scipy.special.expit(features), kernel, bias)
        np.testing.assert_allclose(of_image, image + features, rtol=1e-3, atol=1e-3)


def test_doubling_repeats_rows_and_columns_and_crops_them():
    features = np.arange(2 * 3 * 2 * 5, dtype=np.float32).reshape(2, 3, 2, 5)
    layer = resnet.Doubling((5, 4))
    expected = np.kron(features, np.ones((1, 2, 2, 1)))[:, :5, :4]
    np.testing.assert_array_equal(layer(features), expected)
    assert layer.compute_output_shape(features.shape) == expected.shape


@pytest.mark.parametrize(
    ("shape", "halvings", "smallest"),
    [
        ((1, 1, 1), 0, (1, 1)),
        ((7, 5, 3), 0, (7, 5)),
        ((8, 8, 1), 1, (4, 4)),
        ((16, 16, 3), 2, (4, 4)),
        ((28, 28, 1), 2, (7, 7)),
        ((32, 32, 3), 3, (4, 4)),
        ((64, 48, 3), 4, (4, 3)),
        ((100, 90, 3), 4, (7, 6)),
        ((128, 128, 3), 5, (4, 4)),
    ],
)
def test_images_are_halved_until_four_to_seven_rows_or_columns_remain(shape, halvings, smallest):
    assert resnet.count_halvings(shape) == halvings
    decoder = resnet.Decoder(shape, width=2, num_halvings=halvings)
    filters = 2 * min(2**halvings, 4)
    assert decoder.to_features.target_shape == (*smallest, filters)


def test_flags_set_depth_and_width():
    model = build((16, 16, 3), width=8, num_blocks=3, num_halvings=1)
    kinds = [type(layer).__name__ for layer in model.encoder.features]
    assert kinds == ["Convolution", *["ResidualBlock"] * 3] * 2
    assert [layer.filters for layer in model.encoder.features[::4]] == [8, 16]
    assert build((16, 16, 3), num_halvings=0).decoder.to_features.target_shape == (16, 16, 32)


def test_the_posterior_of_an_image_does_not_depend_on_the_batch():
    """Unlike with batch normalization, also in training."""
    model = build((8, 8, 1), width=4)
    images = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    alone, together = (
        np.asarray(model.encoder(batch, training=True).mean[:1]) for batch in (images[:1], images)
    )
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-6)


def middle(outputs):
    return np.asarray(outputs)[0, 8:24, 8:24]


def test_constant_features_give_a_constant_image_where_a_transposed_convolution_gives_a_pattern():
    """Far from the border, where zeros are padded: the pattern repeats every two pixels."""
    shape, z = (32, 32, 3), np.ones((1, 2), np.float32)
    keras.utils.set_random_seed(0)
    decoder = resnet.Decoder(shape, width=16, num_halvings=1)
    transposed = conv.Decoder(shape, (16,), (3,), (2,), ("same",), "silu")
    for network, dense in ((decoder, decoder.dense), (transposed, transposed.dense[0])):
        network.build((None, 2))
        kernel = np.random.default_rng(1).normal(size=(2, 1, dense.units // 256))
        dense.kernel.assign(np.tile(kernel, (1, 256, 1)).reshape(2, -1))  # the same everywhere
    smooth, patterned = middle(decoder(z)), middle(transposed(z))
    assert np.ptp(smooth, axis=(0, 1)).max() < 1e-4 * np.abs(smooth).max()
    assert np.ptp(patterned, axis=(0, 1)).max() > 0.1 * np.abs(patterned).max()
    np.testing.assert_allclose(patterned[:-2], patterned[2:], atol=1e-5)


def measure_checkerboard(images):
    """Returns the part of the variance at the highest frequencies, (batch, height, width, …)."""
    images = np.asarray(images) - np.mean(images, axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2
    power = power.sum(axis=(0, 3))
    half = power.shape[0] // 2
    return (power[half].sum() + power[:, half].sum() - power[half, half]) / power.sum()


def test_random_decoders_have_less_energy_at_the_highest_frequencies_than_transposed_ones():
    """White noise has 63 of 1,024 frequencies there: 6 %."""
    shape, z = (32, 32, 3), np.random.default_rng(2).normal(size=(4, 8)).astype(np.float32)
    found = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        smooth = measure_checkerboard(resnet.Decoder(shape, width=16, num_halvings=2)(z))
        patterned = measure_checkerboard(conv.Decoder(shape, (16, 32), activation="silu")(z))
        found.append((smooth, patterned))
    assert all(smooth < 0.01 and patterned > 0.04 for smooth, patterned in found), found
