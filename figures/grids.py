"""Images in rows and columns."""

from __future__ import annotations

import math
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

_INCHES = 0.4  # approximate width of one image
_DOTS = 200  # per inch of a PNG file
_MARGIN = 0.12
_CHARACTER, _NAME = 0.056, 0.13  # a character's width, a line's height at 6 points, in inches
_MIN_WIDTH = 3.6  # of a figure, so that its title fits
_MAX_CLASSES = 12  # with columns of pairs of their own
_PAIRS = 10  # in a row, approximately


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
    """Shows a tiled sheet: each pixel is a sharp square, and large images are reduced smoothly."""
    pixels = axes.get_window_extent().width / axes.figure.dpi * _DOTS
    smooth = "antialiased" if pixels < sheet.shape[1] else "nearest"
    axes.imshow(sheet, interpolation=smooth, vmin=0, vmax=1, **kwargs)


def add_sheet(figure: Figure, sheet: np.ndarray, left: float, bottom: float, width: float) -> Axes:
    """Adds a tiled sheet without ticks, placed in inches from the lower left corner."""
    axes = new_axes(figure, left, bottom, width, width * sheet.shape[0] / sheet.shape[1])
    axes.set_axis_off()
    show(axes, sheet)
    return axes


def measure_pixel(width: int, inches: float) -> float:
    """Returns the inches of a pixel of images that are drawn at least ``inches`` wide.

    Pixels of small images are a whole number of dots wide, so that all are equally wide.

    Args:
        width: of an image, in pixels.
    """
    dots = inches * _DOTS / width
    return float(np.ceil(dots - 1e-6) if dots > 1.8 else dots) / _DOTS


def _choose_inches(num_columns: int, inches: float) -> float:
    """Returns a width of images: ``inches``, and more if few columns leave space."""
    return max(inches, min(2.5 * inches, (_MIN_WIDTH - 4 * _MARGIN) / num_columns))


def _draw_sheet(
    sheet: np.ndarray, pixel: float, title: str, subtitle: str, header: float = 0.0
) -> tuple[Figure, Axes]:
    """Draws one tiled sheet, its pixels so many inches wide, below a header's height in inches."""
    height, width = np.array(sheet.shape[:2]) * pixel
    figure = new_figure(
        max(width + 2 * _MARGIN, _MIN_WIDTH), height + header + _MARGIN, title, subtitle
    )
    return figure, add_sheet(figure, sheet, _MARGIN, _MARGIN, width)


@styled
def draw_images(images: np.ndarray, title: str, subtitle: str) -> Figure:
    """Draws any number of images, in rows that are as full as possible.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
    """
    num_columns = choose_columns(len(images))
    pixel = measure_pixel(images.shape[2], _choose_inches(num_columns, _INCHES))
    sheet = tile(images, num_columns, choose_gap(images))
    return _draw_sheet(sheet, pixel, title, subtitle)[0]


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
    room_for_names = _CHARACTER * max(map(len, names)) + 0.04
    pixel = measure_pixel(images.shape[2], max(inches, room_for_names))
    room = int(np.ceil(_NAME / pixel))  # rows of pixels for the name
    named = np.pad(to_colors(images), ((0, 0), (room, 0), (0, 0), (0, 0)), constant_values=1)
    figure, axes = _draw_sheet(tile(named, num_columns, gap), pixel, title, subtitle)
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
        images: (num_pairs, height, width, channels) in [0, 1], row by row; ``fill_rows`` says
            how many fill complete rows.
        reconstructions: of the same shape.
        column_names: the classes of the images, in turn, or None without classes. A few classes
            have several columns each. With more than twelve, each pair has its own name instead.
    """
    pairs = np.concatenate([images, reconstructions], axis=2)  # side by side
    gap = 3 * choose_gap(images)
    num_classes = len(column_names or [])
    if column_names and num_classes > _MAX_CLASSES:
        names = [column_names[index % num_classes] for index in range(len(pairs))]
        subtitle += " · right of each image: its reconstruction"
        return _draw_named(pairs, names, title, subtitle, 2 * _INCHES, gap)
    num_columns = _choose_pair_columns(len(pairs), max(num_classes, 1))
    column_names = [write_name(name, 14) for name in column_names or [""]]
    size = 6 if max(map(len, column_names)) > 11 else 8
    header = 0.42 if any(column_names) else 0.22
    pixel = measure_pixel(pairs.shape[2], _choose_inches(num_columns, 2 * _INCHES))
    figure, axes = _draw_sheet(tile(pairs, num_columns, gap), pixel, title, subtitle, header)
    pair_width = pairs.shape[2]
    for column in range(num_columns):
        left = column * (pair_width + gap) - 0.5
        for part, text in ((0.25, "$x$"), (0.75, r"$\hat{x}$")):
            place = (left + part * pair_width, -0.5)
            annotate(axes, text, place, (0, 3), ha="center", color=FAINT)
        place = (left + pair_width / 2, -0.5)
        name = column_names[column % len(column_names)]
        annotate(axes, name, place, (0, 15), ha="center", weight="bold", size=size)
    return figure


def choose_columns(count: int) -> int:
    """Returns the number of columns in which images leave the fewest places empty.

    There are at least as many columns as rows, and at most four times as many; up to seven images
    may be one row. Of several numbers that leave equally few places empty, the lowest is returned.
    """
    low, high = math.ceil(math.sqrt(count)), max(int(2 * math.sqrt(count)), 7)
    return min(range(low, min(high, count) + 1), key=lambda columns: -count % columns)


def _choose_pair_columns(count: int, num_classes: int) -> int:
    """Returns the number of columns whose complete rows hold the most pairs.

    It is a multiple of the number of classes, about six to ten, and the highest such number.
    """
    most = max(_PAIRS, num_classes)
    allowed = range(num_classes, max(min(most, count), num_classes) + 1, num_classes)
    wide = [columns for columns in allowed if columns > _PAIRS // 2] or [allowed[-1]]
    return min(wide, key=lambda columns: (count % columns, -columns))


def fill_rows(count: int, num_classes: int) -> int:
    """Returns how many of ``count`` pairs to draw, so that rows are complete and classes equal.

    Args:
        count: pairs that are wanted, at least ``num_classes``.
        num_classes: of the pairs; 1 without classes.
    """
    if num_classes > _MAX_CLASSES:
        return count - count % num_classes
    return count - count % _choose_pair_columns(count, num_classes)


def choose_gap(images: np.ndarray) -> int:
    """Returns the number of pixels between images."""
    return max(1, round(images.shape[2] / 14))
