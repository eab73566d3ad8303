"""Tests of every network with images of many sizes: it fits, or is refused in one line."""

from typing import Any

import keras
import numpy as np
import pytest

import models
from models.networks import NetworkError, conv
from tests.models.sizes import SMALL_NETWORKS, small_settings

SHAPES = [(1, 1, 1), (1, 1, 3), (2, 9, 2), (28, 28, 1), (32, 31, 4), (257, 129, 1), (257, 129, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_per_pixel"])
@pytest.mark.parametrize("network", [name for name in SMALL_NETWORKS if name != "conv_leaky"])
def test_a_network_gives_images_of_the_size_it_was_built_for(network, likelihood, shape, tmp_path):
    small: dict[str, Any] = {"filters": (3, 4, 5) if network == "conv_prelu" else (3, 4)}
    small = small if "conv" in network else {"width": 4} if network == "resnet" else {}
    settings = small_settings(network, likelihood=likelihood, latent_dim=2, **small)
    if network == "conv_prelu" and max(shape) < 10:  # 4 rows are left, the last kernel has 5
        with pytest.raises(NetworkError, match="does not fit") as error:
            models.build(shape, settings)
        assert "\n" not in str(error.value)
        return
    model = models.build(shape, settings)
    images = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    assert model.encode(images).mean.shape == (2, 2)
    assert model.reconstruct(images).shape == images.shape
    assert np.all(np.isfinite(model.compute_losses(images)["loss"]))
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(opened.reconstruct(images), model.reconstruct(images))


@pytest.mark.parametrize(
    ("shape", "positions"), [((1, 1, 1), 1), ((2, 9, 2), 3), ((32, 31, 4), 64), ((28, 28, 1), 49)]
)
def test_a_dense_decoder_needs_a_unit_for_each_position_of_the_smallest_features(shape, positions):
    small: dict[str, Any] = {"filters": (3, 4, 5), "latent_dim": 2}
    model = models.build(shape, small_settings("conv_leaky", decoder_dims=(6, positions), **small))
    z = np.zeros((1, 2), np.float32)
    assert model.decode(z).shape == (1, *shape)
    with pytest.raises(NetworkError, match=f"Expected {positions}: the conv") as error:
        models.build(shape, small_settings("conv_leaky", decoder_dims=(6, positions + 1), **small))
    assert "\n" not in str(error.value)


def test_a_kernel_larger_than_the_image_is_refused_in_one_line():
    settings = small_settings("conv", kernel_sizes=(30,), paddings=(0,))
    with pytest.raises(NetworkError, match="does not fit 1 rows or columns") as error:
        models.build((1, 1, 1), settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("image_shape", "sizes", "message"),
    [
        ((5, 7), {}, r"image_shape is \(5, 7\): expected \(height, width, channels\)"),
        ((5, 0, 2), {}, r"image_shape is \(5, 0, 2\): expected .* each at least 1"),
        ((5, 7, 2), {"filters": (3,)}, "found 1 filters, 2 kernel_sizes, 2 strides and 2 padd"),
        ((5, 7, 2), {"strides": (2, 2, 1)}, "2 filters, 2 kernel_sizes, 3 strides and 2 padd"),
    ],
)
def test_sizes_that_no_decoder_can_have_are_refused_in_one_line(image_shape, sizes, message):
    with pytest.raises(NetworkError, match=message) as error:
        conv.Decoder(image_shape, **sizes)
    assert "\n" not in str(error.value)
