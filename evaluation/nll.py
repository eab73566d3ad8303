"""``--nll``: negative log-likelihood of the test images, by importance sampling."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from evaluation import RequestError
from evaluation.session import Session


def check(session: Session) -> None:
    """Raises RequestError for an autoencoder."""
    if session.settings["model"] == "autoencoder":
        raise RequestError(
            "--nll needs p(x), which an autoencoder does not define: choose a run of another model"
        )


def run(session: Session) -> list[Path]:
    """Estimates log p(x) of each test image; prints all metrics and writes metrics.json."""
    from evaluation import importance, metrics

    num_images, num_known, began = len(session.test[0]), None, 0.0

    def report(num_done: int) -> None:
        nonlocal num_known, began
        if num_known is None:
            num_known, began = num_done, time.monotonic()
            if num_known:
                print(f"  {num_known:,} of {num_images:,} images are known already", flush=True)
            return
        if num_done == num_images or sys.stdout.isatty():
            seconds = (time.monotonic() - began) / (num_done - num_known) * (num_images - num_done)
            line = f"{num_done:,} of {num_images:,} images · {seconds:,.0f} s left"
            print(f"\r  {line:<60}", end="\n" if num_done == num_images else "", flush=True)

    importance.estimate(session, session.flags["nll"], report)
    return metrics.run(session)
