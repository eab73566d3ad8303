"""The negative evidence lower bound with the path derivative: sticking the landing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.objectives.objective import Objective
from models.terms import Terms


def build(settings: Mapping[str, Any]) -> StickingTheLanding:
    """Returns the objective, which reads no flags."""
    return StickingTheLanding()


@keras.saving.register_keras_serializable(package="models")
class StickingTheLanding(Objective):
    """−log p(x|z) + β · (log q(z|x) − log p(z)), whose gradient reaches q(z|x) through z only.

    Roeder et al. (2017): the gradient of log q(z|x) with respect to the posterior's
    parameters at a fixed z is left out. Its mean is zero, so the gradient stays unbiased; if
    q(z|x) is the true posterior and β = 1, the remaining gradient is zero for every z.
    """

    def __call__(self, terms, beta):
        """Returns the objective of each image in nats, (batch,)."""
        kl = stop_posterior(terms).log_q_minus_log_p
        return terms.reconstruction + beta * ops.mean(kl, axis=0)

    def __str__(self):
        return "the loss with the path derivative of Roeder et al. (2017)"


def stop_posterior(terms: Terms) -> Terms:
    """Returns the same terms; the gradient of log q(z|x) reaches its parameters through z only."""
    return terms._replace(log_q=terms.posterior.log_prob_of_path(terms.z))
