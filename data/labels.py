"""Labels: checking them, hiding some where a model learns from few, and images of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

UNLABELED = -1
_STREAM = 0x1ABE1  # separates these draws from the epochs' orders, which have the same seed


def check(labels: np.ndarray | None, num_images: int, class_names: Sequence[str] | None) -> None:
    """Checks that a dataset's labels are as described: one per image, each one of its classes.

    Args:
        labels: as loaded.
        num_images: the expected number of labels.
        class_names: of the dataset; None if it has no labels.

    Raises:
        ValueError: if they are not; the message names the first wrong label.
    """
    if labels is None or class_names is None:
        if labels is not None or class_names is not None:
            raise ValueError(f"it has {'no ' if labels is None else ''}labels")
        return
    if labels.dtype != np.int64 or labels.shape != (num_images,):
        raise ValueError(f"its labels are {labels.dtype} {labels.shape}, not int64 ({num_images},)")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(wrong):
        raise ValueError(
            f"image {wrong[0]} has label {labels[wrong[0]]}, of {len(class_names)} classes"
        )


def hide(labels: np.ndarray, num_labels: int | None, seed: int) -> np.ndarray:
    """Keeps some of the labels and replaces the others by ``UNLABELED``.

    The kept ones are drawn at random, equally many of each class: the classes' numbers differ
    by one at most, unless a class has too few images. For the same seed, a larger
    ``num_labels`` keeps the same labels and more.

    Args:
        labels: (num_images,), integers of at least 0.
        num_labels: how many to keep; None for all.
        seed: of the random draw.

    Returns:
        int32 (num_images,).
    """
    kept = labels.astype(np.int32)
    if num_labels is None:
        return kept
    generator = np.random.default_rng([seed, _STREAM])
    order = generator.permutation(len(labels))
    classes, of_class = np.unique(labels[order], return_inverse=True)
    turns = generator.permutation(len(classes))  # which classes keep one label more
    # rank[i]: how many images of the same class come before the i-th of the order
    rank = np.zeros(len(labels), np.int64)
    for number in range(len(classes)):
        members = of_class == number
        rank[members] = np.arange(members.sum())
    hidden = order[np.lexsort((turns[of_class], rank))[num_labels:]]
    kept[hidden] = UNLABELED
    return kept


def choose_by_class(num_images: int, labels: np.ndarray | None, count: int) -> np.ndarray:
    """Returns positions of images of alternating classes: first one of each class, and so on.

    The images of a class, and images without labels, are in the order of the dataset. Of more
    classes than ``count``, evenly spaced ones have an image each.

    Args:
        num_images: the number of images.
        labels: (num_images,), or None.
        count: how many to choose, at most.
    """
    if labels is None:
        return np.arange(min(count, num_images))
    # rank[i]: the number of images before image i that are of the same class
    rank, classes = np.zeros(num_images, np.int64), np.unique(labels)
    for label in classes:
        members = labels == label
        rank[members] = np.arange(members.sum())
    order = np.lexsort((labels, rank))
    if len(classes) > count:
        return order[np.linspace(0, len(classes) - 1, count).astype(int)]
    return order[:count]
