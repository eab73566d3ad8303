"""Manifolds: decoded images over a plane of the latent space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.grids import choose_gap, measure_pixel, show, tile
from figures.style import new_axes, new_figure, styled

_INCHES = 0.26  # approximate width of one image
_APART = 0.75  # inches between panels, for the numbers of the axis


@styled
def draw_manifold(
    panels: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, str]],
    axis_names: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws one or more grids of images side by side; the axes show z.

    Args:
        panels: for each, the images (rows · columns, height, width, channels) in [0, 1],
            the top row first; the values of z along x, (columns,); those along y, (rows,),
            the bottom row first; and the panel's heading. One row is a line, not a plane.
        axis_names: of x, and of y if there is more than one row.
    """
    rows = len(panels[0][2])
    columns = len(panels[0][1])
    gap = choose_gap(panels[0][0])
    pixel = measure_pixel(panels[0][0].shape[2], _INCHES)
    sheets = [tile(images, columns, gap) for images, *_ in panels]
    height, width = np.array(sheets[0].shape[:2]) * pixel
    figure = new_figure(len(panels) * (width + _APART), height + 0.8, title, subtitle)
    for index, (images, z_x, z_y, heading) in enumerate(panels):
        axes = new_axes(figure, 0.6 + index * (width + _APART), 0.45, width, height)
        extent = (*_find_ends(z_x, images.shape[2], gap), *_find_ends(z_y, images.shape[1], gap))
        show(axes, sheets[index], extent=extent, aspect="auto")
        axes.set_title(heading, loc="left")
        axes.set_xlabel(axis_names[0])
        if rows > 1:
            axes.set_ylabel(axis_names[1])
        else:
            axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _find_ends(values: np.ndarray, size: int, gap: int) -> tuple[float, float]:
    """Returns z at both edges of a sheet, so that each image's center is at its own z.

    Args:
        values: z of the images, evenly spaced.
        size: pixels of an image.
        gap: pixels between images.
    """
    step = float(values[1] - values[0]) if len(values) > 1 else 1.0
    half = step / 2 * size / (size + gap)
    return float(values[0]) - half, float(values[-1]) + half
