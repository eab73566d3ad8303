"""A learned mixture of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from models import noise
from models.distributions import DiagonalGaussian
from models.priors.prior import Prior


def build(settings: Mapping[str, Any]) -> Mixture:
    """Returns the prior with the flag ``num_components``."""
    return Mixture(settings["num_components"], settings["seed"])


@keras.saving.register_keras_serializable(package="models")
class Mixture(Prior):
    """p(z) = Σ_j π_j N(z; m_j, diag(s_j²)), with learned weights π, means m and variances s².

    The mixture of Gaussians of Dilokthanakul et al. (2016) and Tomczak and Welling (2018, table
    1, "MoG"). Its KL from the posterior has no closed form and is estimated from samples.

    Args:
        num_components: number of Gaussians. They start with equal weights, means drawn from
            N(0, I) and variances of 1.
        seed: of the first means.
    """

    def __init__(self, num_components: int = 10, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_components = num_components
        self.seed = seed

    def build(self, input_shape):
        super().build(input_shape)
        shape = (self.num_components, self.latent_dim)
        first_means = keras.initializers.RandomNormal(
            stddev=1.0, seed=noise.derive_seed(self.seed, "prior")
        )
        self.logits = self.add_weight((self.num_components,), "zeros", name="logits")
        self.means = self.add_weight(shape, first_means, name="means")
        self.log_vars = self.add_weight(shape, "zeros", name="log_vars")

    def components(self) -> tuple[Any, DiagonalGaussian]:
        """Returns the logits of the weights, (num_components,), and the Gaussians.

        The Gaussians are one ``DiagonalGaussian`` of shape (num_components, latent_dim).
        """
        return self.logits, DiagonalGaussian(self.means, self.log_vars)

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch)."""
        logits, gaussians = self.components()
        log_joint = gaussians.log_prob_of_each(z) + ops.log_softmax(logits)
        return ops.logsumexp(log_joint, axis=-1)

    def sample(self, num_samples: int, seed: int):
        """Returns z ~ p(z), (num_samples, latent_dim); the same for the same seed."""
        logits, gaussians = self.components()
        of_component, of_z = noise.derive_seed(seed, "component"), noise.derive_seed(seed, "z")
        chosen = keras.random.categorical(logits[None], num_samples, seed=of_component)[0]
        gaussian = DiagonalGaussian(*(ops.take(each, chosen, 0) for each in gaussians))
        return gaussian.sample(keras.random.normal((num_samples, self.latent_dim), seed=of_z))

    def arrays(self):
        """Returns ``weights`` (num_components,), ``means`` and ``stddevs`` (…, latent_dim)."""
        logits, (means, log_vars) = self.components()
        logits, means, log_vars = (
            np.asarray(each, "float64") for each in (logits, means, log_vars)
        )
        weights = np.exp(logits - logits.max())
        stddevs = np.exp(log_vars / 2)
        return {"weights": weights / weights.sum(), "means": means, "stddevs": stddevs}
