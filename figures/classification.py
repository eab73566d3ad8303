"""How well images are classified: accuracy over labels, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from figures.style import FAINT, INK, LINE_LOOKS, new_axes, new_figure, styled

_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#0b3d70"])
_CELL = 0.36  # of the table of confusions, in inches


@styled
def draw_accuracy(
    lines: Mapping[str, Sequence[tuple[int, float, float]]], title: str, subtitle: str
) -> Figure:
    """Draws accuracy over the number of labels, a line a method, with bars for the spread.

    Args:
        lines: method → (number of labels, mean, standard deviation) of each size; as many
            methods as there are ``LINE_LOOKS`` at most.
    """
    figure = new_figure(6.5, 3.7, title, subtitle)
    axes = new_axes(figure, 0.65, 0.5, 3.6, 3.0)
    axes.set_xscale("log")
    numbers = sorted({point[0] for points in lines.values() for point in points})
    axes.set_xlim(numbers[0] / 1.25, numbers[-1] * 1.25)
    ends = []
    looks = LINE_LOOKS[: len(lines)]
    for look, (name, points) in zip(looks, lines.items(), strict=True):
        labels, means, spreads = np.array(points).T
        axes.errorbar(labels, means, spreads, **look, markersize=5, linewidth=1.3, capsize=3)
        ends.append((means[-1], name, look["color"]))
    low, high = axes.get_ylim()
    margin = max(0.06 - (high - low), 0) / 2  # an axis of hundredths at least
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:.2f}")
    places = _keep_apart([end[0] for end in ends], 0.065 * (high - low))
    for place, (_, name, color) in zip(places, ends, strict=True):
        axes.annotate(
            name,
            (1, place),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=color,
            va="center",
            annotation_clip=False,
        )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.set_xlabel("labels")
    axes.set_ylabel("accuracy")
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.5)
    return figure


@styled
def draw_confusions(
    shares: np.ndarray, class_names: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws the share of each true class, a row, that was taken for each class, a column.

    Args:
        shares: (num_classes, num_classes) in [0, 1].
        class_names: (num_classes,).
    """
    count = len(class_names)
    side = _CELL * count
    longest = 0.075 * max(len(name) for name in class_names)  # a wide letter's width, in inches
    figure = new_figure(max(longest + side + 0.75, 5.2), longest + side + 0.55, title, subtitle)
    axes = new_axes(figure, longest + 0.5, longest + 0.35, side, side)
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    for row, column in np.ndindex(count, count):
        percent = f"{100 * float(shares[row, column]):.0f}"
        if percent != "0":
            axes.text(
                column,
                row,
                percent,
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.5 else INK,
            )
    rotation = 90 if longest > _CELL else 0
    axes.set_xticks(range(count), class_names, rotation=rotation)
    axes.set_yticks(range(count), class_names)
    axes.tick_params(length=0)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _keep_apart(values: Sequence[float], gap: float) -> list[float]:
    """Returns heights near the values, in their order, each ``gap`` above the one below."""
    order = np.argsort(values, kind="stable")
    places = np.array(values, np.float64)[order]
    for _ in range(100):
        close = np.diff(places) < gap * (1 - 1e-9)
        if not close.any():
            break
        missing = np.where(close, gap - np.diff(places), 0) / 2
        places[:-1] -= missing
        places[1:] += missing
    result = np.empty(len(places))
    result[order] = places
    return list(result)
