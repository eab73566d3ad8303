"""The negative evidence lower bound with a weight of the total correlation: the β-TC-VAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.distributions import LOG_2_PI, DiagonalGaussian
from models.objectives.objective import Objective
from models.replicas import gather_images


def build(settings: Mapping[str, Any]) -> TotalCorrelation:
    """Returns the objective with the flag ``tc_weight`` for ``num_train`` images."""
    return TotalCorrelation(settings["tc_weight"], settings["num_train"])


@keras.saving.register_keras_serializable(package="models")
class TotalCorrelation(Objective):
    """−log p(x|z) + β · KL(q(z|x) ‖ p(z)) + (w − 1) · TC(q(z)).

    Chen et al. (2018): with the aggregate posterior q(z) = (1/N) Σ_n q(z|x_n) over the training
    images, the mean KL is the sum of the mutual information of image and z, the total correlation
    TC = E[log q(z) − Σ_d log q(z_d)] and the KL of each q(z_d) from p(z_d). So for β = 1 this is
    their equation 4, which calls w β: TC has the weight w, each of the other two the weight 1.

    Args:
        tc_weight: w, at least 0; with 1, the objective is the negative evidence lower bound.
        num_train: N.
    """

    def __init__(self, tc_weight: float, num_train: int):
        self.tc_weight = tc_weight
        self.num_train = num_train

    @property
    def compares_images(self):
        return True

    def __call__(self, terms, beta):
        """Returns the objective of each image in nats, (batch,)."""
        log_q, log_q_by_dimension = log_aggregate(terms.posterior, terms.z, self.num_train)
        total_correlation = ops.mean(log_q - ops.sum(log_q_by_dimension, axis=-1), axis=0)
        return terms.reconstruction + beta * terms.kl + (self.tc_weight - 1) * total_correlation

    def __str__(self):
        return f"the loss with a total correlation of weight {self.tc_weight:g}"


def log_aggregate(posterior: DiagonalGaussian, z, num_train: int):
    """Returns estimates of log q(z), (k, batch), and of log q(z_d), (k, batch, latent_dim).

    q(z) = (1/N) q(z|x) + (1 − 1/N) · the mean of q(z|x') over the other images x' of the batch: the
    minibatch-stratified estimate of Chen et al. (2018, appendix C.2), averaged over the order of
    the other images. Its mean over batches is q(z). The batch is that of all replicas.

    Args:
        posterior: q(z|x) of this replica's images.
        z: samples of it, (k, batch, latent_dim).
        num_train: N.
    """
    everyone, first = gather_images(ops.stack(posterior, axis=-1))  # (images, latent_dim, 2)
    mean, log_var = ops.unstack(everyone, axis=-1)
    num_images = ops.shape(mean)[0]
    is_own = ops.arange(num_images) == first + ops.arange(ops.shape(z)[1])[:, None]
    num_others = ops.maximum(ops.cast(num_images, "float32") - 1, 1)
    weights = ops.where(is_own, 1 / num_train, (1 - 1 / num_train) / num_others)
    squares = ops.square(z[:, :, None] - mean) * ops.exp(-log_var)
    by_dimension = -0.5 * (squares + log_var + LOG_2_PI)  # (k, batch, images, latent_dim)
    log_weights = ops.log(weights)
    return (
        ops.logsumexp(ops.sum(by_dimension, axis=-1) + log_weights, axis=-1),
        ops.logsumexp(by_dimension + log_weights[..., None], axis=-2),
    )
