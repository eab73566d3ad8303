"""Who has which images where several workers train together."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Share:
    """One worker's share of a dataset's images, and so of every batch.

    The images are dealt out once, neighbours together, as many to each worker as to any
    other, or one fewer. Each shuffles its own, and a batch is what all take of theirs, as
    many each: no worker needs an image of another's, and in an epoch each image is seen once.

    A worker that trains alone has all of them, and its batches are any.
    """

    worker: int = 0
    workers: int = 1

    def of(self, positions: np.ndarray) -> np.ndarray:
        """Returns those of the positions that are this worker's."""
        return np.array_split(positions, self.workers)[self.worker]

    def round_down(self, batch_size: int, num_images: int) -> int:
        """Returns how many images of all workers a batch has that they can share evenly."""
        return max(1, min(batch_size, num_images) // self.workers) * self.workers


ALONE = Share()
