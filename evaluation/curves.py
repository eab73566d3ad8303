"""``--curves``: losses over epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import figures
import runs
from evaluation.session import Session


def run(session: Session) -> list[Path]:
    """Draws the training and validation losses in the history; needs no model."""
    history, record = read_history(session)
    best = record.get("best")
    subtitle = session.caption
    if best:
        subtitle += f" · dotted: best validation loss {best['val_loss']:.2f}, epoch {best['epoch']}"
    figure = figures.draw_curves(
        history, best["epoch"] if best else None, "Losses over epochs", subtitle
    )
    return session.save_figure(figure, "curves")


def read_history(session: Session) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Returns the rows of history.csv, and the run.json that belongs to them.

    Raises:
        RunError: if the history cannot be read or is empty.
    """
    path = session.run.history_path
    with runs.open_file(session.run, runs.HISTORY) as opened:
        try:
            history = runs.read_history(opened.file)
        except (OSError, ValueError) as error:
            raise runs.RunError(f"{path} cannot be read ({error})") from error
    if not history:
        raise runs.RunError(f"{path} holds no epoch yet: train for longer")
    return history, opened.record
