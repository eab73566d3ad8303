"""Distributions of latent variables."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

from keras import ops

LOG_2_PI = math.log(2 * math.pi)


class Posterior(Protocol):
    """q(z|x) of the images in a batch, as a VAE samples from it; see ``DiagonalGaussian``."""

    @property
    def mean(self) -> Any: ...

    @property
    def log_var(self) -> Any: ...

    def sample(self, noise: Any) -> Any: ...

    def log_prob(self, z: Any) -> Any: ...

    def log_prob_of_path(self, z: Any) -> Any: ...


class DiagonalGaussian(NamedTuple):
    """N(mean, diag(exp(log_var))), the posterior q(z|x) of Kingma and Welling (2014), equation 9.

    A named tuple, so that ``z_mean, z_log_var = vae.encode(images)`` unpacks it.

    Attributes:
        mean: (batch, latent_dim).
        log_var: logarithm of the variance, of the same shape.
    """

    mean: Any
    log_var: Any

    def to_float32(self) -> DiagonalGaussian:
        """Returns the same distribution, whatever the precision of the network that gave it."""
        return DiagonalGaussian(*(ops.cast(parameter, "float32") for parameter in self))

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

    def log_prob_of_path(self, z):
        """Returns ``log_prob(z)``, whose gradient reaches the parameters through z only."""
        return DiagonalGaussian(*map(ops.stop_gradient, self)).log_prob(z)

    def kl(self, other: DiagonalGaussian):
        """Returns KL(self ‖ other) in nats for each dimension, of the shape of the means.

        ½ (log σ₂² − log σ₁² + (σ₁² + (μ₁ − μ₂)²) / σ₂² − 1).
        """
        log_ratio = self.log_var - other.log_var
        squares = ops.square(self.mean - other.mean) * ops.exp(-other.log_var)
        return 0.5 * (squares + ops.expm1(log_ratio) - log_ratio)

    def log_prob_of_each(self, z):
        """Returns log N(z; m_k, diag(s_k²)) of each z under each of K Gaussians: (…, batch, K).

        In nats, from ½ z²/s² − z m/s² + ½ m²/s², whose sums over dimensions are one product of
        matrices: for many Gaussians several times as fast as ``log_prob(z[..., None, :])``. In
        float64, because the sums are much smaller than their terms.

        Args:
            z: (…, batch, latent_dim).
        """
        shape = (*z.shape[:-2], -1, self.mean.shape[0])
        z = ops.cast(ops.reshape(z, (-1, z.shape[-1])), "float64")
        mean, log_var = ops.cast(self.mean, "float64"), ops.cast(self.log_var, "float64")
        precision = ops.exp(-log_var)
        powers = ops.concatenate([ops.square(z), z], axis=-1)
        factors = ops.concatenate([0.5 * precision, -precision * mean], axis=-1)
        rest = 0.5 * ops.sum(ops.square(mean) * precision + log_var + LOG_2_PI, axis=-1)
        negative = ops.matmul(powers, ops.transpose(factors)) + rest
        return ops.reshape(ops.cast(-negative, "float32"), shape)
