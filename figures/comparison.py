"""Several runs in one figure, always in the same order and with the same colours."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from figures.grids import choose_columns, choose_gap, show, tile
from figures.style import FAINT, INK, new_axes, new_figure, styled

_LETTER, _LINE = 0.075, 0.14  # inches: a wide letter and a line, at the style's 8 points
_LABEL = 24  # letters in a line of a run's label
_HEADINGS = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}

History = Sequence[Mapping[str, float]]


@styled
def draw_compared_curves(
    histories: Sequence[History], labels: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws loss, reconstruction and KL of several runs, training above validation.

    Args:
        histories: of each run, a row an epoch with ``epoch``, those of the three names that
            its model has, and each with ``val_``.
        labels: of each run.
    """
    shown = [name for name in _HEADINGS if any(name in history[0] for history in histories)]
    legend = _Legend(labels)
    width, beside, below = 2.1, 0.6, 0.7
    height = max(1.9, (legend.height - below) / 2)
    total = 0.7 + len(shown) * (width + beside) + legend.width
    figure = new_figure(total, 2 * (height + below), title, subtitle)
    for column, name in enumerate(shown):
        both = []
        for row, (prefix, split) in enumerate((("val_", "validation"), ("", "training"))):
            left, bottom = 0.8 + column * (width + beside), 0.45 + row * (height + below)
            axes = new_axes(figure, left, bottom, width, height)
            both.append(axes)
            for place, history in enumerate(histories):
                if name in history[0]:
                    epochs = [entry["epoch"] for entry in history]
                    values = [entry[prefix + name] for entry in history]
                    look = _choose_line(place, len(labels))
                    axes.plot(epochs, values, marker="o" if len(epochs) == 1 else "", **look)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
            axes.set_title(f"{_HEADINGS[name]}, {split}", loc="left", y=1, pad=13)
            if row == 0:
                axes.set_xlabel("epoch")
            if column == 0:
                axes.set_ylabel("nats an image")
        limits = _find_limits(histories, (name, f"val_{name}"))
        for axes in both:
            axes.set_ylim(*limits)
    legend.draw(figure, 0.7 + len(shown) * (width + beside))
    return figure


def _find_limits(histories: Sequence[History], names: Sequence[str]) -> tuple[float, float]:
    """Returns the reach of the values but for the first twentieth of the epochs: the steep
    beginning would leave no room for what tells the runs apart."""
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
    active: Sequence[tuple[int, int]],
    labels: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a run a row: its figures as dots with their values; below, where its KL is.

    Args:
        measures: heading → of each run the mean and its standard error, None where the model
            has no such figure.
        kl: of each run, (latent_dim,), mean KL of its dimensions in nats; None without.
        active: of each run, the active units and latent_dim.
        labels: of each run.
    """
    count = len(labels)
    wrapped, label_width = _wrap(labels, 2)
    width, beside, row, with_kl = 1.5, 0.2, 0.3, any(of_one is not None for of_one in kl)
    height = row * count
    legend = _Legend(labels)
    kl_height = max(2.1, legend.height - 0.3)
    below = kl_height + 0.75 if with_kl else 0.0
    columns = len(measures) + 1
    total = label_width + 0.3 + columns * (width + beside)
    figure = new_figure(total, height + below + 0.6, title, subtitle)
    panels: dict[str, list[tuple[float, float, str] | None]] = {
        heading: [of_one and (*of_one, _write(of_one[0])) for of_one in values]
        for heading, values in measures.items()
    }
    panels["active units"] = [(used, 0.0, f"{used} of {of}") for used, of in active]
    for column, (heading, values) in enumerate(panels.items()):
        left = label_width + 0.2 + column * (width + beside)
        axes = new_axes(figure, left, below + 0.25, width, height)
        _draw_dots(axes, values, count)
        axes.set_title(heading, loc="left", pad=5)
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
    there = [
        value[0] + sign * value[1]
        for value in values
        if value is not None and np.isfinite(value[:2]).all()
        for sign in (-1, 1)
    ]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)
    reach = (high - low) or abs(high) or 1.0
    axes.set_xlim(low - 0.1 * reach, high + 0.85 * reach)  # the texts stand to the right
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    for place, (value, color) in enumerate(zip(values, _shades(count), strict=True)):
        axes.axhline(place, color=FAINT, linewidth=0.3, zorder=0)
        middle, error, text = value or (low, 0.0, "none")
        if value is not None:
            axes.errorbar(middle, place, xerr=error, fmt="o", ms=5, color=color, elinewidth=1)
        axes.annotate(
            text,
            (middle + error, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=INK if value is not None else FAINT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            annotation_clip=False,
        )


def _draw_sorted_kl(axes: Axes, kl: Sequence[np.ndarray | None]) -> None:
    """Draws the KL of each run's dimensions, the largest first, as far as there is any."""
    longest, reach = 1, 1
    for place, of_one in enumerate(kl):
        if of_one is None:
            continue
        ordered = np.sort(of_one)[::-1]
        longest = max(longest, len(ordered))
        reach = max(reach, int((ordered > 0.01).sum()))
        ranks = np.arange(1, len(ordered) + 1)
        look = _choose_line(place, len(kl))
        axes.plot(ranks, ordered, marker="o", markersize=2 + look["linewidth"], **look)
    end = min(longest, max(reach + 10, int(1.5 * reach)))
    axes.set_xlim(0.5, end + 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    beyond = f"; beyond {end}, up to {longest}, none has 0.01" if end < longest else ""
    axes.set_xlabel(f"a run's latent dimensions in the order of their KL{beyond}")
    axes.set_ylabel("nats an image")
    axes.set_title("KL of each latent dimension, the largest first", loc="left", y=1, pad=13)


@styled
def draw_compared_reconstructions(
    images: np.ndarray,
    reconstructions: Sequence[np.ndarray],
    labels: Sequence[str],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a row of images, and below it a row of reconstructions a run.

    Args:
        images: (num_images, height, width, channels) in [0, 1].
        reconstructions: of each run, of the same shape.
        labels: of each run.
    """
    gap = choose_gap(images)
    sheet = tile(np.concatenate([images, *reconstructions]), len(images), gap)
    width = 0.45 * len(images)
    height = width * sheet.shape[0] / sheet.shape[1]
    row_height = height / (len(labels) + 1)
    wrapped, label_width = _wrap(["test images", *labels], max(1, int(row_height / _LINE)))
    figure = new_figure(max(label_width + width + 0.3, 3.6), height + 0.12, title, subtitle)
    axes = new_axes(figure, label_width + 0.2, 0.12, width, height)
    axes.set_axis_off()
    show(axes, sheet)
    for row, text in enumerate(wrapped):
        axes.annotate(
            text,
            (-0.5, row * (images.shape[1] + gap) + images.shape[1] / 2 - 0.5),
            (-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            weight="normal" if row else "bold",
            annotation_clip=False,
        )
    return figure


@styled
def draw_compared_samples(
    samples: Sequence[np.ndarray], labels: Sequence[str], title: str, subtitle: str
) -> Figure:
    """Draws a sheet of images for each run, side by side, at most three in a row.

    Args:
        samples: of each run, (num_images, height, width, channels) in [0, 1].
        labels: of each run.
    """
    columns = min(3, len(labels))
    gap = choose_gap(samples[0])
    across = choose_columns(len(samples[0]))
    sheets = [tile(images, across, gap) for images in samples]
    width = max(2.4, 0.32 * across)
    height = width * sheets[0].shape[0] / sheets[0].shape[1]
    lines = [textwrap.wrap(text, int(width / _LETTER)) for text in labels]
    heading = 0.1 + _LINE * max(map(len, lines))
    rows = -(-len(labels) // columns)
    figure = new_figure(
        max(0.12 + columns * (width + 0.25), 3.6), rows * (height + heading + 0.12), title, subtitle
    )
    for index, sheet in enumerate(sheets):
        row, column = divmod(index, columns)
        bottom = 0.12 + (rows - 1 - row) * (height + heading + 0.12)
        axes = new_axes(figure, 0.12 + column * (width + 0.25), bottom, width, height)
        axes.set_axis_off()
        show(axes, sheet)
        axes.annotate(
            "\n".join(lines[index]),
            (0, 1),
            (0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            weight="bold",
            annotation_clip=False,
        )
    return figure


class _Legend:
    """Names the runs' colours in a column at the right of a figure.

    Attributes:
        width, height: of the column, in inches.
    """

    def __init__(self, labels: Sequence[str]):
        self.lines = [textwrap.wrap(text, _LABEL) for text in labels]
        self.width = 0.4 + _LETTER * max(len(line) for lines in self.lines for line in lines)
        self.height = sum(_LINE * len(lines) + 0.08 for lines in self.lines)

    def draw(self, figure: Figure, left: float, top: float | None = None) -> None:
        """Writes it from a height on, in inches; from the top of the drawing, if not given."""
        width, height = figure.get_size_inches()
        y = height - 0.85 if top is None else top
        for lines, color in zip(self.lines, _shades(len(self.lines)), strict=True):
            x = np.array([left, left + 0.2]) / width
            line = Line2D(x, np.full(2, y - 0.07) / height, color=color, lw=2.5)
            figure.add_artist(line)
            figure.text((left + 0.28) / width, y / height, "\n".join(lines), va="top")
            y -= _LINE * len(lines) + 0.08


def _wrap(labels: Sequence[str], num_lines: int) -> tuple[list[str], float]:
    """Returns the labels in at most so many lines, and the width in inches that they take."""
    letters = max(8, -(-max(map(len, labels)) // num_lines), min(_LABEL, max(map(len, labels))))
    wrapped = [textwrap.wrap(text, letters) for text in labels]
    for index, text in enumerate(labels):
        if len(wrapped[index]) > num_lines:  # broken between words it takes more: break anywhere
            wrapped[index] = [text[at : at + letters] for at in range(0, len(text), letters)]
    longest = max(len(line) for lines in wrapped for line in lines)
    return ["\n".join(lines) for lines in wrapped], 0.1 + _LETTER * longest


def _choose_line(place: int, count: int) -> dict[str, Any]:
    """Returns a line's colour and width: the later the thinner, so that those it lies on show."""
    return {"color": _shades(count)[place], "linewidth": 1 + 1.4 * (count - 1 - place) / count}


def _shades(count: int) -> list[Any]:
    """Returns colours from dark to light, which keep their order with any colour vision."""
    return list(colormaps["viridis"](np.linspace(0, 0.88, count)))


def _write(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1e5 else f"{value:.3g}"
