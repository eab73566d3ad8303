"""The importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.objectives.objective import Objective


def build(settings: Mapping[str, Any]) -> Iwae:
    """Returns the objective with the flag ``num_samples``."""
    return Iwae(settings["num_samples"])


@keras.saving.register_keras_serializable(package="models")
class Iwae(Objective):
    """−log (1/k) Σ_i w_i with importance weights w_i = p(x|z_i) · (p(z_i) / q(z_i|x))^β.

    Burda et al. (2016), equation 8. For k = 1 it is the negative evidence lower bound, with the KL
    estimated from the sample. For β = 1 it approaches −log p(x) from above as k grows.

    Args:
        num_samples: k, samples of z per image.
    """

    def __init__(self, num_samples: int = 5):
        self.num_samples = num_samples

    def __call__(self, terms, beta):
        """Returns the objective of each image in nats, (batch,)."""
        log_weights = self.log_weights(terms, beta)
        return math.log(self.num_samples) - ops.logsumexp(log_weights, axis=0)

    def log_weights(self, terms, beta):
        """Returns log w_i, (k, batch)."""
        return terms.log_likelihood - beta * terms.log_q_minus_log_p

    def __str__(self):
        return f"the importance-weighted bound with {self.num_samples} samples"
