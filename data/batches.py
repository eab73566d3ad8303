"""Batches of training and validation images: which images, in which order, as what pixels.

Everything is a function of the seed and the position: the order of an epoch is drawn from
(seed, epoch), the noise of binarised pixels from (seed, step). So a run that stops goes on
with the very batches it would have seen.
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
    """How epochs are cut into batches, and a worker's share of each.

    Args:
        num_images: of all workers.
        batch_size: images in a batch, of all workers; the last of an epoch holds what is left.
        share: this worker's.

    Attributes:
        share_size: images that this worker has of a full batch.
        full_batches: of an epoch.
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
    """Batches of images that stay in memory as uint8 and are picked by their positions.

    Args:
        images: uint8 (num_images, height, width, channels) in 0..255; of several workers,
            this one's. Not to be written to afterwards.
        batch_size: images in a batch; the last of an epoch holds what is left.
        seed: fixes the order and the noise; None for the order of the images.
        binarize_with: draws the noise that turns pixels black or white, a grey value being
            the probability of white, anew each time (Salakhutdinov and Murray, 2008); None
            keeps them grey.
        labels: (num_images,), −1 where an image is not labelled; None for batches of images
            alone, which gather no labels.
        share: this worker's of every batch, where several train.
        num_images: of all workers; None for one alone.
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
        """Yields the positions of each batch's images, int32 (batch,), from a step on."""
        order = np.arange(self._num_own, dtype=np.int32)
        if self.seed is not None:
            np.random.default_rng([self.seed, epoch, self._worker]).shuffle(order)
        for step in range(first_step, self.steps_per_epoch):
            yield order[step * self.share_size : (step + 1) * self.share_size]

    def fetch(self, positions: tf.Tensor, step: tf.Tensor) -> Any:
        """Returns the images of a batch, float32 (batch, height, width, channels) in [0, 1].

        With labels, (images, labels), these int32 (batch,). Runs inside the compiled step.

        Args:
            positions: what ``epoch`` yields.
            step: int64, counted from the beginning of training.
        """
        # Several GPUs share a batch, the images lie on one: only those picked leave it.
        with tf.device(self._rows.device):
            rows = tf.gather(self._rows, positions)
            labels = None if self._labels is None else tf.gather(self._labels, positions)
        images = tf.reshape(rows, [-1, *self._shape])
        pixels = to_pixels(images, self.seed, step, self.binarize_with)
        return pixels if labels is None else (pixels, labels)


def even_size(num_images: int, most: int = 1000, share: Share = ALONE) -> int:
    """Returns the largest size up to ``most`` that divides the images into equal batches.

    Of several workers' images, the size of their batches together, and ``most`` is of each.

    Every other size of batch is compiled separately. Numbers that only small batches divide
    get ``most``, and a smaller last batch.
    """
    own = -(-num_images // share.workers)
    if own <= most:
        return own * share.workers
    divisors = [size for size in range(most // 4, most + 1) if own % size == 0]
    return (divisors[-1] if divisors else most) * share.workers


def to_pixels(
    images: tf.Tensor, seed: int | None, step: tf.Tensor, binarize_with: Draw | None
) -> tf.Tensor:
    """Turns uint8 0..255 into float32 [0, 1], or into draws from Bernoulli(pixel)."""
    pixels = tf.cast(images, tf.float32) / 255.0
    if binarize_with is not None:
        # Negative: a key that no stream of the model's noise has.
        noise = binarize_with(
            tf.shape(pixels), tf.stack([-1 - (seed or 0), tf.cast(step, tf.int32)])
        )
        pixels = tf.cast(noise < pixels, tf.float32)
    return pixels
