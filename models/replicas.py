"""Means and seeds where replicas share a batch (tf.distribute).

Each replica computes on its share of the images, and the optimizer sums the gradients. So the
objective is this replica's part of the mean over all images, and each replica draws its own
noise. With a single replica, nothing here changes a bit.
"""

from __future__ import annotations

import tensorflow as tf
from keras import ops


def mean_over_images(values):
    """Returns this replica's part of the mean over the batch; the parts add up to it.

    Args:
        values: one per image of its share, (share,); a share may be empty.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return ops.mean(values)
    num_images = tf.cast(tf.shape(values)[0], values.dtype)
    return ops.sum(values) / context.all_reduce(tf.distribute.ReduceOp.SUM, num_images)


def mean_over_all_images(values):
    """Returns the mean over the images of all replicas, by column: the same on each replica.

    No gradient flows through it.

    Args:
        values: (share, columns), of this replica's images; a share may be empty.
    """
    values = tf.stop_gradient(values)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return ops.mean(values, axis=0)
    num_images = tf.cast(tf.shape(values)[0], values.dtype)
    sums = tf.concat([ops.sum(values, axis=0), num_images[tf.newaxis]], axis=0)
    sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
    return sums[:-1] / sums[-1]


def own_seed(seed):
    """Returns the seed that this replica uses instead of ``seed``, two integers.

    The first replica keeps it. Other replicas change bits of the first integer except its sign,
    which separates the streams of pixels from those of the model.
    """
    seed = tf.cast(seed, tf.int32)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return seed
    # An odd factor: no two replicas get the same bits (Knuth's multiplicative hash).
    bits = tf.bitwise.bitwise_and(
        tf.cast(context.replica_id_in_sync_group, tf.int32) * -1640531527, 2**31 - 1
    )
    return tf.bitwise.bitwise_xor(seed, tf.stack([bits, 0]))
