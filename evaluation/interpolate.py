"""``--interpolate A,B``: images decoded between the posterior means of two images."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

import figures
from data import new_images
from evaluation import RequestError, decode
from evaluation.session import Session

_STEPS = 11


def check(session: Session) -> None:
    """Raises RequestError for an unknown test image, DataError for a file that does not fit."""
    for text in _ends(session):
        if _is_number(text) and int(text) >= session.info.num_test:
            raise RequestError(
                f"flag --interpolate: {text} is no test image: expected a number from 0 to "
                f"{session.info.num_test - 1:,}, or an image file"
            )
        if not _is_number(text):
            new_images.open_files([os.path.expanduser(text)], session.info)


def run(session: Session) -> list[Path]:
    """Draws a row for each pair: A, the images decoded at 11 steps of z, and B.

    z moves on a straight line between the posterior means, which suits every prior, and an
    autoencoder. Interpolation on a sphere would keep the norm of samples of N(0, I), and posterior
    means have smaller norms.
    """
    from evaluation import batching

    found = [_load(session, text) for text in _ends(session)]
    images = np.stack([image for image, _ in found])
    z_mean, _ = batching.encode(session, images)
    num_pairs = len(images) // 2
    first, last = z_mean.reshape(num_pairs, 2, 1, -1).swapaxes(0, 1)
    t = np.linspace(0, 1, _STEPS, dtype=np.float32)[:, np.newaxis]
    z = (1 - t) * first + t * last  # (pairs, steps, latent_dim)
    decoded = batching.decode(session, z.reshape(-1, session.latent_dim))
    means = "posterior means" if session.model.is_variational else "codes"
    figure = figures.draw_interpolations(
        images.reshape(num_pairs, 2, *images.shape[1:]),
        decoded.reshape(num_pairs, _STEPS, *images.shape[1:]),
        [name for _, name in found],
        f"Images decoded on the line between two {means}",
        session.subtitle,
    )
    return session.save_figure(figure, "interpolation")


def _ends(session: Session) -> list[str]:
    return [text for pair in session.flags["interpolate"] for text in pair]


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,9}", text) is not None


def _load(session: Session, text: str) -> tuple[np.ndarray, str]:
    """Returns an image, float32 (height, width, channels) in [0, 1], and its name."""
    if _is_number(text):
        images, labels = session.test
        name = f"test image {int(text)}"
        if labels is not None and session.class_names:
            name += f": {session.class_names[labels[int(text)]]}"
        return images[int(text)], name
    opened = new_images.open_files([os.path.expanduser(text)], session.info)
    return next(opened.batches())[0].astype("float32") / 255, decode.shorten(opened.names[0], 30)
