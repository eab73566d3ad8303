"""The importance-weighted bound with its doubly reparameterized gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.objectives.iwae import Iwae
from models.objectives.stl import stop_posterior


def build(settings: Mapping[str, Any]) -> DoublyReparameterized:
    """Returns the objective with the flag ``num_samples``."""
    return DoublyReparameterized(settings["num_samples"])


@keras.saving.register_keras_serializable(package="models")
class DoublyReparameterized(Iwae):
    """The value of ``Iwae``, with a gradient of the same mean and a smaller variance.

    Tucker et al. (2019), equation 8. With the importance weights w_i and their normalized values
    v_i = w_i / Σ_j w_j, decoder and prior get the gradient of the bound, Σ_i v_i · ∇ log w_i. The
    parameters of q(z|x) get Σ_i v_i² · ∂ log w_i / ∂z_i · ∇z_i: through the samples only, and
    weighted once more. For k = 1 it is the path derivative of ``StickingTheLanding``.

    With β ≠ 1, w_i = p(x|z_i) · (p(z_i) / q(z_i|x))^β, and the same derivation gives the weights
    v_i · (1 + β (v_i − 1)) instead of v_i².

    Args:
        num_samples: k, samples of z per image.
    """

    def __call__(self, terms, beta):
        """Returns the objective of each image in nats, (batch,)."""
        return super().__call__(stop_posterior(terms), beta)

    def path_weights(self, terms, beta):
        """Returns 1 + β (v_i − 1), (k, batch)."""
        log_weights = self.log_weights(terms, beta)
        normalized = ops.exp(log_weights - ops.logsumexp(log_weights, axis=0))
        return 1 + beta * (normalized - 1)

    def __str__(self):
        return f"{super().__str__()} and the doubly reparameterized gradient"
