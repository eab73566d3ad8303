"""The convolutional network, against convolutions written out in NumPy and counts by hand."""

import keras
import numpy as np
import pytest

import models
from models.networks import activations, convolutions
from tests.settings import make_settings


def build(network="conv", image_shape=(28, 28, 1), latent_dim=2, **changes):
    settings = make_settings(network=network, latent_dim=latent_dim, **changes)
    return models.build(image_shape, settings)


def convolve(images, kernel, stride):
    """Valid convolution, by the definition: (batch, height, width, channels)."""
    batch, height, width, _ = images.shape
    size, _, _, filters = kernel.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    result = np.zeros((batch, rows, columns, filters))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = images[:, top : top + size, left : left + size]
            result[:, row, column] = np.einsum("bijc,ijcf->bf", window, kernel)
    return result


def spread(features, kernel, stride):
    """The transpose of ``convolve``: each value adds its kernel at the positions it came from."""
    batch, rows, columns, _ = features.shape
    size, _, channels, _ = kernel.shape
    result = np.zeros((batch, (rows - 1) * stride + size, (columns - 1) * stride + size, channels))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = np.einsum("bf,ijcf->bijc", features[:, row, column], kernel)
            result[:, top : top + size, left : left + size] += window
    return result


@pytest.mark.parametrize(("size", "kernel_size", "stride", "padding"), [
    (28, 2, 2, 4),
    (18, 2, 2, 2),
    (11, 5, 1, 0),
    (9, 3, 2, 1),
    (10, 3, 3, 0),
])  # fmt: skip
def test_a_convolution_and_its_transpose_equal_the_loops(size, kernel_size, stride, padding):
    source = np.random.default_rng(0)
    layer = convolutions.Convolution(5, kernel_size, stride, padding, "relu", 0.0, 0)
    images = source.normal(size=(2, size, size + 1, 3)).astype(np.float32)
    layer.build(images.shape)
    layer.convolve.bias.assign(source.normal(size=5))
    padded = np.pad(images, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    expected = convolve(padded, layer.convolve.kernel.numpy(), stride)
    expected = np.maximum(expected + layer.convolve.bias.numpy(), 0)
    found = layer(images)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert layer.compute_output_shape(images.shape) == expected.shape

    transposed = convolutions.TransposedConvolution(
        3, kernel_size, stride, padding, images.shape[1:3], None
    )
    transposed.build(expected.shape)
    padded = spread(expected, transposed.convolve.kernel.numpy(), stride)
    padded = np.pad(padded, [(0, 0), (0, stride), (0, stride), (0, 0)])
    cropped = padded[:, padding : padding + size, padding : padding + size + 1]
    np.testing.assert_allclose(transposed(found), cropped, atol=2e-4)


@pytest.mark.parametrize("padding", ["same", 1])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 9, 2), (28, 28, 1), (257, 129, 3), (32, 31, 4)])
def test_the_decoder_gives_the_shape_of_any_images(shape, padding):
    model = build(image_shape=shape, filters=(3, 4), paddings=(padding,))
    z = np.zeros((2, 2), np.float32)
    assert model.decode(z).shape == (2, *shape)
    assert model.encode(np.zeros((2, *shape), np.float32)).mean.shape == (2, 2)


def test_the_presets_have_the_published_numbers_of_parameters():
    def layer(kernel_size, before, after):
        return kernel_size**2 * before * after + after

    encoder = layer(2, 1, 22) + layer(2, 22, 43) + layer(5, 43, 64) + 22 + 43 + 64  # slopes
    encoder += 2 * (7 * 7 * 64 * 2 + 2)
    decoder = (2 + 1) * 7 * 7 * 64 + 7 * 7 * 64  # a fully connected layer, and its slopes
    decoder += layer(5, 64, 43) + 43 + layer(2, 43, 22) + 22 + layer(2, 22, 1)
    model = build("conv_prelu")
    assert model.encoder.count_params() == encoder
    assert model.decoder.count_params() == decoder

    encoder = layer(4, 1, 64) + 2 * layer(4, 64, 64) + 2 * (7 * 7 * 64 * 8 + 8)
    decoder = (8 + 1) * 24 + (24 + 1) * 49 + layer(4, 1, 64) + 2 * layer(4, 64, 64)
    decoder += (14 * 14 * 64 + 1) * 784
    model = build("conv_leaky", latent_dim=8)
    assert model.encoder.count_params() == encoder
    assert model.decoder.count_params() == decoder


def test_the_sizes_of_features_are_those_published():
    model, shape = build("conv_prelu"), (None, 28, 28, 1)
    sizes = []
    for convolution in model.encoder.convolutions:
        shape = convolution.compute_output_shape(shape)
        sizes.append(shape[1])
    assert sizes == [18, 11, 7]
    assert [layer.size for layer in model.decoder.convolutions] == [(11, 11), (18, 18), (28, 28)]


def test_dropout_is_active_in_training_only():
    model = build("conv_leaky", image_shape=(8, 8, 1), decoder_dims=(4,))
    images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    without = [np.asarray(model.encoder(images)[0]) for _ in range(2)]
    active = [np.asarray(model.encoder(images, training=True)[0]) for _ in range(2)]
    np.testing.assert_array_equal(without[0], without[1])
    assert np.all(active[0] != active[1])


def test_leaky_and_parametric_slopes():
    values = np.array([[-2.0, 3.0]], np.float32)
    for name, expected in (("leaky_relu", -0.6), ("prelu", -0.5)):
        layer = activations.make(name, 1)
        np.testing.assert_allclose(layer(values), [[expected, 3.0]], rtol=1e-6)
    tanh = activations.make("tanh", 1)
    np.testing.assert_allclose(tanh(values), np.tanh(values), rtol=1e-6)


@pytest.mark.parametrize(("changes", "message"), [
    ({"decoder_dims": (24, 50)}, "has 50 units. Expected 49: the convolutions leave 7×7"),
    ({"kernel_sizes": (30,), "paddings": (0,)}, "does not fit 28 rows or columns"),
])  # fmt: skip
def test_sizes_that_do_not_fit_are_refused_in_one_line(changes, message):
    with pytest.raises(convolutions.NetworkError) as error:
        build(**changes)
    assert message in str(error.value)


def test_half_precision_reaches_the_convolutions():
    try:
        model = build("conv_prelu", precision="mixed_bfloat16", image_shape=(8, 8, 1))
        assert model.encoder.convolutions[0].convolve.compute_dtype == "bfloat16"
        assert model.decoder.convolutions[0].convolve.compute_dtype == "bfloat16"
        losses = model.compute_losses(np.zeros((2, 8, 8, 1), np.float32))
        assert losses["loss"].dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
