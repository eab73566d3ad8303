"""Comparisons of several runs, always in the same order and with the same colors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from catalog.metrics import METRICS
from figures.curves import select_metrics
from figures.grids import add_sheet, choose_columns, choose_gap, tile
from figures.style import (
    FAINT,
    INK,
    LINE_LOOKS,
    annotate,
    new_axes,
    new_figure,
    panel,
    styled,
    to_scale,
    wrap,
)

_CHARACTER, _LINE = 0.075, 0.14  # inches: a wide character and a line, at the style's 8 points
_LABEL = 24  # characters in a line of a run's label
_PANELS = 6  # measures beside each other

History = Sequence[Mapping[str, float]]


@styled
def draw_compared_curves(
    histories: Sequence[History], labels: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws each metric of training and validation for several runs, training above validation.

    The objective is not drawn: it is measured on training images only, and different objectives
    cannot be compared.

    Args:
        histories: for each run, one row per epoch: ``epoch``, the metrics of its model and
            those of the validation images, ``val_<name>``.
        labels: of the runs.

    Raises:
        ValueError: if a history has a metric that ``catalog.metrics`` does not declare.
    """
    metrics = select_metrics({name for history in histories for name in history[0]})
    shown = {name: metric for name, metric in metrics.items() if metric.is_validated}
    legend = _Legend(labels)
    width, beside, below = panel(2.1), 0.6, 0.7
    height = max(panel(1.9), (legend.height - below) / 2)
    total = 0.7 + len(shown) * (width + beside) + legend.width
    figure = new_figure(total, 2 * (height + below), title, subtitle)
    unit = ""
    for column, (name, metric) in enumerate(shown.items()):
        limits = _find_limits(histories, (name, f"val_{name}"))
        for row, (prefix, split) in enumerate((("val_", "validation"), ("", "training"))):
            left, bottom = 0.8 + column * (width + beside), 0.45 + row * (height + below)
            axes = new_axes(figure, left, bottom, width, height)
            for place, history in enumerate(histories):
                if name in history[0]:
                    epochs = [entry["epoch"] for entry in history]
                    values = [entry[prefix + name] for entry in history]
                    look = _choose_line(place, len(labels))
                    # A few markers on each line, at other epochs than those of its neighbors.
                    every = max(1, len(epochs) // 5)
                    look["markevery"] = (place * every // len(labels), every)
                    axes.plot(epochs, values, **look)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
            axes.set_title(f"{metric.heading}, {split}", loc="left", y=1, pad=to_scale(13))
            axes.set_ylim(*limits)
            if row == 0:
                axes.set_xlabel("epoch")
            if metric.unit != unit:
                axes.set_ylabel(metric.unit)
        unit = metric.unit
    legend.draw(figure, 0.7 + len(shown) * (width + beside))
    return figure


def _find_limits(histories: Sequence[History], names: Sequence[str]) -> tuple[float, float]:
    """Returns limits of the axis that contain all values after the first twentieth of the epochs.

    The steep beginning is cut off, because it would hide the differences between the runs.
    """
    values = np.array(
        [
            row[name]
            for history in histories
            for row in history[len(history) // 20 :]
            for name in names
            if name in row and np.isfinite(row[name])
        ]
    )
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.05 * (high - low) or abs(high) * 0.05 or 0.5
    return float(low - margin), float(high + margin)


@styled
def draw_compared_measures(
    measures: Mapping[str, Sequence[tuple[float, float] | None]],
    kl: Sequence[np.ndarray | None],
    active: Sequence[tuple[int, int] | None],
    labels: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a table of dots with values, one row per run, and the KL by dimension below.

    At most six measures are beside each other; the others follow in tables below.

    The legend marks runs without a KL by dimension; if no run has one, the subtitle says so.

    Args:
        measures: heading → mean and standard error for each run; None where the model has no
            such measure.
        kl: for each run (latent_dim,), the mean KL of each dimension in nats; None for an
            autoencoder, and for a prior without a KL by dimension.
        active: for each run its active units and latent_dim; None if they are not known.
        labels: of the runs.
    """
    count = len(labels)
    wrapped, label_width = _wrap(labels, 2)
    width, beside, row, with_kl = panel(1.5), 0.2, 0.3, any(of_one is not None for of_one in kl)
    height = row * count
    legend = _Legend(
        [
            text + " (no KL by dimension)" * (of_one is None)
            for text, of_one in zip(labels, kl, strict=True)
        ]
    )
    kl_height = max(panel(2.1), legend.height - 0.3)
    below = kl_height + 0.75 if with_kl else 0.0
    if not with_kl:
        subtitle += " · no KL by dimension for these models and priors"
    panels: dict[str, list[tuple[float, float, str] | None]] = {
        heading: [of_one and (*of_one, _write(of_one[0])) for of_one in values]
        for heading, values in measures.items()
    }
    if any(active):
        panels[METRICS["active_units"].heading] = [
            of_one and (of_one[0], 0.0, f"{of_one[0]} of {of_one[1]}") for of_one in active
        ]
    headings = [wrap(heading, int(width / 0.065)) for heading in panels]
    above = 0.6 + _LINE * (max(map(len, headings), default=1) - 1)
    num_rows = max(1, math.ceil(len(panels) / _PANELS))
    total = max(label_width + 0.3 + min(len(panels), _PANELS) * (width + beside), 3.6)
    figure = new_figure(total, num_rows * (height + above) + below, title, subtitle)
    for place, (heading, values) in enumerate(zip(headings, panels.values(), strict=True)):
        above_it, column = divmod(place, _PANELS)
        left = label_width + 0.2 + column * (width + beside)
        bottom = below + 0.25 + (num_rows - 1 - above_it) * (height + above)
        axes = new_axes(figure, left, bottom, width, height)
        _draw_dots(axes, values, count)
        axes.set_title("\n".join(heading), loc="left", pad=to_scale(5))
        if column == 0:
            axes.set_yticks(np.arange(count), wrapped)
            axes.tick_params(axis="y", length=0)
    if with_kl:
        axes = new_axes(figure, 0.65, 0.45, total - legend.width - 0.75, kl_height)
        _draw_sorted_kl(axes, kl)
        legend.draw(figure, total - legend.width, top=kl_height + 0.45)
    return figure


def _draw_dots(axes: Axes, values: Sequence[tuple[float, float, str] | None], count: int) -> None:
    """Draws (value, error, text), the first on top."""
    ends = [
        value[0] + sign * value[1]
        for value in values
        if value is not None and np.isfinite(value[:2]).all()
        for sign in (-1, 1)
    ]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    reach = (high - low) or abs(high) or 1.0
    axes.set_xlim(low - 0.1 * reach, high + 0.85 * reach)  # with room for the texts on the right
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    for place, value in enumerate(values):
        axes.axhline(place, color=FAINT, linewidth=to_scale(0.3), zorder=0)
        middle, error, text = value or (low, 0.0, "none")
        if value is not None:
            look = _choose_line(place, count) | {"linewidth": to_scale(1), "linestyle": ""}
            axes.errorbar(middle, place, xerr=error, **look)
        color = INK if value is not None else FAINT
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        annotate(axes, text, (middle + error, place), (6, 0), va="center", color=color, bbox=paper)


def _draw_sorted_kl(axes: Axes, kl: Sequence[np.ndarray | None]) -> None:
    """Draws the KL by dimension of each run, the largest first, up to where it vanishes."""
    longest, reach = 1, 1
    for place, of_one in enumerate(kl):
        if of_one is None:
            continue
        ordered = np.sort(of_one)[::-1]
        longest = max(longest, len(ordered))
        reach = max(reach, int((ordered > 0.01).sum()))
        ranks = np.arange(1, len(ordered) + 1)
        axes.plot(ranks, ordered, **_choose_line(place, len(kl)))
    end = min(longest, max(reach + 10, int(1.5 * reach)))
    axes.set_xlim(0.5, end + 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    beyond = f"; all below 0.01 from {end + 1} to {longest}" if end < longest else ""
    axes.set_xlabel(f"latent dimensions of each run, sorted by KL{beyond}")
    axes.set_ylabel(METRICS["kl"].unit)
    axes.set_title(
        "KL of each latent dimension, the largest first", loc="left", y=1, pad=to_scale(13)
    )


@styled
def draw_compared_reconstructions(
    images: np.ndarray,
    reconstructions: Sequence[np.ndarray],
    labels: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a row of images, and below it a row of reconstructions for each run.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        reconstructions: for each run, of the same shape.
        labels: of the runs.
    """
    gap = choose_gap(images)
    sheet = tile(np.concatenate([images, *reconstructions]), len(images), gap)
    width = 0.45 * len(images)
    height = width * sheet.shape[0] / sheet.shape[1]
    row_height = height / (len(labels) + 1)
    wrapped, label_width = _wrap(["test images", *labels], max(1, int(row_height / _LINE)))
    figure = new_figure(max(label_width + width + 0.3, 3.6), height + 0.12, title, subtitle)
    axes = add_sheet(figure, sheet, label_width + 0.2, 0.12, width)
    for row, text in enumerate(wrapped):
        place = (-0.5, row * (images.shape[1] + gap) + images.shape[1] / 2 - 0.5)
        weight = "normal" if row else "bold"
        annotate(axes, text, place, (-6, 0), ha="right", va="center", weight=weight)
    return figure


@styled
def draw_compared_samples(
    samples: Sequence[np.ndarray], labels: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws a sheet of images for each run, side by side, at most three in a row.

    Args:
        samples: for each run, (num_images, height, width, channels) in [0, 1].
        labels: of the runs.
    """
    columns = min(3, len(labels))
    gap = choose_gap(samples[0])
    across = choose_columns(len(samples[0]))
    sheets = [tile(images, across, gap) for images in samples]
    width = max(2.4, 0.32 * across)
    height = width * sheets[0].shape[0] / sheets[0].shape[1]
    lines = [wrap(text, int(width / _CHARACTER)) for text in labels]
    heading = 0.1 + _LINE * max(map(len, lines))
    rows = -(-len(labels) // columns)
    figure = new_figure(
        max(0.12 + columns * (width + 0.25), 3.6), rows * (height + heading + 0.12), title, subtitle
    )
    above: dict[str, Any] = {"xycoords": "axes fraction", "va": "bottom", "weight": "bold"}
    for index, sheet in enumerate(sheets):
        row, column = divmod(index, columns)
        bottom = 0.12 + (rows - 1 - row) * (height + heading + 0.12)
        axes = add_sheet(figure, sheet, 0.12 + column * (width + 0.25), bottom, width)
        annotate(axes, "\n".join(lines[index]), (0, 1), (0, 3), **above)
    return figure


class _Legend:
    """The names of the runs' colors, in a column at the right of a figure.

    Attributes:
        width, height: of the column, in inches.
    """

    def __init__(self, labels: Sequence[str]):
        self.lines = [wrap(text, _LABEL) for text in labels]
        self.width = 0.5 + _CHARACTER * max(len(line) for lines in self.lines for line in lines)
        self.height = sum(_LINE * len(lines) + 0.08 for lines in self.lines)

    def draw(self, figure: Figure, left: float, top: float | None = None) -> None:
        """Draws the legend down from ``top``, in inches; from the top of the figure by default."""
        width, height = figure.get_size_inches() / to_scale(1)
        y = height - 0.85 if top is None else top
        for place, lines in enumerate(self.lines):
            x, middle = np.linspace(left, left + 0.3, 3) / width, np.full(3, y - 0.07) / height
            look = _choose_line(place, len(self.lines))
            figure.add_artist(Line2D(x, middle, markevery=[1], **look))
            figure.text((left + 0.38) / width, y / height, "\n".join(lines), va="top")
            y -= _LINE * len(lines) + 0.08


def _wrap(labels: Sequence[str], num_lines: int) -> tuple[list[str], float]:
    """Returns the labels in at most ``num_lines`` lines, and their width in inches."""
    length = max(8, min(_LABEL, max(map(len, labels))))
    while any(len(wrap(text, length)) > num_lines for text in labels):
        length += 1
    wrapped = [wrap(text, length) for text in labels]
    longest = max(len(line) for lines in wrapped for line in lines)
    return ["\n".join(lines) for lines in wrapped], 0.1 + _CHARACTER * longest


def _choose_line(place: int, count: int) -> dict[str, Any]:
    """Returns a run's color, marker and width: later lines are thinner, so that all can be seen."""
    return {
        "color": _shades(count)[place],
        "linewidth": to_scale(1 + 1.4 * (count - 1 - place) / count),
        "marker": LINE_LOOKS[place % len(LINE_LOOKS)]["marker"],
        "markersize": to_scale(4.5),
    }


def _shades(count: int) -> list[Any]:
    """Returns colors from dark to light, which keep their order with any color vision."""
    return list(colormaps["viridis"](np.linspace(0, 0.88, count)))


def _write(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1e5 else f"{value:.3g}"
