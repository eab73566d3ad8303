"""Images decoded along lines of the latent space, each line a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.grids import add_sheet, choose_gap, measure_pixel, tile
from figures.style import FAINT, annotate, new_figure, panel, styled, write_name

_INCHES = 0.42  # approximate width of one image
_MARGIN = 0.12
_APART = 0.14  # inches between the originals and what is decoded
_LINE = 0.16  # inches of a line of text
_MAX_NAME = 30  # characters; two names fit above a row
_START = 2.5  # inches for the words beside the start
_LABELS = 1.0  # inches for the names of the rows


@styled
def draw_interpolations(
    originals: np.ndarray, decoded: np.ndarray, names: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws a row for each pair: an image, what is decoded between the two, the other image.

    Args:
        originals: (pairs, 2, height, width, channels) in [0, 1].
        decoded: (pairs, steps, height, width, channels) in [0, 1].
        names: of the originals, (2 · pairs,), above the ends of the rows.
    """
    num_pairs, steps = decoded.shape[:2]
    side = measure_pixel(decoded.shape[3], _INCHES) * decoded.shape[3]
    left = _MARGIN + side + _APART
    width = _width(decoded[0], steps, side)
    right = left + width + _APART
    height = side * decoded.shape[2] / decoded.shape[3]
    row_height = height + 1.4 * _LINE
    figure = new_figure(
        right + side + _MARGIN, num_pairs * row_height + 2.6 * _LINE, title, subtitle
    )
    for pair in range(num_pairs):
        bottom = 2.6 * _LINE + (num_pairs - 1 - pair) * row_height
        for place, end, align in ((0, _MARGIN, "left"), (1, right, "right")):
            sheet = tile(originals[pair, place : place + 1], 1)
            axes = add_sheet(figure, sheet, end, bottom, side)
            name = write_name(names[2 * pair + place], _MAX_NAME)
            annotate(axes, name, (place, 1), (0, 2), xycoords="axes fraction", ha=align, size=7)
        sheet = tile(decoded[pair], steps, choose_gap(decoded[0]))
        axes = add_sheet(figure, sheet, left, bottom, width)
    texts = [f"{column / (steps - 1):.1f}" for column in range(steps)]
    _name_columns(
        axes, decoded[0], texts, "t in z = (1 − t) · (left image's z) + t · (right image's z)"
    )
    return figure


@styled
def draw_traversals(
    decoded: np.ndarray,
    rows: Sequence[tuple[str, float]],
    measure: str,
    axis: tuple[np.ndarray, str],
    start: tuple[np.ndarray, np.ndarray, str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a row of images for each latent dimension.

    Args:
        decoded: (rows, columns, height, width, channels) in [0, 1].
        rows: the name of each dimension and a number beside it.
        measure: what the numbers are.
        axis: the value of the dimension in each column, and what these values are.
        start: the image from which the rows begin, its reconstruction, both (height, width,
            channels), and its name.
    """
    num_rows, num_columns, image_height, image_width = decoded.shape[:4]
    gap = choose_gap(decoded[0])
    # Flat images are drawn larger, so that the names of the rows stay apart.
    inches = max(panel(_INCHES), _LINE * image_width / image_height)
    side = measure_pixel(image_width, inches) * image_width
    width = _width(decoded[0], num_columns, side)
    sheet = tile(decoded.reshape(-1, *decoded.shape[2:]), num_columns, gap)
    height, bottom = width * sheet.shape[0] / sheet.shape[1], 2.6 * _LINE
    above = bottom + height + 1.5 * _LINE
    width_of_start = _width(decoded[0], 2, side)
    total = _LABELS + max(width + _MARGIN, width_of_start + _START)
    figure = new_figure(total, above + side * image_height / image_width, title, subtitle)
    look: dict[str, Any] = {"xycoords": "axes fraction", "va": "center"}
    axes = add_sheet(figure, sheet, _LABELS, bottom, width)
    for row, (name, value) in enumerate(rows):
        middle = 1 - (row + 0.5) / num_rows
        annotate(axes, name, (0, middle), (-44, 0), ha="right", **look)
        annotate(axes, f"{value:.2f}", (0, middle), (-8, 0), ha="right", size=7, **look)
    annotate(axes, measure, (0, 1), (-8, 6), ha="right", size=7, color=FAINT, **look)
    values, meaning = axis
    texts = [f"{value:.0f}".replace("-", "−") if value % 1 == 0 else "" for value in values]
    _name_columns(axes, decoded[0], texts, meaning)
    image, reconstruction, name = start
    sheet = tile(np.stack([image, reconstruction]), 2, gap)
    axes = add_sheet(figure, sheet, _LABELS, above, width_of_start)
    name = write_name(name, _MAX_NAME)
    text = f"{name}, and its reconstruction\neach row changes one dimension of its z"
    annotate(axes, text, (1, 0.5), (6, 0), size=7, **look)
    annotate(axes, "start", (0, 0.5), (-8, 0), ha="right", **look)
    return figure


def _width(images: np.ndarray, count: int, side: float) -> float:
    """Returns the inches of a row of images, each ``side`` wide, with gaps between them."""
    return side * (count + (count - 1) * choose_gap(images) / images.shape[2])


def _name_columns(axes: Axes, images: np.ndarray, texts: Sequence[str], meaning: str) -> None:
    """Writes a text below each column of a sheet, and what the texts mean."""
    step = images.shape[2] + choose_gap(images)
    look: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "center"}
    for column, text in enumerate(texts):
        center = column * step + (images.shape[2] - 1) / 2
        annotate(axes, text, (center, 0), (0, -7), size=7, **look)
    middle = (len(texts) * step - choose_gap(images) - 1) / 2
    annotate(axes, meaning, (middle, 0), (0, -19), size=7, color=FAINT, **look)
