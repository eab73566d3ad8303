"""The reparameterisation trick."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="models")
class GaussianSampling(keras.layers.Layer):
    """Draws z ~ N(z_mean, exp(z_log_var)) such that gradients reach both.

    z = z_mean + exp(z_log_var / 2) · ε with ε ~ N(0, I): Kingma and Welling (2014),
    section 2.4 and equation (10).

    Args:
        seed: of the noise. The draws go on from call to call; ``restart`` begins anew.
    """

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, z_mean, z_log_var):
        """Returns z, of the shape of both arguments: (batch, latent_dim)."""
        noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def restart(self, seed: int) -> None:
        """Begins the stream of noise that ``seed`` names."""
        fresh = keras.random.SeedGenerator(seed)
        self.seed_generator.state.assign(fresh.state)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
