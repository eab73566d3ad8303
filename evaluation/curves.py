"""``--curves``: losses over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import figures
import runs
from catalog.likelihoods import LIKELIHOODS
from catalog.metrics import to_bits_per_dimension
from evaluation.session import Session


def run(session: Session) -> list[Path]:
    """Draws the training and validation losses in the history; needs no model."""
    history, record = read_history(session)
    best = record.get("best")
    subtitle = session.caption
    if best:
        subtitle += f" · dotted: best validation loss {best['val_loss']:.2f}, epoch {best['epoch']}"
        bits = find_bits_per_dimension(session, history, best["epoch"])
        if bits is not None:
            subtitle += f", with an ELBO of {bits:.3f} bits per dimension"
    figure = figures.draw_curves(
        history, best["epoch"] if best else None, "Losses over epochs", subtitle
    )
    return session.save_figure(figure, "curves")


def find_bits_per_dimension(
    session: Session, history: Sequence[Mapping[str, float]], epoch: int
) -> float | None:
    """Returns −ELBO of the validation images after an epoch, in bits per dimension.

    None if the likelihood is not one of 8-bit pixels, or the model has no ELBO.
    """
    rows = [row for row in history if row["epoch"] == epoch and "val_kl" in row]
    if not rows or not LIKELIHOODS[session.likelihood].has_256_values:
        return None
    nats = rows[0]["val_reconstruction"] + rows[0]["val_kl"]
    return to_bits_per_dimension(nats, session.recorded_info.image_shape)


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
