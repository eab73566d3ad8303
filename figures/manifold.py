"""Manifolds: decoded images over a plane of the latent space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.grids import show, tile
from figures.style import new_axes, new_figure, styled

_SIDE = 5.2  # of a panel, in inches


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
    image_height, image_width = panels[0][0].shape[1:3]
    height = _SIDE * rows * image_height / (columns * image_width)
    figure = new_figure(len(panels) * (_SIDE + 0.75), height + 0.8, title, subtitle)
    for index, (images, z_x, z_y, heading) in enumerate(panels):
        axes = new_axes(figure, 0.6 + index * (_SIDE + 0.75), 0.45, _SIDE, height)
        half_x, half_y = _half_step(z_x), _half_step(z_y)
        extent = (z_x[0] - half_x, z_x[-1] + half_x, z_y[0] - half_y, z_y[-1] + half_y)
        show(axes, tile(images, columns), extent=extent, aspect="auto")
        axes.set_title(heading, loc="left")
        axes.set_xlabel(axis_names[0])
        if rows > 1:
            axes.set_ylabel(axis_names[1])
        else:
            axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _half_step(values: np.ndarray) -> float:
    return float(values[1] - values[0]) / 2 if len(values) > 1 else 0.5
