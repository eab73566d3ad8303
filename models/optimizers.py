"""Adam with an L2 penalty, and loss scaling for half precision."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="models")
class Adam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015) on the gradient of the objective plus ½ · l2 · ‖w‖².

    w is every trained weight, biases too. The penalty is coupled: its gradient passes through
    Adam's moments, unlike in AdamW. On a mean over m images it equals a weight decay of l2 · m
    on a loss *summed* over the batch: a decay of 0.1 on sums over 128 images is l2 = 0.1/128.

    Args:
        learning_rate: a number or a schedule.
        l2: weight of the penalty, at least 0.
    """

    def __init__(self, learning_rate: Any = 0.001, l2: float = 0.0, name: str = "adam", **kwargs):
        super().__init__(learning_rate, name=name, **kwargs)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by its gradient, summed over replicas."""
        if self.l2:
            gradient = gradient + self.l2 * tf.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


@keras.saving.register_keras_serializable(package="models")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaling, in which replicas agree whether a gradient has overflowed.

    If one has, the step is skipped. Keras checks the gradients of each replica separately, or those
    of the first one only, but applies their sum: an overflow on one replica would turn all weights
    into NaN, or make that replica wait for others that skip the step.
    """

    def check_finite(self, grads):
        """Returns whether no gradient of any replica has overflowed."""
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        overflows = tf.cast(tf.logical_not(finite), tf.float32)
        return tf.equal(context.all_reduce(tf.distribute.ReduceOp.SUM, overflows), 0)
