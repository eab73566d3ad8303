"""Batches of images for training and validation, as tf.data pipelines.

Every training batch is a function of the seed and its position alone: the order of an
epoch and the noise of binarised pixels are drawn statelessly, from (seed, epoch) and
(seed, step).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_ORDER, _PIXELS = 1, 2  # streams of randomness, apart from each other and from the model's


def training_batches(
    images: np.ndarray, batch_size: int, seed: int, binarize: str = "none"
) -> tf.data.Dataset:
    """Yields batches for ever, every epoch all images once in a new order.

    Args:
        images: uint8 (num_images, height, width, channels) in 0..255, kept in memory once.
        batch_size: images in a batch; the last of an epoch holds what is left.
        seed: fixes the order and the noise.
        binarize: ``"dynamic"`` draws every pixel black or white, its grey value the
            probability of white, anew each time (Salakhutdinov and Murray, 2008).

    Returns:
        A dataset of float32 (batch, height, width, channels) in [0, 1].
    """
    source = tf.constant(images)
    num_images = len(images)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.random.experimental.stateless_fold_in([seed, _ORDER], epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(num_images), seed=epoch_seed)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    def to_pixels(step: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        pixels = _scale(tf.gather(source, indices))
        if binarize == "dynamic":
            step_seed = tf.random.experimental.stateless_fold_in([seed, _PIXELS], step)
            noise = tf.random.stateless_uniform(tf.shape(pixels), seed=step_seed)
            pixels = tf.cast(noise < pixels, tf.float32)
        return pixels

    epochs = tf.data.Dataset.range(np.iinfo(np.int64).max)
    batches = epochs.flat_map(one_epoch).enumerate()
    return batches.map(to_pixels).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(images: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Yields every image once, in order. Takes and returns what ``training_batches`` does."""
    return tf.data.Dataset.from_tensor_slices(images).batch(batch_size).map(_scale)


def _scale(images: tf.Tensor) -> tf.Tensor:
    """Turns uint8 0..255 into float32 [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0
