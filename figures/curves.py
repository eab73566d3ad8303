"""Losses over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures.style import FAINT, TRAINING_COLOR, VALIDATION_COLOR, new_axes, new_figure

_PANELS = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}


def draw_curves(
    history: Sequence[Mapping[str, float]], best_epoch: int | None, title: str, subtitle: str
) -> Figure:
    """Draws loss, reconstruction and KL side by side, training and validation in each.

    Args:
        history: a row an epoch with ``epoch``, the three names, and each with ``val_``.
        best_epoch: marked, where it is known.
    """
    width, height = 2.35, 2.2
    figure = new_figure(3 * (width + 0.75) + 0.1, height + 0.55, title, subtitle)
    epochs = [row["epoch"] for row in history]
    for panel, (name, heading) in enumerate(_PANELS.items()):
        axes = new_axes(figure, 0.5 + panel * (width + 0.75), 0.45, width, height)
        ends = []
        for prefix, label, color in (
            ("", "training", TRAINING_COLOR),
            ("val_", "validation", VALIDATION_COLOR),
        ):
            values = [row[prefix + name] for row in history]
            axes.plot(epochs, values, color=color, linewidth=1.3, marker=_marker(epochs))
            ends.append((values[-1], label, color))
        ends.sort(key=lambda end: end[0])
        # The names stand clear of the lines: the upper curve's above, the lower one's below.
        for (value, label, color), offset, side in zip(ends, (-4, 4), ("top", "bottom"), strict=True):
            axes.annotate(
                label,
                (epochs[-1], value),
                (0, offset),
                textcoords="offset points",
                color=color,
                weight="bold",
                ha="right" if len(epochs) > 1 else "center",
                va=side,
            )
        low, high = axes.get_ylim()
        room = 0.12 * (high - low)
        axes.set_ylim(low - room, high + room)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=FAINT, linewidth=0.6, linestyle=":", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_title(heading, loc="left")
        axes.set_xlabel("epoch")
        if panel == 0:
            axes.set_ylabel("nats an image")
    return figure


def _marker(epochs: Sequence[float]) -> str:
    return "o" if len(epochs) == 1 else ""
