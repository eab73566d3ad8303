"""The shapes, against their areas, centers and angles measured from the pixels."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

import data
from data import splits
from data.sources import shapes

INFO = data.describe("shapes")
SIDES, DEGREES = np.arange(5, 10), np.arange(-45, 46, 10)
CENTERS = 9.125 + 1.25 * np.arange(12)


@pytest.fixture(scope="module")
def drawn():
    """Images in [0, 1] and factors: of the train split, and behind them of the test split."""
    images, factors = (
        np.concatenate([load(INFO, split) for split in ("train", "test")])
        for load in (lambda *place: shapes.load(*place)[0], shapes.load_factors)
    )
    return images[..., 0] / 255, factors


def weigh(images, *powers):
    """Returns the mean over an image's light of x^i y^j, from the upper left corner, in pixels."""
    y, x = np.mgrid[:32, :32] + 0.5
    return (images * x ** powers[0] * y ** powers[1]).sum((1, 2)) / images.sum((1, 2))


def test_every_combination_of_factors_is_one_image_and_no_two_are_equal(drawn):
    images, factors = drawn
    combinations = {tuple(row) for row in factors.tolist()}
    assert combinations == set(itertools.product(*map(range, INFO.factors.values())))
    assert len({image.tobytes() for image in images}) == len(images) == 21_600


def test_the_labels_are_the_shapes():
    for split in ("train", "test"):
        np.testing.assert_array_equal(
            shapes.load(INFO, split)[1], shapes.load_factors(INFO, split)[:, 0]
        )
    assert INFO.class_names is not None
    assert INFO.factors["shape"] == len(INFO.class_names)


def test_the_area_says_the_size_whatever_the_other_factors_are(drawn):
    images, factors = drawn
    sides = np.sqrt(images.sum((1, 2)))
    np.testing.assert_allclose(sides, SIDES[factors[:, 1]], rtol=0, atol=0.07)


def test_the_center_of_gravity_is_at_x_and_y(drawn):
    images, factors = drawn
    np.testing.assert_allclose(weigh(images, 1, 0), CENTERS[factors[:, 3]], rtol=0, atol=0.05)
    np.testing.assert_allclose(weigh(images, 0, 1), CENTERS[factors[:, 4]], rtol=0, atol=0.05)


def test_the_ellipse_has_its_long_axis_at_the_angle(drawn):
    """From the second moments: the variances along its axes are a² / 4 and b² / 4."""
    images, factors = drawn
    chosen = factors[:, 0] == 0
    images, factors = images[chosen], factors[chosen]
    x, y = weigh(images, 1, 0), weigh(images, 0, 1)
    xx, yy = weigh(images, 2, 0) - x**2, weigh(images, 0, 2) - y**2
    xy = weigh(images, 1, 1) - x * y
    angle = np.degrees(np.arctan2(-2 * xy, xx - yy) / 2)  # rows count downward
    np.testing.assert_allclose(angle, DEGREES[factors[:, 2]], rtol=0, atol=1)


def outline(shape, side, degrees):
    """Returns a polygon around the origin, (num_points, 2), x to the right and y down."""
    if shape == 1:  # the triangle is as wide as high
        width = np.sqrt(2) * side
        points = np.array([(-width / 2, width / 3), (width / 2, width / 3), (0, -2 * width / 3)])
    else:  # the heart: a square on its corner, with a half disk on each of its upper sides
        edge = side / np.sqrt(1 + np.pi / 4)
        half, arc = edge / np.sqrt(2), np.radians(np.arange(-45, 136))
        right = np.stack([half / 2 + edge / 2 * np.cos(arc), -half / 2 - edge / 2 * np.sin(arc)], 1)
        points = np.concatenate([[(0, half)], right, right[::-1] * [-1, 1]])
        x, y = points.T  # the center of gravity of a polygon, by the shoelace formula
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        points = points - [0, ((y + np.roll(y, -1)) * cross).sum() / (3 * cross.sum())]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[cos, -sin], [sin, cos]])


@pytest.mark.parametrize("shape", [1, 2])
def test_triangles_and_hearts_are_the_polygons_that_pillow_draws(drawn, shape):
    images, factors = drawn
    for row in np.flatnonzero(factors[:, 0] == shape)[::500]:
        _, size, angle, x, y = factors[row]
        center = np.array([CENTERS[x], CENTERS[y]])
        points = outline(shape, SIDES[size], DEGREES[angle]) + center
        large = Image.new("L", (1024, 1024))
        ImageDraw.Draw(large).polygon([tuple(point) for point in 32 * points - 0.5], fill=1)
        expected = np.asarray(large).reshape(32, 32, 32, 32).mean((1, 3))
        np.testing.assert_allclose(images[row], expected, rtol=0, atol=0.09)


def test_the_test_images_have_every_value_of_every_factor_about_equally_often():
    factors = shapes.load_factors(INFO, "test")
    for values, num_values in zip(factors.T, INFO.factors.values(), strict=True):
        counts, expected = np.bincount(values), len(values) / num_values
        assert len(counts) == num_values
        assert (abs(counts - expected) < 4 * np.sqrt(expected)).all()


@pytest.mark.parametrize("split", INFO.sha256)
def test_the_images_are_the_same_on_every_machine(split):
    images, labels = shapes.load(INFO, split)
    found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert found == INFO.sha256[split]


def test_positions_select_images_and_the_splits_have_the_factors_order():
    images, labels = shapes.load(INFO, "train")
    some, their_labels = shapes.load(INFO, "train", None, np.array([7, 17_279, 0]))
    np.testing.assert_array_equal(some, images[[7, 17_279, 0]])
    np.testing.assert_array_equal(their_labels, labels[[7, 17_279, 0]])
    np.testing.assert_array_equal(splits.load_test("shapes").images, shapes.load(INFO, "test")[0])
