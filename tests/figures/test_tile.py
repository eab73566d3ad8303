"""Place and color of each pixel in a tiled sheet."""

from __future__ import annotations

import numpy as np
import pytest

import figures


def test_one_channel_is_gray_from_black_to_white_on_white_paper():
    images = np.array([[[0.0, 1.0]], [[0.25, 0.5]], [[1.0, 0.75]]])[..., np.newaxis]  # (3, 1, 2, 1)
    sheet = figures.tile(images, num_columns=2, gap=1)
    gray = [
        [0.00, 1.00, 1, 0.25, 0.50],
        [1.00, 1.00, 1, 1.00, 1.00],
        [1.00, 0.75, 1, 1.00, 1.00],
    ]
    np.testing.assert_array_equal(sheet, np.stack([gray] * 3, axis=-1))


def test_three_channels_stay_as_they_are():
    images = np.array([[[[0.1, 0.2, 0.3]]], [[[0.4, 0.5, 0.6]]]], np.float32)  # (2, 1, 1, 3)
    sheet = figures.tile(images, num_columns=2, gap=2)
    expected = np.array([[[0.1, 0.2, 0.3], [1] * 3, [1] * 3, [0.4, 0.5, 0.6]]], np.float32)
    np.testing.assert_array_equal(sheet, expected)


def test_four_channels_are_rgba_on_white_paper():
    images = np.array([[[[0.2, 0.4, 0.6, 1.0], [0.2, 0.4, 0.6, 0.0], [0.2, 0.4, 0.6, 0.5]]]])
    expected = np.array([[[0.2, 0.4, 0.6], [1, 1, 1], [0.6, 0.7, 0.8]]])
    np.testing.assert_allclose(figures.tile(images, 1), expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [2, 5])
def test_the_mean_of_any_other_number_of_channels_is_gray(channels):
    image = np.zeros((1, 1, 2, channels))
    image[0, 0, 0, 0] = 1
    expected = np.array([[[1 / channels] * 3, [0] * 3]], np.float32)
    np.testing.assert_allclose(figures.tile(image, 1), expected, rtol=1e-6)


@pytest.mark.parametrize("gap", [0, 1, 5])
@pytest.mark.parametrize("num_columns", [1, 3, 7, 10])
@pytest.mark.parametrize(
    ("num_images", "shape"), [(1, (8, 8, 1)), (7, (32, 20, 3)), (50, (4, 3, 1))]
)
def test_every_image_is_in_its_place_on_white_paper(num_images, shape, num_columns, gap):
    # No pixel of an image is white: white pixels are paper.
    images = np.random.default_rng(0).uniform(0.1, 0.9, (num_images, *shape)).astype(np.float32)
    sheet = figures.tile(images, num_columns, gap)
    drawn = np.broadcast_to(images, (num_images, *shape[:2], 3))
    num_rows = (num_images + num_columns - 1) // num_columns
    paper = np.ones((num_rows * num_columns, shape[0] + gap, shape[1] + gap, 3), np.float32)
    paper[:num_images, : shape[0], : shape[1]] = drawn
    rows = paper.reshape(num_rows, num_columns, *paper.shape[1:]).swapaxes(1, 2)
    sheet_of_all = rows.reshape(num_rows * paper.shape[1], num_columns * paper.shape[2], 3)
    np.testing.assert_array_equal(
        sheet, sheet_of_all[: len(sheet_of_all) - gap, : sheet_of_all.shape[1] - gap]
    )
    assert sheet.dtype == np.float32


def test_the_images_are_not_changed():
    images = np.full((2, 2, 2, 1), 0.25)
    figures.tile(images, 2)
    assert (images == 0.25).all()


def test_what_a_model_returns_is_drawn_like_an_array():
    class Tensor:  # as TensorFlow's: an array for NumPy, without NumPy's methods
        shape = (1, 1, 2, 1)

        def __array__(self, dtype=None, copy=None):
            return np.array([[[[0.0], [1.0]]]], dtype)

    np.testing.assert_array_equal(figures.tile(Tensor(), 1)[..., 0], [[0.0, 1.0]])  # type: ignore[arg-type]
