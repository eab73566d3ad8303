"""Losses over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.style import FAINT, TRAINING_COLOR, VALIDATION_COLOR, new_axes, new_figure, styled

_PANELS = {
    "loss": "loss",
    "reconstruction": "reconstruction",
    "kl": "KL",
    "objective": "objective",
    "classification": "classification",
    "accuracy": "accuracy",  # a part of the images, not nats
}

_BESIDE = 1.15  # inches from panel to panel: the curves' names, the axis' numbers
_BELOW = 0.8  # inches between rows: the axis' name, the heading


@styled
def draw_curves(
    history: Sequence[Mapping[str, float]], best_epoch: int | None, title: str, subtitle: str
) -> Figure:
    """Draws loss, reconstruction and KL side by side, training and validation in each.

    The objective, what the optimiser lowers, is beside them where it is not the loss; it is
    of training alone. A classifier's loss and accuracy follow.

    Args:
        history: a row an epoch with ``epoch``, ``objective``, those of the other names that
            the model has, and each of these with ``val_``.
        best_epoch: marked, where it is known.
    """
    width, height = 1.95, 2.0
    panels = {name: heading for name, heading in _PANELS.items() if name in history[0]}
    objective, loss = ([row.get(name) for row in history] for name in ("objective", "loss"))
    if str(objective) == str(loss):  # nan, too
        panels.pop("objective", None)
    num_columns = len(panels) if len(panels) <= 4 else 3
    num_rows = -(-len(panels) // num_columns)
    figure = new_figure(
        num_columns * (width + _BESIDE) + 0.2, num_rows * (height + _BELOW), title, subtitle
    )
    epochs = [row["epoch"] for row in history]
    for panel, (name, heading) in enumerate(panels.items()):
        row, column = divmod(panel, num_columns)
        left, bottom = column * (width + _BESIDE), (num_rows - 1 - row) * (height + _BELOW)
        axes = new_axes(figure, 0.6 + left, 0.45 + bottom, width, height)
        ends = []
        for prefix, label, color in (
            ("", "training", TRAINING_COLOR),
            ("val_", "validation", VALIDATION_COLOR),
        ):
            if prefix + name not in history[0]:
                continue
            values = [of_epoch[prefix + name] for of_epoch in history]
            axes.plot(epochs, values, color=color, linewidth=1.3, marker=_marker(epochs))
            ends.append((values[-1], label, color))
        low, high = axes.get_ylim()
        for place, (_, label, color) in zip(
            _keep_apart([end[0] for end in ends], 0.075 * (high - low)), ends, strict=True
        ):
            axes.annotate(
                label,
                (epochs[-1], place),
                (5, 0),
                textcoords="offset points",
                color=color,
                va="center",
                annotation_clip=False,
            )
        if best_epoch is not None:
            axes.axvline(best_epoch, color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_title(heading, loc="left", y=1, pad=13)  # above the axis' exponent, if any
        axes.set_xlabel("epoch")
        if column == 0 and name != "accuracy":
            axes.set_ylabel("nats an image")
    return figure


def _keep_apart(values: list[float], gap: float) -> list[float]:
    """Returns two heights at least ``gap`` apart, in the order and around the mean of two."""
    if len(values) == 1:
        return values
    first, second = values
    if abs(first - second) >= gap:
        return values
    middle, half = (first + second) / 2, gap / 2
    return [middle + half, middle - half] if first >= second else [middle - half, middle + half]


def _marker(epochs: Sequence[float]) -> str:
    return "o" if len(epochs) == 1 else ""
