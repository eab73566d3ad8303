"""Division of the images among workers that train together."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Share:
    """One worker's share of a dataset's images, and so of every batch.

    Each worker gets consecutive images, once: equally many, or one fewer. Each worker shuffles
    its own, and takes equally many for every batch: no worker needs an image of another, and
    each image is seen once per epoch.

    A worker that trains alone has all images, and batches of any size.

    Attributes:
        worker: its number, from 0.
        workers: how many there are.
    """

    worker: int = 0
    workers: int = 1

    def of(self, positions: np.ndarray) -> np.ndarray:
        """Returns this worker's part of some positions."""
        return np.array_split(positions, self.workers)[self.worker]

    def round_down(self, batch_size: int, num_images: int) -> int:
        """Returns the largest batch size, up to ``batch_size``, that all workers share evenly."""
        return max(1, min(batch_size, num_images) // self.workers) * self.workers


ALONE = Share()
