"""The negative evidence lower bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.objectives.objective import Objective
from models.replicas import mean_over_all_images


def build(settings: Mapping[str, Any]) -> Elbo:
    """Returns the objective with the flag ``free_bits``."""
    return Elbo(settings["free_bits"])


@keras.saving.register_keras_serializable(package="models")
class Elbo(Objective):
    """−log p(x|z) + β · KL(q(z|x) ‖ p(z)), with a minimum for the KL of each dimension.

    With free bits λ (Kingma et al., 2016, equation 15) the KL counts as Σ_j max(λ, mean KL_j),
    where the mean is over the batch. This needs a prior with a KL for each dimension.

    Args:
        free_bits: λ, in nats per latent dimension, at least 0.
    """

    def __init__(self, free_bits: float = 0.0):
        self.free_bits = free_bits

    @property
    def compares_images(self):
        return bool(self.free_bits)  # with a mean over the batch

    @property
    def is_loss(self):
        return not self.free_bits

    def __call__(self, terms, beta):
        """Returns the objective of each image in nats, (batch,)."""
        kl = terms.kl
        if self.free_bits:
            kl = ops.sum(apply_free_bits(self.free_bits, terms.kl_by_dimension), axis=-1)
        return terms.reconstruction + beta * kl

    def __str__(self):
        minimum = f", at least {self.free_bits:g} nats of KL per dimension"
        return "the loss" + (minimum if self.free_bits else "")


def apply_free_bits(free_bits, kl):
    """Returns values whose batch mean is max(free_bits, mean KL) for each dimension.

    Where the mean of a dimension is below, its values are constant, so that no gradient lowers
    it. Where replicas share a batch, the mean is over the images of all of them.

    Args:
        free_bits: nats per dimension.
        kl: (batch, latent_dim).

    Returns:
        (batch, latent_dim).
    """
    mean = mean_over_all_images(kl)  # (latent_dim,)
    return ops.where(mean > free_bits, kl, free_bits)
