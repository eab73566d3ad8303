"""Dropout (Srivastava et al., 2014) with a noise algorithm that is fast in a compiled loop."""

from __future__ import annotations

import keras
from keras import ops

from models import noise


@keras.saving.register_keras_serializable(package="models")
class Dropout(keras.layers.Layer):
    """Sets a fraction of the features to 0 in training, and scales up the others.

    Keras' own layer draws with an algorithm that is slow inside a loop compiled by XLA.

    Args:
        rate: the fraction set to 0, in [0, 1).
        seed: of the noise.
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(noise.derive_seed(seed, self.name))

    def call(self, features, training=False):
        """Returns features of the same shape; unchanged outside training."""
        if not training or self.rate == 0:
            return features
        draws = noise.uniform(ops.shape(features), self.seed_generator.next())
        kept = ops.cast(draws >= self.rate, features.dtype)
        return features * kept / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape
