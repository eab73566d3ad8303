"""``--reconstruct``: test images beside their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching, latent
from evaluation.session import Session


def run(session: Session) -> list[Path]:
    """Draws ``num_gen`` pairs, and the latent map of the test images.

    With two or more classes, each column has images of one class, and there are as many rows as
    the smallest class has images, at most. Of more classes than pairs, evenly spaced ones are
    drawn, and the subtitle says so.
    """
    images, labels = session.test
    count, names = min(session.flags["num_gen"], len(images)), None
    sizes = np.unique(labels, return_counts=True)[1] if labels is not None else np.ones(1)
    if len(sizes) > 1:
        count = min(count, int(sizes.min()) * len(sizes))
    chosen, subtitle = (
        choose_by_class(len(images), labels, max(count, len(sizes))),
        session.subtitle,
    )
    if len(sizes) > count:
        chosen = chosen[np.linspace(0, len(sizes) - 1, count).astype(int)]
        subtitle += f" · {count} of {len(sizes)} classes"
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


def choose_by_class(num_images: int, labels: np.ndarray | None, count: int) -> np.ndarray:
    """Returns positions of images of alternating classes: first one of each class, and so on.

    The images of a class, and images without labels, are in the order of the dataset.

    Args:
        num_images: the number of images.
        labels: (num_images,), or None.
        count: how many to choose, at most.
    """
    if labels is None:
        return np.arange(min(count, num_images))
    # rank[i]: the number of images before image i that are of the same class
    rank = np.zeros(num_images, np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return np.lexsort((labels, rank))[:count]
