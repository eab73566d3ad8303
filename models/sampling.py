"""The reparameterization trick."""

from __future__ import annotations

import keras
from keras import ops

from models import noise
from models.distributions import DiagonalGaussian


@keras.saving.register_keras_serializable(package="models")
class GaussianSampling(keras.layers.Layer):
    """Draws z ~ q(z|x) such that gradients reach the posterior's mean and variance.

    Kingma and Welling (2014), section 2.4. In float32 whatever the precision of the networks.

    Args:
        seed: of the noise. Successive calls advance the random stream; ``restart`` resets it.
    """

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(noise.derive_seed(seed, "z"))

    def call(self, posterior, num_samples: int = 1):
        """Returns ``num_samples`` draws of z for each image: (num_samples, batch, latent_dim)."""
        posterior = DiagonalGaussian(*posterior)
        batch, latent_dim = ops.shape(posterior.mean)
        epsilon = noise.normal((num_samples * batch, latent_dim), self.seed_generator.next())
        return posterior.sample(ops.reshape(epsilon, (num_samples, batch, latent_dim)))

    def restart(self, seed: int) -> None:
        """Resets the random stream to the beginning of the one that ``seed`` names."""
        self.seed_generator.state.assign([noise.derive_seed(seed, "z"), 0])
