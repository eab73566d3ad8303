"""Means and seeds where replicas share a batch (tf.distribute).

Each replica computes on its share of the images, and gradients are summed over replicas. So the
objective is this replica's part of the mean over all images, and each replica draws its own
noise. With a single replica, nothing here changes a bit.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf
from keras import ops


class _Part(NamedTuple):
    replica: int
    num_images: tf.Tensor


_part: contextvars.ContextVar[_Part | None] = contextvars.ContextVar("_part", default=None)


@contextlib.contextmanager
def alone(replica: int, num_images: tf.Tensor) -> Iterator[None]:
    """Computes one replica's part of a step without asking the others.

    For code that XLA compiles, which cannot ask them. Outside, ``tf.distribute`` says which
    replica computes, and the number of images is summed over replicas.

    Args:
        replica: its number among all replicas.
        num_images: of the batch, over all replicas; a scalar of any type.
    """
    token = _part.set(_Part(replica, num_images))
    try:
        yield
    finally:
        _part.reset(token)


def mean_over_images(values):
    """Returns this replica's part of the mean over the batch; the parts add up to it.

    Args:
        values: one per image of its share, (share,); a share may be empty.
    """
    if part := _part.get():
        return ops.sum(values) / tf.cast(part.num_images, values.dtype)
    context = _sharing()
    if context is None:
        return ops.mean(values)
    num_images = tf.cast(tf.shape(values)[0], values.dtype)
    return ops.sum(values) / context.all_reduce(tf.distribute.ReduceOp.SUM, num_images)


def mean_over_all_images(values):
    """Returns the mean over the images of all replicas, by column: the same on each replica.

    No gradient flows through it.

    Args:
        values: (share, columns), of this replica's images; a share may be empty.

    Raises:
        RuntimeError: if the replica computes ``alone``, without the images of the others.
    """
    if _part.get():
        raise RuntimeError("a mean over the images of all replicas needs an exchange between them")
    values = tf.stop_gradient(values)
    context = _sharing()
    if context is None:
        return ops.mean(values, axis=0)
    num_images = tf.cast(tf.shape(values)[0], values.dtype)
    sums = tf.concat([ops.sum(values, axis=0), num_images[tf.newaxis]], axis=0)
    sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
    return sums[:-1] / sums[-1]


def gather_images(values):
    """Returns the values of the images of all replicas, and the position of this replica's first.

    Gradients flow back to the replicas that the values come from.

    Args:
        values: (share, …), of this replica's images; a share may be empty.

    Raises:
        RuntimeError: if the replica computes ``alone``, without the images of the others.
    """
    if _part.get():
        raise RuntimeError("the images of all replicas need an exchange between them")
    context = _sharing()
    if context is None:
        return values, 0
    sizes = context.all_gather(tf.shape(values)[:1], axis=0)
    first = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
    gathered = context.all_gather(values, axis=0)
    return tf.ensure_shape(gathered, [None, *values.shape[1:]]), first


def sum_over_replicas(values):
    """Returns the sums of tensors over all replicas; the tensors themselves for a single one."""
    context = _sharing()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values) if context else values


def own_seed(seed):
    """Returns the seed that this replica uses instead of ``seed``, two integers.

    The first replica keeps it. Other replicas change bits of the first integer except its sign,
    which separates the streams of pixels from those of the model.
    """
    seed = tf.cast(seed, tf.int32)
    if part := _part.get():
        replica = tf.constant(part.replica)
    elif context := _sharing():
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
    else:
        return seed
    # An odd factor: no two replicas get the same bits (Knuth's multiplicative hash).
    bits = tf.bitwise.bitwise_and(replica * -1640531527, 2**31 - 1)
    return tf.bitwise.bitwise_xor(seed, tf.stack([bits, 0]))


def _sharing() -> tf.distribute.ReplicaContext | None:
    """Returns the context of this replica if it shares each batch with others."""
    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None
