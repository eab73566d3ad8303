"""``--reconstruct``: test images beside their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from data.labels import choose_by_class
from evaluation import batching, latent
from evaluation.session import Session


def run(session: Session) -> list[Path]:
    """Draws ``num_gen`` pairs, or as many as fill complete rows, and the map of the test images.

    With two or more classes, each column has images of one class, and all classes have equally
    many columns; there are as many rows as the smallest class has images, at most. Of more classes
    than pairs, evenly spaced ones are drawn, and the subtitle says so.
    """
    images, labels = session.test
    count, names = min(session.flags["num_gen"], len(images)), None
    subtitle = session.subtitle
    sizes = np.unique(labels, return_counts=True)[1] if labels is not None else np.full(1, count)
    if len(sizes) > count:
        subtitle += f" · {count} of {len(sizes)} classes"
    else:
        count = figures.fill_rows(min(count, int(sizes.min()) * len(sizes)), len(sizes))
    chosen = choose_by_class(len(images), labels, count)
    if len(sizes) > 1 and labels is not None and session.class_names:
        names = [session.class_names[label] for label in labels[chosen[: len(sizes)]]]
    figure = figures.draw_reconstructions(
        images[chosen],
        batching.reconstruct(session, images[chosen]),
        names,
        "Test images and their reconstructions",
        subtitle,
    )
    written = session.save_figure(figure, "reconstruction")
    return written + latent.draw_split(session, "test")
