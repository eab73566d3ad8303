"""Shapes with known factors, 32×32 pixels, drawn by this program: white on black.

After dSprites (Matthey et al., 2017). Each image is one combination of five factors, and each
combination one image:

    shape  ellipse, triangle, heart
    size   square root of the area: 5, 6, 7, 8 or 9 pixels
    angle  −45° to 45° in steps of 10°, counterclockwise
    x, y   of the center of gravity: 9.125 to 22.875 pixels in steps of 1.25, from the left and top

Shapes of one size have the same area, and turn about their centers of gravity, so that size and
position do not depend on the shape. The angles span 90°, less than the 180° after which the ellipse
looks the same (the triangle has no such angle, nor has the heart): no two combinations are the same
image, and the angle is a line, not a circle, so that one latent dimension can represent it.
"""

from __future__ import annotations

import math

import numpy as np

from catalog.datasets import DatasetInfo

_SPLIT_SEED = 0  # part of the dataset's definition
_PIXELS = 32
_SAMPLES = 8  # per pixel and axis: a gray value is the share of its 64 samples inside the shape
_GRAY = np.round(np.linspace(0, 255, _SAMPLES**2 + 1)).astype(np.uint8)  # by count of samples
_SIZES = np.arange(5.0, 10.0)
_DEGREES = range(-45, 46, 10)
_CENTERS = np.arange(73, 184, 10)  # of x and y, in samples: 1.25 pixels apart, symmetric about 16


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images of one split; a fixed random fifth is the test split.

    Args:
        info: the dataset.
        split: ``"train"`` (17,280 images) or ``"test"`` (4,320 images).
        data_dir: not used; the images are drawn.
        positions: of the images wanted, in that order; None for all.

    Returns:
        images, uint8 (num_images, 32, 32, 1) in 0..255; labels, the shapes, int64 (num_images,).
    """
    chosen = _choose(info, split)
    if positions is not None:
        chosen = chosen[positions]
    return _draw()[chosen], np.unravel_index(chosen, _shape(info))[0].astype(np.int64)


def load_factors(info: DatasetInfo, split: str) -> np.ndarray:
    """Returns the number of each factor's value, from 0: int64 (num_images, 5).

    The factors are those of ``info.factors``, the images those of ``load``, in that order.
    """
    return np.stack(np.unravel_index(_choose(info, split), _shape(info)), axis=1)


def _shape(info: DatasetInfo) -> tuple[int, ...]:
    """Returns the number of values of each factor."""
    return tuple(info.factors.values())


def _choose(info: DatasetInfo, split: str) -> np.ndarray:
    """Returns the combinations of factors in a split, numbered with the last factor fastest."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(math.prod(_shape(info)))
    return {"test": order[: info.num_test], "train": order[info.num_test :]}[split]


def _draw() -> np.ndarray:
    """Returns the images of all combinations, uint8 (21,600, 32, 32, 1).

    A mask of samples is drawn once for each shape, size and angle. The samples of a pixel are
    then counted by differences in the mask's table of sums, wherever the shape's center is.
    """
    reach = int(_CENTERS.max())
    offsets = (np.arange(-reach, reach) + 0.5) / _SAMPLES  # from the center, in pixels
    right, up = offsets, -offsets[:, np.newaxis]
    corners = (reach - _CENTERS)[:, np.newaxis] + _SAMPLES * np.arange(_PIXELS + 1)
    num_centers = len(_CENTERS)
    masks = (3, len(_SIZES), len(_DEGREES))
    images = np.empty((*masks, num_centers, num_centers, _PIXELS, _PIXELS), np.uint8)
    for angle, degrees in enumerate(_DEGREES):
        # Rounded, so that the last bit of a machine's sine does not matter.
        cos, sin = (round(f(math.radians(degrees)), 12) for f in (math.cos, math.sin))
        u, v = cos * right + sin * up, cos * up - sin * right
        for size, root in enumerate(_SIZES):
            for shape, is_inside in enumerate((_in_ellipse, _in_triangle, _in_heart)):
                inside = is_inside(u / root, v / root)
                sums = np.pad(inside.cumsum(0, np.int32).cumsum(1, np.int32), ((1, 0), (1, 0)))
                below = np.diff(sums[corners], axis=1)  # y, row, column of samples
                counts = np.diff(below[:, :, corners], axis=3)  # y, row, x, column
                images[shape, size, angle] = _GRAY[counts.transpose(2, 0, 1, 3)]
    return images.reshape(-1, _PIXELS, _PIXELS, 1)


# Shapes of area 1 with their center of gravity at (0, 0), v upward.


def _in_ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """An ellipse twice as wide as high."""
    return u * u + 4 * v * v <= 2 / math.pi


def _in_triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """An isosceles triangle that is as wide as high, √2, with its tip at the top."""
    third = math.sqrt(2) / 3
    return (v >= -third) & (2 * abs(u) <= 2 * third - v)


def _in_heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A square on its corner, and half a disk on each of its upper sides."""
    side = 1 / math.sqrt(1 + math.pi / 4)
    # Height of the center of gravity above the square's center: each half disk has π/8 of the
    # square's area, and its own center of gravity 2/(3π) sides outside the square.
    center = side * (math.pi / 4) * (1 / 2 + 2 / (3 * math.pi)) / math.sqrt(2) / (1 + math.pi / 4)
    v = v + center
    in_square = abs(u) + abs(v) <= side / math.sqrt(2)
    across, along = abs(u) - side / math.sqrt(8), v - side / math.sqrt(8)
    return in_square | (across * across + along * along <= side * side / 4)
