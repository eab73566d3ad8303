"""The terms that a model computes for a batch, from which objectives are computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import ops

from models.distributions import Posterior


class Terms(NamedTuple):
    """The terms of the evidence lower bound, for k samples of z from the posterior of each image.

    Attributes:
        posterior: q(z|x).
        z: the samples, (k, batch, latent_dim).
        log_likelihood: log p(x|z), (k, batch), in nats.
        log_q, log_p: log q(z|x) and log p(z), (k, batch) each, in nats.
        kl_by_dimension: KL(q(z|x) ‖ p(z)) of each latent dimension, (batch, latent_dim), where the
            prior has it in closed form; else None.
        kl_by_level: the part of the KL at each level of a hierarchy, (batch, num_levels), averaged
            over the samples of the levels above; None for other models.
        added: what the model adds to the loss of each image, (batch,), or 0.
        reported: further metrics, name → (batch,).
        weights: of each image in the means of ``reported``, (batch,); None for equal weights.
    """

    posterior: Posterior
    z: Any
    log_likelihood: Any
    log_q: Any
    log_p: Any
    kl_by_dimension: Any = None
    kl_by_level: Any = None
    added: Any = 0.0
    reported: Mapping[str, Any] = {}
    weights: Any = None

    @property
    def reconstruction(self):
        """−log p(x|z), averaged over the samples: (batch,)."""
        return -ops.mean(self.log_likelihood, axis=0)

    @property
    def log_q_minus_log_p(self):
        """log q(z|x) − log p(z), (k, batch), whose mean over samples is the KL."""
        return self.log_q - self.log_p

    @property
    def kl(self):
        """KL(q(z|x) ‖ p(z)), (batch,): in closed form if there is one, else from the samples."""
        parts = self.kl_by_dimension if self.kl_by_level is None else self.kl_by_level
        if parts is None:
            return ops.mean(self.log_q_minus_log_p, axis=0)
        return ops.sum(parts, axis=-1)
