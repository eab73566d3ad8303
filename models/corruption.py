"""What the encoder sees while it trains: images with a part of their pixels drawn anew."""

from __future__ import annotations

import keras
from keras import ops

from models import noise


@keras.saving.register_keras_serializable(package="models")
class Corruption(keras.layers.Layer):
    """Draws a part of the pixels black or white while training: x' ~ Bernoulli(x).

    The denoising criterion (Im et al., 2017, Denoising criterion for variational auto-encoding
    framework, equation 6): z ~ q(z|x') of the corrupted image, which the decoder is to bring
    back as it was. An encoder that never sees the same image twice cannot learn images by
    heart. The noise is that of a pixel's own grey: black and white ones stay as they are.

    Args:
        rate: the part of the pixels drawn, in [0, 1].
        seed: of the noise.
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(noise.derive_seed(seed, "corruption"))

    def call(self, images, training=False):
        """Returns images of the same shape, in [0, 1]; unchanged where not ``training``."""
        if not training or self.rate == 0:
            return images
        # Below the rate a draw u chooses the pixel; u / rate is then as uniform as u.
        draws = noise.uniform(ops.shape(images), self.seed_generator.next())
        drawn = ops.cast(draws < self.rate * images, images.dtype)
        return ops.where(draws < self.rate, drawn, images)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
