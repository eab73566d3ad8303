"""Images in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import (
    FAINT,
    annotate,
    new_axes,
    new_figure,
    styled,
    to_colors,
    to_scale,
    write_name,
)

_INCHES = 0.42  # the side of one image
_MARGIN = 0.12
_CHARACTER, _NAME = 0.056, 0.13  # a character's width, a line's height at 6 points, in inches
_MIN_WIDTH = 3.6  # of a figure, so that its title fits
_MAX_COLUMNS = 12  # of pairs with a class each


def tile(images: np.ndarray, num_columns: int, gap: int = 0) -> np.ndarray:
    """Lays images out row by row on white paper.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        num_columns: images in a row; the last row may be short.
        gap: pixels of paper between neighbors.

    Returns:
        (height, width, 3), float32 in [0, 1]; for the colors see ``to_colors``.
    """
    num_images, height, width, _ = images.shape
    num_rows = -(-num_images // num_columns)
    sheet = np.ones(
        (num_rows * (height + gap) - gap, num_columns * (width + gap) - gap, 3), np.float32
    )
    for index, image in enumerate(to_colors(images)):
        row, column = divmod(index, num_columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def show(axes: Axes, sheet: np.ndarray, **kwargs) -> None:
    """Shows a tiled sheet, each pixel a sharp square."""
    axes.imshow(sheet, interpolation="nearest", vmin=0, vmax=1, **kwargs)


def add_sheet(figure: Figure, sheet: np.ndarray, left: float, bottom: float, width: float) -> Axes:
    """Adds a tiled sheet without ticks, placed in inches from the lower left corner."""
    axes = new_axes(figure, left, bottom, width, width * sheet.shape[0] / sheet.shape[1])
    axes.set_axis_off()
    show(axes, sheet)
    return axes


def _draw_sheet(
    sheet: np.ndarray, width: float, title: str, subtitle: str, header: float = 0.0
) -> tuple[Figure, Axes]:
    """Draws one tiled sheet of a width in inches, below a header of a height in inches."""
    height = width * sheet.shape[0] / sheet.shape[1]
    figure = new_figure(
        max(width + 2 * _MARGIN, _MIN_WIDTH), height + header + _MARGIN, title, subtitle
    )
    return figure, add_sheet(figure, sheet, _MARGIN, _MARGIN, width)


@styled
def draw_images(images: np.ndarray, title: str, subtitle: str) -> Figure:
    """Draws any number of images, in about as many rows as columns.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
    """
    num_columns = choose_columns(len(images))
    sheet = tile(images, num_columns, choose_gap(images))
    return _draw_sheet(sheet, max(num_columns * _INCHES, 1.0), title, subtitle)[0]


@styled
def draw_named_images(
    images: np.ndarray, names: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws any number of images, each with a name above it.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        names: (num_images,); all images are at least as wide as the longest name.
    """
    return _draw_named(images, names, title, subtitle, _INCHES, choose_gap(images))


def _draw_named(
    images: np.ndarray, names: Sequence[str], title: str, subtitle: str, inches: float, gap: int
) -> Figure:
    """Draws named images, at least ``inches`` wide and ``gap`` pixels apart."""
    names = [write_name(name, 16) for name in names]
    num_columns = choose_columns(len(images))
    side = max(inches, _CHARACTER * max(map(len, names)) + 0.04)
    pixels = images.shape[2] / side  # per inch
    room = int(np.ceil(_NAME * pixels))  # rows of pixels for the name
    named = np.pad(to_colors(images), ((0, 0), (room, 0), (0, 0), (0, 0)), constant_values=1)
    sheet = tile(named, num_columns, gap)
    figure, axes = _draw_sheet(sheet, sheet.shape[1] / pixels, title, subtitle)
    for index, name in enumerate(names):
        row, column = divmod(index, num_columns)
        left = column * (named.shape[2] + gap) + (named.shape[2] - 1) / 2
        top = row * (named.shape[1] + gap) + room - 0.5
        axes.text(left, top, name, ha="center", va="bottom", size=to_scale(6))
    return figure


@styled
def draw_reconstructions(
    images: np.ndarray,
    reconstructions: np.ndarray,
    column_names: Sequence[str] | None,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws pairs, each image with its reconstruction to the right.

    Args:
        images: (num_pairs, height, width, channels) in [0, 1], row by row.
        reconstructions: of the same shape.
        column_names: the classes of the images, in turn, or None without classes. A few classes
            have several columns each. With more than twelve, each pair has its own name instead.
    """
    pairs = np.concatenate([images, reconstructions], axis=2)  # side by side
    gap = 3 * choose_gap(images)
    column_names = column_names or [""]
    if len(column_names) > _MAX_COLUMNS:
        names = [column_names[index % len(column_names)] for index in range(len(pairs))]
        subtitle += " · right of each image: its reconstruction"
        return _draw_named(pairs, names, title, subtitle, 2 * _INCHES, gap)
    repeats = max(1, min(choose_columns(len(pairs)), 10) // len(column_names))
    column_names = [write_name(name, 14) for name in column_names] * repeats
    num_columns = len(column_names)
    size = 6 if max(map(len, column_names)) > 11 else 8
    header = 0.42 if any(column_names) else 0.22
    sheet = tile(pairs, num_columns, gap)
    figure, axes = _draw_sheet(sheet, num_columns * 2 * _INCHES, title, subtitle, header)
    pair_width = pairs.shape[2]
    for column, name in enumerate(column_names):
        left = column * (pair_width + gap) - 0.5
        for part, text in ((0.25, "$x$"), (0.75, r"$\hat{x}$")):
            place = (left + part * pair_width, -0.5)
            annotate(axes, text, place, (0, 3), ha="center", color=FAINT)
        place = (left + pair_width / 2, -0.5)
        annotate(axes, name, place, (0, 15), ha="center", weight="bold", size=size)
    return figure


def choose_columns(count: int) -> int:
    """Returns the number of columns for ``count`` images: about the number of rows."""
    num_columns = int(np.ceil(np.sqrt(count)))
    return 10 * int(np.ceil(num_columns / 10)) if count >= 50 else num_columns


def choose_gap(images: np.ndarray) -> int:
    """Returns the number of pixels between images."""
    return max(1, round(images.shape[2] / 14))
