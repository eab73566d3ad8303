"""Bar chart of the KL by latent dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from catalog.metrics import METRICS
from figures.style import CLASS_COLORS, FAINT, INK, annotate, new_axes, new_figure, panel, styled


@styled
def draw_kl_per_dimension(kl: np.ndarray, active: np.ndarray, title: str, subtitle: str) -> Figure:
    """Draws a bar for each latent dimension, the largest first; inactive ones are gray.

    Args:
        kl: (latent_dim,), mean KL in nats.
        active: (latent_dim,), whether the dimension is active.
    """
    order = np.argsort(-kl, kind="stable")
    num_dims = len(kl)
    width = float(np.clip(0.3 * num_dims, 2.8, panel(8.0)))
    height = panel(2.2)
    figure = new_figure(width + 0.9, height + 0.7, title, subtitle)
    axes = new_axes(figure, 0.6, 0.5, width, height)
    colors = [CLASS_COLORS[0] if active[index] else FAINT for index in order]
    axes.bar(np.arange(num_dims), kl[order], width=0.8, color=colors)
    if 0.2 * num_dims <= width:
        axes.set_xticks(np.arange(num_dims), [str(index + 1) for index in order])
        axes.set_xlabel("latent dimension, sorted by KL")
    else:
        axes.set_xlabel("latent dimensions, sorted by KL")
    axes.set_xlim(-0.8, num_dims - 0.2)
    axes.set_ylabel(f"KL, {METRICS['kl'].unit}")
    if not active.all():
        text = f"gray: {int((~active).sum())} not active"
        corner: dict[str, Any] = {
            "xycoords": "axes fraction",
            "ha": "right",
            "va": "top",
            "color": INK,
        }
        annotate(axes, text, (1, 1), (0, -4), **corner)
    return figure
