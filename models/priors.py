"""Priors p(z) and the divergence of the posterior from them.

Layers, so that one with parameters to learn is saved with its model.
"""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="models")
class StandardNormal(keras.layers.Layer):
    """p(z) = N(0, I)."""

    def kl(self, z_mean, z_log_var):
        """Returns KL(N(z_mean, exp z_log_var) ‖ N(0, 1)) in nats for each dimension.

        −½ (1 + log σ² − μ² − σ²): Kingma and Welling (2014), appendix B.

        Args:
            z_mean: (batch, latent_dim).
            z_log_var: of the same shape.

        Returns:
            (batch, latent_dim), never negative.
        """
        # expm1: σ² − 1 keeps its digits where σ is close to 1
        return 0.5 * (ops.square(z_mean) + ops.expm1(z_log_var) - z_log_var)

    def sample(self, num_images: int, latent_dim: int, seed: int):
        """Returns z of shape (num_images, latent_dim)."""
        return keras.random.normal((num_images, latent_dim), seed=seed)
