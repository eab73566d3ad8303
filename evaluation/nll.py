"""``--nll``: negative log-likelihood by importance sampling."""

from __future__ import annotations

import time
from pathlib import Path

from evaluation import RequestError
from evaluation.progress import Progress
from evaluation.session import Session


def check(session: Session) -> None:
    """Raises RequestError for an autoencoder."""
    if session.settings["model"] == "autoencoder":
        raise RequestError(
            "--nll needs p(x), which an autoencoder does not define: choose a run of another model"
        )


def run(session: Session) -> list[Path]:
    """Estimates log p(x) of each image; the estimates are kept, for ``metrics`` to show."""
    from evaluation import importance

    num_images, progress = len(session.split_data[0]), Progress()
    began, known = time.monotonic(), None

    def report(num_done: int) -> None:
        nonlocal known
        known = num_done if known is None else known
        text = f"  {num_done:,} of {num_images:,} images"
        if num_done > known:
            seconds = (time.monotonic() - began) * (num_images - num_done) / (num_done - known)
            text += f", {seconds:,.0f} s left"
        progress.show(text, num_done == num_images)

    importance.estimate(session, session.flags["nll"], report)
    return []
