"""``--curves``: the losses over epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import figures
import runs
from evaluation.context import Context


def run(context: Context) -> list[Path]:
    """Draws the losses that the history has, training and validation; needs no model."""
    history, record = read_history(context)
    best = record.get("best")
    subtitle = f"{context.record['flags']['dataset']} · run {context.run.name}"
    if best:
        subtitle += f" · dotted: best validation loss {best['val_loss']:.2f}, epoch {best['epoch']}"
    figure = figures.draw_curves(
        history, best["epoch"] if best else None, "Losses over epochs", subtitle
    )
    return context.save_figure(figure, "curves")


def read_history(context: Context) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Returns the run's rows, and its run.json as it was when they were written.

    Raises:
        RunError: if they cannot be read, or there is none yet.
    """
    path = context.run.history_path
    with runs.open_file(context.run, runs.HISTORY) as opened:
        try:
            history = runs.read_history(opened.file)
        except (OSError, ValueError) as error:
            raise runs.RunError(f"{path} cannot be read ({error})") from error
    if not history:
        raise runs.RunError(f"{path} holds no epoch yet: train for longer")
    return history, opened.record
