"""Input corruption for denoising training."""

from __future__ import annotations

import keras
from keras import ops

from models import noise


@keras.saving.register_keras_serializable(package="models")
class Corruption(keras.layers.Layer):
    """Draws a fraction of the encoder's input pixels black or white in training: x' ~ Bernoulli(x).

    The denoising criterion (Im et al., 2017, Denoising criterion for variational auto-encoding
    framework, equation 6): z ~ q(z|x') of the corrupted image, from which the decoder has to
    reconstruct the original. This discourages memorizing training images. The probability of
    white is the pixel's gray value: black and white pixels stay as they are.

    Args:
        rate: the fraction of the pixels drawn, in [0, 1].
        seed: of the noise.
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(noise.derive_seed(seed, "corruption"))

    def call(self, images, training=False):
        """Returns images of the same shape, in [0, 1]; unchanged outside training."""
        if not training or self.rate == 0:
            return images
        # Below the rate a draw u chooses the pixel; u / rate is then as uniform as u.
        draws = noise.uniform(ops.shape(images), self.seed_generator.next())
        drawn = ops.cast(draws < self.rate * images, images.dtype)
        return ops.where(draws < self.rate, drawn, images)
