"""Distributions of latent variables."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from keras import ops

LOG_2_PI = math.log(2 * math.pi)


class DiagonalGaussian(NamedTuple):
    """N(mean, diag(exp(log_var))), the posterior q(z|x) of Kingma and Welling (2014), equation 9.

    A named tuple, so that ``z_mean, z_log_var = vae.encode(images)`` unpacks it.

    Attributes:
        mean: (batch, latent_dim).
        log_var: logarithm of the variance, of the same shape.
    """

    mean: Any
    log_var: Any

    def sample(self, noise):
        """Returns z = mean + exp(log_var / 2) · ε, so that gradients reach both (equation 10).

        Args:
            noise: ε ~ N(0, I), (…, batch, latent_dim).
        """
        return self.mean + ops.exp(0.5 * self.log_var) * noise

    def log_prob(self, z):
        """Returns log q(z|x) in nats, summed over dimensions: shape (…, batch).

        Args:
            z: (…, batch, latent_dim).
        """
        squares = ops.square(z - self.mean) * ops.exp(-self.log_var)
        return -0.5 * ops.sum(squares + self.log_var + LOG_2_PI, axis=-1)
