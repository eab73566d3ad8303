"""The prior of Kingma and Welling (2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.distributions import LOG_2_PI, DiagonalGaussian
from models.priors.prior import Prior


def build(settings: Mapping[str, Any]) -> StandardNormal:
    """Returns the prior; it reads no flags."""
    return StandardNormal()


@keras.saving.register_keras_serializable(package="models")
class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch)."""
        return -0.5 * ops.sum(ops.square(z) + LOG_2_PI, axis=-1)

    def sample(self, num_samples: int, seed: int):
        """Returns z ~ N(0, I), (num_samples, latent_dim); the same for the same seed."""
        return keras.random.normal((num_samples, self.latent_dim), seed=seed)

    def kl(self, posterior: DiagonalGaussian):
        """Returns KL(q(z|x) ‖ N(0, I)) in nats for each dimension: (batch, latent_dim), ≥ 0.

        ½ (μ² + σ² − 1 − log σ²): Kingma and Welling (2014), appendix B.
        """
        z_mean, z_log_var = posterior
        # expm1: σ² − 1 keeps its digits where σ is close to 1
        return 0.5 * (ops.square(z_mean) + ops.expm1(z_log_var) - z_log_var)
