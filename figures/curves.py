"""Training curves: the metrics of a history over epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from catalog.metrics import METRICS, Metric, name_columns
from figures.style import (
    FAINT,
    TRAINING_COLOR,
    VALIDATION_COLOR,
    annotate,
    keep_apart,
    new_axes,
    new_figure,
    panel,
    styled,
    to_scale,
)

_BESIDE = 1.15  # inches between columns, for the names of the curves and the axis' numbers
_BELOW = 0.8  # inches between rows, for the label of the axis and the heading
_SPLITS = (("", "training", TRAINING_COLOR), ("val_", "validation", VALIDATION_COLOR))


def select_metrics(columns: Iterable[str]) -> dict[str, Metric]:
    """Returns the metrics of training among a history's columns, in the catalog's order.

    Raises:
        ValueError: if a column is not declared in ``catalog.metrics``.
    """
    columns = set(columns)
    undeclared = columns.difference(name_columns())
    if undeclared:
        raise ValueError(
            f"Received undeclared metrics: {', '.join(sorted(undeclared))}. "
            "Expected those of catalog/metrics.py: declare them there."
        )
    return {
        name: metric for name, metric in METRICS.items() if metric.is_trained and name in columns
    }


def _select(history: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [row.get(name, np.nan) for row in history]


@styled
def draw_curves(
    history: Sequence[Mapping[str, float]], best_epoch: int | None, title: str, subtitle: str
) -> Figure:
    """Draws a panel for each metric, with the curves of training and validation images.

    The objective is omitted if it equals the loss, and so is an autoencoder's reconstruction.

    Args:
        history: one row per epoch: ``epoch``, the metrics and those of the validation images,
            ``val_<name>``.
        best_epoch: the epoch to mark, if it is known.

    Raises:
        ValueError: if the history has a metric that ``catalog.metrics`` does not declare.
    """
    width, height = panel(1.95), panel(2.0)
    panels = select_metrics(history[0])
    losses = _select(history, "loss")
    same = {"objective"} if "kl" in panels else {"objective", "reconstruction"}
    for name in same & set(panels):
        if np.array_equal(_select(history, name), losses, equal_nan=True):
            del panels[name]
    num_columns = len(panels) if len(panels) <= 4 else 3
    num_rows = -(-len(panels) // num_columns)
    figure = new_figure(
        num_columns * (width + _BESIDE) + 0.2, num_rows * (height + _BELOW), title, subtitle
    )
    epochs = [row["epoch"] for row in history]
    unit = ""
    for index, (name, metric) in enumerate(panels.items()):
        row, column = divmod(index, num_columns)
        left, bottom = column * (width + _BESIDE), (num_rows - 1 - row) * (height + _BELOW)
        axes = new_axes(figure, 0.6 + left, 0.45 + bottom, width, height)
        ends = []
        for prefix, label, color in _SPLITS:
            if prefix + name in history[0]:
                values = [of_epoch[prefix + name] for of_epoch in history]
                marker = "o" if len(epochs) == 1 else ""
                axes.plot(epochs, values, color=color, linewidth=to_scale(1.3), marker=marker)
                ends.append((values[-1], label, color))
        low, high = axes.get_ylim()
        places = keep_apart([end[0] for end in ends], 0.15 / height * (high - low))
        for place, (_, label, color) in zip(places, ends, strict=True):
            annotate(axes, label, (epochs[-1], place), (5, 0), color=color, va="center")
        if best_epoch is not None:
            axes.axvline(best_epoch, color=FAINT, linewidth=to_scale(0.6), linestyle=":", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        above = to_scale(13)  # above the axis' exponent, if any
        axes.set_title(metric.heading, loc="left", y=1, pad=above)
        axes.set_xlabel("epoch")
        if column == 0 or metric.unit != unit:
            axes.set_ylabel(metric.unit)
        unit = metric.unit
    return figure
