"""Classification: accuracy over the number of labels, and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from figures.style import (
    FAINT,
    INK,
    LINE_LOOKS,
    SHADES,
    annotate,
    keep_apart,
    new_axes,
    new_figure,
    panel,
    styled,
    to_scale,
    write_name,
)

_CELL = 0.36  # inches: the side of a cell of the confusion matrix
_NUMBER = 0.27  # inches: the smallest cell with a number in it
_TICK = 0.13  # inches between the names of classes, at least
_MAX_SIDE = 9.0  # inches: the largest confusion matrix, without the names of the classes


@styled
def draw_accuracy(
    lines: Mapping[str, Sequence[tuple[int, float, float]]], title: str, subtitle: str
) -> Figure:
    """Draws accuracy over the number of labels: one line per method, bars for the spread.

    Args:
        lines: method → (number of labels, mean, standard deviation) for each number of labels;
            at most as many methods as there are ``LINE_LOOKS``.
    """
    width, height = panel(3.6), panel(3.0)
    figure = new_figure(width + 2.9, height + 0.7, title, subtitle)
    axes = new_axes(figure, 0.65, 0.5, width, height)
    axes.set_xscale("log")
    numbers = sorted({point[0] for points in lines.values() for point in points})
    axes.set_xlim(numbers[0] / 1.25, numbers[-1] * 1.25)
    ends = []
    looks = LINE_LOOKS[: len(lines)]
    for look, (name, points) in zip(looks, lines.items(), strict=True):
        labels, means, spreads = np.array(points).T
        sizes: dict[str, Any] = {
            "markersize": to_scale(5),
            "linewidth": to_scale(1.3),
            "capsize": to_scale(3),
        }
        axes.errorbar(labels, means, spreads, **look, **sizes)
        ends.append((means[-1], name, look["color"]))
    low, high = axes.get_ylim()
    margin = max(0.06 - (high - low), 0) / 2  # the axis spans 0.06 at least
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(7 if height > 2.5 else 5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:.2f}")
    places = keep_apart([end[0] for end in ends], 0.195 / height * (high - low))
    for place, (_, name, color) in zip(places, ends, strict=True):
        right: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        annotate(axes, name, (1, place), (8, 0), color=color, **right)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.set_xlabel("labels")
    axes.set_ylabel("accuracy")
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=to_scale(0.5))
    return figure


@styled
def draw_confusions(
    shares: np.ndarray, class_names: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws a confusion matrix: one row per true class, with the share of each predicted class.

    With many classes the cells are small: a color bar replaces their numbers, and not every class
    is named.

    Args:
        shares: (num_classes, num_classes) in [0, 1].
        class_names: (num_classes,).
    """
    count, names = len(class_names), [write_name(name) for name in class_names]
    side = min(_CELL * count, _MAX_SIDE)
    side = max(panel(side), min(side, 0.29 * count))  # numbers still fit
    cell = side / count
    bar = 0.0 if cell > _NUMBER else 0.6
    longest = max(0.075 * max(map(len, names)), 0.45 - side / 2)  # 0.075 inches per character
    figure = new_figure(
        max(longest + side + 0.75 + bar, 5.2), longest + side + 0.55, title, subtitle
    )
    axes = new_axes(figure, longest + 0.5, longest + 0.35, side, side)
    image = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1)
    if bar:
        scale = new_axes(figure, longest + side + 0.65, longest + 0.35, 0.12, side / 2)
        figure.colorbar(image, cax=scale, format="{x:.0%}")
    else:
        for row, column in np.ndindex(count, count):
            percent = f"{100 * float(shares[row, column]):.0f}"
            if percent != "0":
                color = "white" if shares[row, column] > 0.5 else INK
                axes.text(column, row, percent, ha="center", va="center", color=color)
    named = range(0, count, int(np.ceil(_TICK / cell)))
    rotation = 90 if longest > cell else 0
    axes.set_xticks(named, [names[index] for index in named], rotation=rotation)
    axes.set_yticks(named, [names[index] for index in named])
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
