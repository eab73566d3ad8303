"""Adam with an L2 penalty and gradient clipping, and loss scaling for half precision."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models.replicas import sum_over_replicas


@keras.saving.register_keras_serializable(package="models")
class Adam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015) on the gradient of the objective plus ½ · l2 · ‖w‖².

    w is every trained weight, biases too. The penalty is coupled: its gradient passes through
    Adam's moments, unlike in AdamW. On a mean over m images it equals a weight decay of l2 · m
    on a loss *summed* over the batch: a decay of 0.1 on sums over 128 images is l2 = 0.1/128.

    Args:
        learning_rate: a number or a schedule.
        l2: weight of the penalty, at least 0.
        clip_norm: the norm, over all weights and replicas, to which a larger gradient of the
            objective is scaled down (Pascanu et al., 2013); None for no limit.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        l2: float = 0.0,
        clip_norm: float | None = None,
        name: str = "adam",
        **kwargs,
    ):
        super().__init__(learning_rate, name=name, **kwargs)
        self.l2 = l2
        self.clip_norm = clip_norm

    def apply(self, grads, trainable_variables=None):
        """Takes a step; the gradients of replicas add up to that of all images."""
        if self.clip_norm is not None:
            # Not Keras' global_clipnorm, which clips the part of each replica.
            norm = tf.linalg.global_norm(sum_over_replicas(grads))
            grads = [gradient * tf.minimum(1.0, self.clip_norm / norm) for gradient in grads]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by its gradient, summed over replicas."""
        if self.l2:
            gradient = gradient + self.l2 * tf.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2, "clip_norm": self.clip_norm}


@keras.saving.register_keras_serializable(package="models")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaling, in which replicas agree whether a gradient has overflowed.

    If one has, the step is skipped. Keras checks the gradients of each replica separately, or those
    of the first one only, but applies their sum: an overflow on one replica would turn all weights
    into NaN, or make that replica wait for others that skip the step.
    """

    def check_finite(self, grads):
        """Returns whether no gradient of any replica has overflowed."""
        overflows = tf.cast(tf.logical_not(super().check_finite(grads)), tf.float32)
        return tf.equal(sum_over_replicas(overflows), 0)
