"""``--reconstruct``: test images beside what the model makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching, latent
from evaluation.context import Context


def run(context: Context) -> list[Path]:
    """Draws ``num_gen`` pairs, and the latent map of the test images.

    A class to a column: no more rows than the smallest class has images.
    """
    images, labels = context.test
    counts = np.bincount(labels)
    rows = counts[counts > 0].min()
    chosen = choose_by_class(labels, min(context.num_gen, rows * np.count_nonzero(counts)))
    columns = min(np.count_nonzero(counts), len(chosen))
    figure = figures.draw_reconstructions(
        images[chosen],
        batching.reconstruct(context.model, images[chosen]),
        [context.class_names[labels[index]] for index in chosen[:columns]],
        "Test images and their reconstructions",
        context.subtitle,
    )
    written = context.save_figure(figure, "reconstruction")
    return written + latent.draw_split(context, "test")


def choose_by_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns positions of images, taking the classes in turn: one of each first.

    Within a class in the order of the dataset. At most as many as there are.

    Args:
        labels: (num_images,).
        count: how many to choose.
    """
    # rank[i]: how many images of the same class come before image i
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return np.lexsort((labels, rank))[:count]
