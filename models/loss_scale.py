"""Loss scaling for half precision that holds where replicas share a batch, too."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="models")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras' own, in which the replicas agree whether a gradient has overflowed.

    A step is left out where one has. Keras asks each replica about its own gradients, or
    the first alone, though their sum is what is applied: one replica's overflow would turn
    all weights into NaN, or have it wait for ever for others that leave the step out.
    """

    def check_finite(self, grads):
        """Returns whether no gradient of any replica has overflowed."""
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        overflows = tf.cast(tf.logical_not(finite), tf.float32)
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, overflows), 0)
