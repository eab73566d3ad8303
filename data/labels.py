"""Which of the training images are labelled, where a model learns from some labels alone."""

from __future__ import annotations

import numpy as np

NOT_LABELLED = -1
_STREAM = 0x1ABE1  # apart from the orders of the epochs, which are drawn from the same seed


def hide(labels: np.ndarray, num_labels: int | None, seed: int) -> np.ndarray:
    """Keeps some of the labels, and puts ``NOT_LABELLED`` in the place of the others.

    The kept ones are drawn at random, as many of each class as of any other: their numbers
    differ by one at most, unless a class has too few images. Whoever asks for more with the
    same seed gets those and others.

    Args:
        labels: (num_images,), integers of at least 0.
        num_labels: how many to keep; None for all.
        seed: draws them.

    Returns:
        int32 (num_images,).
    """
    kept = labels.astype(np.int32)
    if num_labels is None:
        return kept
    generator = np.random.default_rng([seed, _STREAM])
    order = generator.permutation(len(labels))
    classes, of_class = np.unique(labels[order], return_inverse=True)
    turns = generator.permutation(len(classes))  # who comes first where not all have as many
    # rank[i]: how many images of the same class come before the i-th of the order
    rank = np.zeros(len(labels), np.int64)
    for number in range(len(classes)):
        members = of_class == number
        rank[members] = np.arange(members.sum())
    hidden = order[np.lexsort((turns[of_class], rank))[num_labels:]]
    kept[hidden] = NOT_LABELLED
    return kept
