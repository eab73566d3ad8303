"""Known factors of variation in latent dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from figures.style import INK, SHADES, annotate, new_axes, new_figure, styled

_CELL = 0.4  # inches: the side of a cell


@styled
def draw_information(
    shares: np.ndarray,
    gaps: Mapping[str, float],
    dims: Sequence[int],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws how much of each factor each latent dimension determines, in percent.

    Args:
        shares: (num_factors, num_dims) in [0, 1].
        gaps: factor → its mutual information gap.
        dims: numbers of the dimensions, from 1.
    """
    num_factors, num_dims = shares.shape
    height, width, left = _CELL * num_factors, _CELL * num_dims, 0.2 + 0.08 * max(map(len, gaps))
    figure = new_figure(max(left + width + 0.6, 5.2), height + 0.7, title, subtitle)
    axes = new_axes(figure, left, 0.4, width, height)
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1)
    for row, column in np.ndindex(num_factors, num_dims):
        percent = f"{100 * float(shares[row, column]):.0f}"
        color = "white" if shares[row, column] > 0.5 else INK
        axes.text(column, row, percent, ha="center", va="center", color=color)
    axes.set_xticks(range(num_dims), [f"$z_{{{dim}}}$" for dim in dims])
    axes.set_yticks(range(num_factors), list(gaps))
    axes.tick_params(length=0)
    axes.set_xlabel("latent dimension")
    annotate(axes, "gap", (1, 1), (8, 4), xycoords="axes fraction")
    for row, gap in enumerate(gaps.values()):
        annotate(axes, f"{gap:.2f}", (num_dims - 0.5, row), (8, 0), va="center")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
