"""Batches of images in memory: their order, their pixels, their labels.

Everything is a function of the seed and the position: the order of an epoch is drawn from
(seed, epoch), the noise of binarized pixels from (seed, step). A run that was interrupted
therefore continues with exactly the batches that it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from data import memory
from data.shares import ALONE, Share

Draw = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (shape, seed) → numbers in [0, 1)


class Batches:
    """The division of an epoch into batches, and a worker's share of each batch.

    Args:
        num_images: number of images of all workers.
        batch_size: images per batch, of all workers; the last batch of an epoch has the rest.
        share: this worker's share.

    Attributes:
        share_size: number of this worker's images in a full batch.
        full_batches: number of full batches per epoch.
    """

    def __init__(self, num_images: int, batch_size: int, share: Share):
        self.num_images = num_images
        self.batch_size = share.round_down(batch_size, num_images)
        self.share_size = self.batch_size // share.workers
        self.full_batches = num_images // self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.num_images // self.batch_size)


class ResidentBatches(Batches):
    """Batches of images that stay in memory as uint8 and are gathered by their positions.

    Args:
        images: this worker's images, uint8 (num_images, height, width, channels) in 0..255.
            Do not write to them afterwards.
        batch_size: images per batch; the last batch of an epoch has the rest.
        seed: of the order and the noise; None to keep the order of the images.
        binarize_with: draws the noise that turns pixels black or white, with the gray value as
            the probability of white, again in every step (Salakhutdinov and Murray, 2008);
            None keeps them gray.
        labels: (num_images,), −1 for an unlabeled image; None for batches without labels.
        share: this worker's share of every batch.
        num_images: number of images of all workers; None if there is only one.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: int | None = None,
        binarize_with: Draw | None = None,
        labels: np.ndarray | None = None,
        share: Share = ALONE,
        num_images: int | None = None,
    ):
        super().__init__(num_images or len(images), batch_size, share)
        self.seed = seed
        self.binarize_with = binarize_with
        self.element = tf.TensorSpec([self.share_size], tf.int32)
        self._worker = share.worker
        self._num_own = len(images)
        self._shape = images.shape[1:]
        self._rows = memory.as_tensor(images.reshape(len(images), -1))  # quicker to gather
        self._labels = None if labels is None else tf.constant(labels, tf.int32)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]:
        """Yields the positions of each batch's images, int32 (batch,), from ``first_step`` on."""
        order = np.arange(self._num_own, dtype=np.int32)
        if self.seed is not None:
            np.random.default_rng([self.seed, epoch, self._worker]).shuffle(order)
        for step in range(first_step, self.steps_per_epoch):
            yield order[step * self.share_size : (step + 1) * self.share_size]

    def fetch(self, positions: tf.Tensor, step: tf.Tensor) -> Any:
        """Returns the images of a batch, float32 (batch, height, width, channels) in [0, 1].

        With labels, (images, labels), these int32 (batch,). Runs inside the compiled step.

        Args:
            positions: as yielded by ``epoch``.
            step: int64, counted from the beginning of training.
        """
        # If several GPUs share a batch, the images are on one: only the gathered ones leave it.
        with tf.device(self._rows.device):
            rows = tf.gather(self._rows, positions)
            labels = None if self._labels is None else tf.gather(self._labels, positions)
        images = tf.reshape(rows, [-1, *self._shape])
        pixels = to_pixels(images, self.seed, step, self.binarize_with)
        return pixels if labels is None else (pixels, labels)


def even_size(num_images: int, most: int = 1000, share: Share = ALONE) -> int:
    """Returns the largest size up to ``most`` that divides the images into equal batches.

    For several workers, it is the size of their batches together, and ``most`` is per worker.

    A smaller last batch would be compiled separately. If only sizes below a quarter of
    ``most`` divide the images, the size is ``most`` and the last batch is smaller.
    """
    own = -(-num_images // share.workers)
    if own <= most:
        return own * share.workers
    divisors = [size for size in range(most // 4, most + 1) if own % size == 0]
    return (divisors[-1] if divisors else most) * share.workers


def to_pixels(
    images: tf.Tensor, seed: int | None, step: tf.Tensor, binarize_with: Draw | None
) -> tf.Tensor:
    """Converts uint8 0..255 to float32 in [0, 1], or to draws from Bernoulli(pixel)."""
    pixels = tf.cast(images, tf.float32) / 255.0
    if binarize_with is not None:
        # Negative: the keys of the model's noise are not.
        noise = binarize_with(
            tf.shape(pixels), tf.stack([-1 - (seed or 0), tf.cast(step, tf.int32)])
        )
        pixels = tf.cast(noise < pixels, tf.float32)
    return pixels
