"""The reparameterisation trick."""

from __future__ import annotations

import keras
from keras import ops

from models import noise


@keras.saving.register_keras_serializable(package="models")
class GaussianSampling(keras.layers.Layer):
    """Draws z ~ N(z_mean, exp(z_log_var)) such that gradients reach both.

    z = z_mean + exp(z_log_var / 2) · ε with ε ~ N(0, I): Kingma and Welling (2014),
    section 2.4 and equation (10). In float32 whatever the precision of the networks.

    Args:
        seed: of the noise. The draws go on from call to call; ``restart`` begins anew.
    """

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(noise.derive_seed(seed, "z"))

    def call(self, z_mean, z_log_var):
        """Returns z, of the shape of both arguments: (batch, latent_dim)."""
        epsilon = noise.normal(ops.shape(z_mean), self.seed_generator.next())
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    def restart(self, seed: int) -> None:
        """Begins the stream of noise that ``seed`` names."""
        self.seed_generator.state.assign([noise.derive_seed(seed, "z"), 0])

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
