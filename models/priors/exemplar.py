"""The prior of an exemplar VAE: Norouzi et al., Exemplar VAE (2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models import noise
from models.distributions import LOG_2_PI, DiagonalGaussian
from models.priors.mixture import Mixture
from models.priors.prior import Prior
from models.replicas import gather_images


def build(settings: Mapping[str, Any]) -> Exemplar:
    """Returns the prior with the flag ``num_components``."""
    return Exemplar(settings["num_components"], settings["seed"])


@keras.saving.register_keras_serializable(package="models")
class Exemplar(Mixture):
    """p(z) = 1/K Σ_k N(z; m_k, σ² I), with the posterior means m_k of K training images.

    σ is learned. In training, the mixture for an image has the other images of its batch: the
    "leave-one-out and subsampling" of the paper, with as many exemplars as there are others. The
    means of the last K images are kept; they are the prior outside of training, where the paper's
    has all training images.

    Args:
        num_components: K. The first means are drawn from N(0, I), σ starts at 1.
        seed: of the first means.
    """

    compares_images = True

    def __init__(self, num_components: int = 5000, seed: int = 0, **kwargs: Any):
        super().__init__(num_components, seed, **kwargs)

    def build(self, input_shape):
        Prior.build(self, input_shape)
        first_means = keras.initializers.RandomNormal(
            stddev=1.0, seed=noise.derive_seed(self.seed, "prior")
        )
        self.log_var = self.add_weight((), "zeros", name="log_var")
        self.means = self.add_weight(
            (self.num_components, self.latent_dim),
            first_means,
            trainable=False,
            aggregation="only_first_replica",  # all replicas assign the same
            name="means",
        )

    def components(self):
        """Returns equal logits, (num_components,), and the N(m_k, σ² I)."""
        log_vars = ops.broadcast_to(self.log_var, (self.num_components, self.latent_dim))
        return ops.zeros((self.num_components,)), DiagonalGaussian(self.means, log_vars)

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch)."""
        log_probs = self._log_prob_of_each(z, ops.convert_to_tensor(self.means))
        return ops.logsumexp(log_probs, axis=-1) - math.log(self.num_components)

    def observe(self, posterior, z):
        """Returns log p(z) with the other images of the batch as exemplars, (k, batch), in nats.

        The gradient reaches their means, too. All means replace the oldest ones that are kept. The
        only image of a batch is its own exemplar.
        """
        means, first = gather_images(posterior.mean)  # of all replicas
        self.means.assign(ops.concatenate([self.means, means])[-self.num_components :])
        num_images = ops.shape(means)[0]
        own = ops.one_hot(first + ops.arange(ops.shape(posterior.mean)[0]), num_images)
        others = ops.maximum(ops.cast(num_images, "float32") - 1, 1)
        is_left_out = ops.logical_and(own > 0, num_images > 1)
        log_probs = ops.where(is_left_out, -math.inf, self._log_prob_of_each(z, means))
        return ops.logsumexp(log_probs, axis=-1) - ops.log(others)

    def _log_prob_of_each(self, z, means):
        """Returns log N(z; m, σ² I) of each z under each of the means, (…, batch, num_means).

        ‖z − m‖² = ‖z‖² + ‖m‖² − 2 z·m, relative to the center of the means. With one variance and
        in float32, in half the time of ``DiagonalGaussian.log_prob_of_each``.
        """
        center = ops.stop_gradient(ops.mean(means, axis=0))
        z, means = z - center, means - center
        lengths = ops.sum(ops.square(z), axis=-1, keepdims=True)
        lengths = lengths + ops.sum(ops.square(means), axis=-1)
        squares = lengths - 2 * ops.matmul(z, ops.transpose(means))
        log_norm = self.latent_dim * (self.log_var + LOG_2_PI)
        return -0.5 * (squares * ops.exp(-self.log_var) + log_norm)
