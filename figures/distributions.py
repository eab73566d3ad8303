"""Distributions of losses over groups of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from catalog.metrics import METRICS
from figures.style import CLASS_COLORS, FAINT, INK, annotate, new_axes, new_figure, styled

_WHISKERS = (0.01, 0.99)
_ROW = 0.5  # a group's height, in inches
_WIDE = 12  # above this ratio of the largest to the smallest loss the axis is logarithmic


@styled
def draw_loss_distributions(
    rows: Sequence[tuple[str, np.ndarray, Mapping[str, float] | None]], title: str, subtitle: str
) -> Figure:
    """Draws a box plot for each group: median, quartiles, whiskers from 1 % to 99 %.

    The axis is logarithmic if the losses span orders of magnitude, and symmetric-logarithmic if
    some losses of a density are negative.

    Args:
        rows: for each group its title, its losses in nats per image, (num_images,), and the
            ``area`` under the ROC curve with its ``standard_error``, or None.
    """
    height = _ROW * len(rows)
    label_width = 0.072 * max(len(title) for title, _, _ in rows) + 0.2
    width = 3.9
    figure = new_figure(label_width + width + 1.35, height + 0.75, title, subtitle)
    axes = new_axes(figure, label_width, 0.45, width, height)
    places = np.arange(len(rows))[::-1]  # the first on top
    for place, (_, losses, auc) in zip(places, rows, strict=True):
        color = CLASS_COLORS[0] if auc is None else CLASS_COLORS[1]
        low, high = np.quantile(losses, _WHISKERS)
        first, median, third = np.quantile(losses, [0.25, 0.5, 0.75])
        line: dict[str, Any] = {"color": color, "linewidth": 1.2, "zorder": 2}
        axes.plot([low, high], [place, place], **line)
        for end in (low, high):
            axes.plot([end, end], [place - 0.12, place + 0.12], **line)
        reach = [place - 0.26, place + 0.26]
        axes.fill_betweenx(reach, first, third, facecolor=color, edgecolor=color, zorder=3)
        axes.plot([median, median], reach, color=INK, linewidth=1.6, zorder=4)
        if auc is not None:
            text = f"{auc['area']:.3f} ± {auc['standard_error']:.3f}"
            right = {"xycoords": ("axes fraction", "data"), "va": "center"}
            annotate(axes, text, (1, place), (10, 0), **right)
    annotate(axes, "AUC", (1, 1), (10, 2), xycoords="axes fraction", weight="bold")
    _set_scale(axes, np.array([np.quantile(losses, _WHISKERS) for _, losses, _ in rows]), width)
    axes.set_ylim(-0.55, len(rows) - 0.45)
    axes.set_yticks(places, [title for title, _, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"loss, {METRICS['loss'].unit}", color=INK)
    return figure


def _set_scale(axes: Axes, ends: np.ndarray, width: float) -> None:
    """Scales the axis to these losses and sets its ticks.

    Args:
        ends: (num_groups, 2), each group's whiskers; the first are those of the test images.
        width: of the axes, in inches.
    """
    low, high = float(ends.min()), float(ends.max())
    if low > 0 and high > _WIDE * low:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.15, high * 1.15)
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        wanted = [factor * 10.0**power for factor in (1, 3, 2, 5) for power in powers]
    elif low <= 0 and high - low > _WIDE * max(ends[0, 1] - ends[0, 0], 1e-9):
        near = max(float(np.abs(ends[0]).max()), 1.0)  # linear as far as the test images reach
        axes.set_xscale("symlog", linthresh=near)
        axes.set_xlim(1.3 * low, 1.3 * high if high > 0 else high / 1.3)
        largest = int(np.ceil(np.log10(max(-low, high)))) + 1
        wanted = [0.0, *(s * 10.0**p for p in reversed(range(largest)) for s in (1, -1))]
    else:
        margin = 0.05 * (high - low) or 0.5
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        return
    axes.xaxis.set_minor_locator(NullLocator())
    ticks = _keep_readable(axes, wanted, width)
    axes.set_xticks(
        ticks, [f"{tick:,.0f}" if 1 <= abs(tick) < 1e6 else f"{tick:g}" for tick in ticks]
    )


def _keep_readable(axes: Axes, wanted: Sequence[float], width: float) -> list[float]:
    """Returns the ticks inside the axes, without those less than half an inch from earlier ones."""
    low, high = axes.transData.transform([(end, 0) for end in axes.get_xlim()])[:, 0]
    kept: list[float] = []
    spots: list[float] = []
    for tick in wanted:
        spot = width * (axes.transData.transform((tick, 0))[0] - low) / (high - low)
        if 0 <= spot <= width and all(abs(spot - other) >= 0.5 for other in spots):
            kept.append(tick)
            spots.append(spot)
    return kept
