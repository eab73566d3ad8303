"""Batches of training images that stay on disk and are read in every epoch.

Memory holds a shuffle buffer of encoded images, of bounded size, and a few batches, however
many images there are. Images are shuffled before they are decoded: those that a resumed epoch
skips are never decoded.

A bounded buffer shuffles less than a random permutation does: an image moves forward by the
length of the buffer at most. TFDS stores images shuffled.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from data import cores
from data.batches import Batches, Draw, to_pixels
from data.shares import ALONE, Share

_BUFFER = 10_000  # images
_BUFFER_BYTES = 256 * 2**20  # of these images if they were decoded; encoded, they are smaller
_AHEAD_BYTES = 64 * 2**20  # of batches that are read ahead


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Images as they are stored, in the order in which they are stored."""

    # (first, stop) → {"image": encoded, "label": int64, if any} of those from first to before stop
    records: Callable[[int, int], tf.data.Dataset]
    decode: Callable[[tf.Tensor], tf.Tensor]  # encoded → uint8 (height, width, channels)
    image_shape: tuple[int, int, int]
    num_images: int
    # positions → their images and labels, where that is faster than reading all records
    load: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]] | None = None
    # the error of reading or decoding → the one to raise
    damaged: Callable[[Exception], Exception] | None = None

    def chosen(self, positions: np.ndarray, read_too: np.ndarray | None = None) -> tf.data.Dataset:
        """Returns the records at some positions, in the order in which they are stored.

        Args:
            positions: at least one; the records between them are read and skipped.
            read_too: further positions to read and skip, so that their errors are found.
        """
        read = positions if read_too is None else np.concatenate([positions, read_too])
        first, stop = int(read.min()), int(read.max()) + 1
        wanted = np.zeros(stop - first, bool)
        wanted[positions - first] = True
        table = tf.constant(wanted)
        numbered = self.records(first, stop).enumerate()
        numbered = numbered.filter(lambda position, _: table[position])
        return _settled(numbered.map(lambda _, record: record))

    def read_labels(self, positions: np.ndarray) -> np.ndarray:
        """Returns the labels at some positions, int64, in the order in which they are stored."""
        labels = self.chosen(positions).map(lambda record: record["label"])
        batches = list(_settled(labels.batch(10_000)).as_numpy_iterator())
        return np.concatenate(batches).astype(np.int64)


class StreamedBatches(Batches):
    """Batches of images that are read from the disk in every epoch.

    They are like ``ResidentBatches``, in another order.

    Args:
        encoded: the dataset.
        positions: of this worker's training images; the others are skipped.
        batch_size: images per batch; the last batch of an epoch has the rest.
        seed: of the order and the noise. The order also depends on TensorFlow's global seed,
            which building the model sets to the same number.
        binarize_with: as in ``ResidentBatches``.
        labels: of this worker's training images, in the order in which they are stored, −1 for
            an unlabeled image; None for batches without labels. A label is appended to its
            image's pixels as four bytes, so that a batch is one array.
        share: this worker's share of every batch.
        num_images: number of images of all workers; None if there is only one.
        buffer_size: number of images among which the next one is drawn.
    """

    def __init__(
        self,
        encoded: Encoded,
        positions: np.ndarray,
        batch_size: int,
        seed: int,
        binarize_with: Draw | None = None,
        labels: np.ndarray | None = None,
        share: Share = ALONE,
        num_images: int | None = None,
        buffer_size: int | None = None,
    ):
        super().__init__(num_images or len(positions), batch_size, share)
        self.seed = seed
        self.binarize_with = binarize_with
        self.buffer_size = buffer_size or buffer_size_for(encoded.image_shape)
        self._shape = encoded.image_shape
        self._has_labels = labels is not None
        shape: tuple[int, ...] = self._shape
        self._decode: Callable[..., tf.Tensor] = encoded.decode
        self._worker = share.worker
        self._num_own = len(positions)
        self._damaged = encoded.damaged
        self._images = encoded.chosen(positions).map(lambda record: record["image"])
        if labels is not None:
            shape = (int(np.prod(shape)) + 4,)
            self._decode = functools.partial(_decode_and_append_label, encoded.decode)
            all_labels = tf.data.Dataset.from_tensor_slices(labels.astype(np.int32))
            self._images = tf.data.Dataset.zip(self._images, all_labels)
        self.element = tf.TensorSpec([self.share_size, *shape], tf.uint8)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]:
        """Returns the batches of an epoch, from ``first_step`` on.

        They are uint8 (batch, height, width, channels), or with labels
        (batch, height·width·channels + 4), and do not depend on ``first_step``. Reading begins
        at once, ahead of whoever iterates.
        """
        order = np.random.default_rng([self.seed, epoch, self._worker]).integers(2**62)
        images = self._images.shuffle(self.buffer_size, order, reshuffle_each_iteration=False)
        images = images.skip(first_step * self.share_size)
        threads = cores.count()
        images = images.map(self._decode, num_parallel_calls=threads, deterministic=True)
        ahead = max(2, _AHEAD_BYTES // int(np.prod(self.element.shape)))
        batches = iter(_settled(images.batch(self.share_size).prefetch(ahead)).as_numpy_iterator())
        if self._damaged is not None:
            batches = _replacing_errors(batches, self._damaged)
        if self._num_own <= (self.steps_per_epoch - 1) * self.share_size:
            # The last batch has fewer images than there are workers, and none of this worker's.
            return itertools.chain(batches, [np.zeros((0, *self.element.shape[1:]), np.uint8)])
        return batches

    def fetch(self, batch: tf.Tensor, step: tf.Tensor) -> Any:
        """Returns the images of a batch, float32 (batch, height, width, channels) in [0, 1].

        With labels, (images, labels), these int32 (batch,). Runs inside the compiled step.

        Args:
            batch: as yielded by ``epoch``.
            step: int64, counted from the beginning of training.
        """
        if not self._has_labels:
            return to_pixels(batch, self.seed, step, self.binarize_with)
        images = tf.reshape(batch[:, :-4], [-1, *self._shape])
        pixels = to_pixels(images, self.seed, step, self.binarize_with)
        return pixels, tf.bitcast(batch[:, -4:], tf.int32)


def _replacing_errors(
    batches: Iterator[np.ndarray], replace: Callable[[Exception], Exception]
) -> Iterator[np.ndarray]:
    """Yields the batches; an error of TensorFlow becomes the one that ``replace`` returns."""
    try:
        yield from batches
    except tf.errors.OpError as error:
        raise replace(error) from error


def _decode_and_append_label(
    decode: Callable[[tf.Tensor], tf.Tensor], encoded: tf.Tensor, label: tf.Tensor
) -> tf.Tensor:
    """Returns pixels and label as bytes, (height·width·channels + 4,)."""
    pixels = tf.reshape(decode(encoded), [-1])
    return tf.concat([pixels, tf.bitcast(label, tf.uint8)], axis=0)


def buffer_size_for(image_shape: tuple[int, int, int]) -> int:
    """Returns the number of images in the shuffle buffer."""
    return min(_BUFFER, max(1, _BUFFER_BYTES // int(np.prod(image_shape))))


def _settled(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset with a fixed order and without autotuning.

    The autotuning thread sleeps for seconds, and closing an iterator early waits for it.
    """
    settings = tf.data.Options()
    settings.deterministic = True
    settings.autotune.enabled = False
    settings.experimental_warm_start = True  # starts reading before the first batch is requested
    return dataset.with_options(settings)
