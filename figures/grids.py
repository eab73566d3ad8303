"""Images in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, new_axes, new_figure, styled

_INCHES = 0.42  # the side of one image
_MARGIN = 0.12
_LETTER, _NAME = 0.056, 0.13  # a letter's width and a line's height at 6 points, in inches
_MIN_WIDTH = 3.6  # of a figure, so that its title fits


def tile(images: np.ndarray, num_columns: int, gap: int = 0) -> np.ndarray:
    """Lays images out row by row on white paper.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        num_columns: images in a row; the last row may be short.
        gap: pixels of paper between neighbours.

    Returns:
        (height, width, 3) in [0, 1], one channel turned into ink on paper.
    """
    num_images, height, width, channels = images.shape
    num_rows = -(-num_images // num_columns)
    sheet = np.ones(
        (num_rows * (height + gap) - gap, num_columns * (width + gap) - gap, 3), np.float32
    )
    for index, image in enumerate(images):
        row, column = divmod(index, num_columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = 1 - image if channels == 1 else image
    return sheet


def show(axes: Axes, sheet: np.ndarray, **kwargs) -> None:
    """Shows a tiled sheet, each pixel a sharp square."""
    axes.imshow(sheet, interpolation="nearest", vmin=0, vmax=1, **kwargs)


@styled
def draw_images(images: np.ndarray, title: str, subtitle: str) -> Figure:
    """Draws any number of images, in about as many rows as columns.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
    """
    num_columns = choose_columns(len(images))
    sheet = tile(images, num_columns, gap=choose_gap(images))
    width = max(num_columns * _INCHES, 1.0)
    height = width * sheet.shape[0] / sheet.shape[1]
    figure = new_figure(max(width + 2 * _MARGIN, _MIN_WIDTH), height + _MARGIN, title, subtitle)
    axes = new_axes(figure, _MARGIN, _MARGIN, width, height)
    axes.set_axis_off()
    show(axes, sheet)
    return figure


@styled
def draw_named_images(
    images: np.ndarray, names: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws any number of images, each with a name above it.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        names: (num_images,); images are as wide as the longest of all.
    """
    num_columns = choose_columns(len(images))
    side = max(_INCHES, _LETTER * max(map(len, names)) + 0.04)  # inches
    pixels = images.shape[2] / side  # an inch
    room = int(np.ceil(_NAME * pixels))  # rows for the name
    paper = 0.0 if images.shape[3] == 1 else 1.0
    named = np.pad(images, ((0, 0), (room, 0), (0, 0), (0, 0)), constant_values=paper)
    gap = choose_gap(images)
    sheet = tile(named, num_columns, gap)
    width, height = sheet.shape[1] / pixels, sheet.shape[0] / pixels
    figure = new_figure(max(width + 2 * _MARGIN, _MIN_WIDTH), height + _MARGIN, title, subtitle)
    axes = new_axes(figure, _MARGIN, _MARGIN, width, height)
    axes.set_axis_off()
    show(axes, sheet)
    for index, name in enumerate(names):
        row, column = divmod(index, num_columns)
        axes.text(
            column * (named.shape[2] + gap) + (named.shape[2] - 1) / 2,
            row * (named.shape[1] + gap) + room - 0.5,
            name,
            ha="center",
            va="bottom",
            size=6,
        )
    return figure


@styled
def draw_reconstructions(
    images: np.ndarray,
    reconstructions: np.ndarray,
    column_names: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws pairs, each image with its reconstruction to the right.

    Args:
        images: (num_pairs, height, width, channels) in [0, 1], row by row.
        reconstructions: of the same shape.
        column_names: the class of each column of pairs; as many columns as names.
    """
    num_columns = len(column_names)
    gap = choose_gap(images)
    pairs = np.concatenate([images, reconstructions], axis=2)  # side by side
    ours = tile(pairs, num_columns, gap=3 * gap)
    width = num_columns * 2 * _INCHES
    height = width * ours.shape[0] / ours.shape[1]
    header = 0.42
    figure = new_figure(
        max(width + 2 * _MARGIN, _MIN_WIDTH), height + header + _MARGIN, title, subtitle
    )
    axes = new_axes(figure, _MARGIN, _MARGIN, width, height)
    axes.set_axis_off()
    show(axes, ours)
    pair_width = pairs.shape[2]
    for column, name in enumerate(column_names):
        left = column * (pair_width + 3 * gap) - 0.5
        for place, text in ((0.25, "$x$"), (0.75, r"$\hat{x}$")):
            axes.annotate(
                text,
                (left + place * pair_width, -0.5),
                (0, 3),
                textcoords="offset points",
                ha="center",
                color=FAINT,
                annotation_clip=False,
            )
        axes.annotate(
            name,
            (left + pair_width / 2, -0.5),
            (0, 15),
            textcoords="offset points",
            ha="center",
            weight="bold",
            annotation_clip=False,
        )
    return figure


def choose_columns(count: int) -> int:
    """Returns how many of so many images stand in a row: about as many as there are rows."""
    num_columns = int(np.ceil(np.sqrt(count)))
    return 10 * int(np.ceil(num_columns / 10)) if count >= 50 else num_columns


def choose_gap(images: np.ndarray) -> int:
    """Returns how many pixels of paper lie between images."""
    return max(1, round(images.shape[2] / 14))
