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
    """Returns the prior with the flag ``num_components``, at most half of the training images."""
    num_components = settings["num_components"]
    if num_train := settings["num_train"]:
        num_components = min(num_components, max(1, num_train // 2))
    return Exemplar(num_components, settings["seed"])


@keras.saving.register_keras_serializable(package="models")
class Exemplar(Mixture):
    """p(z) = 1/K Σ_k N(z; m_k, σ² I), with the posterior means m_k of K training images.

    σ is learned. The m_k are those of the last K images that training has seen. The images of a
    batch follow after its step: until then the prior does not contain them, unless they were among
    the last K of the epoch before, which is rare if K is much smaller than the number of training
    images. Such a random subset without the image itself is the paper's training objective
    ("leave-one-out and subsampling"). Here the subset is also the trained prior, where the
    paper's has all training images.

    Args:
        num_components: K. The first means are drawn from N(0, I), σ starts at 1.
        seed: of the first means.
    """

    keeps_posteriors = True

    def __init__(self, num_components: int = 5000, seed: int = 0, **kwargs: Any):
        super().__init__(num_components, seed, **kwargs)

    def build(self, input_shape):
        Prior.build(self, input_shape)
        first_means = keras.initializers.RandomNormal(
            stddev=1.0, seed=noise.derive_seed(self.seed, "prior")
        )
        self.log_var = self.add_weight((), "zeros", name="log_var")
        # Of the last K training images; all replicas assign the same.
        kept = {"trainable": False, "aggregation": "only_first_replica"}
        shape = (self.num_components, self.latent_dim)
        self.means = self.add_weight(shape, first_means, name="means", **kept)
        self.z = self.add_weight(shape, "zeros", name="z", **kept)
        self.log_p = self.add_weight(shape[:1], "zeros", name="log_p", **kept)

    def components(self):
        """Returns equal logits, (num_components,), and the N(m_k, σ² I)."""
        log_vars = ops.broadcast_to(self.log_var, (self.num_components, self.latent_dim))
        return ops.zeros((self.num_components,)), DiagonalGaussian(self.means, log_vars)

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch)."""
        log_probs = log_prob_of_each(z, self.means, self.log_var)  # (…, batch, K)
        return ops.logsumexp(log_probs, axis=-1) - math.log(self.num_components)

    def observe(self, posterior, z):
        """Returns log p(z), (k, batch), and replaces the oldest images by those of the batch.

        An encoder that moves m_i also changes the density of later samples, for which image i is an
        exemplar. The gradient of that is taken from the last K samples z_j instead: it is that of
        Σ_j log(p(z_j) + N(z_j; m_i, σ² I) / K), which is added with the value 0. Without it only
        one end of each distance z − m would move, and z and σ would grow without bounds.
        """
        log_p = self.log_prob(z)
        log_var = ops.stop_gradient(self.log_var)  # all of its gradient is in log p(z)
        log_probs = log_prob_of_each(self.z, posterior.mean, log_var)  # (K, batch)
        log_ratios = log_probs - self.log_p[:, None] - math.log(self.num_components)
        gain = ops.sum(ops.softplus(log_ratios), axis=0)  # (batch,)
        rows = ops.concatenate([posterior.mean, z[0], log_p[0][:, None]], axis=-1)
        rows, _ = gather_images(ops.stop_gradient(rows))
        means, z = ops.split(rows[:, :-1], 2, axis=-1)
        for kept, new in ((self.means, means), (self.z, z), (self.log_p, rows[:, -1])):
            kept.assign(ops.concatenate([kept, new])[-self.num_components :])
        return log_p + (gain - ops.stop_gradient(gain))


def log_prob_of_each(z, means, log_var):
    """Returns log N(z; m_k, σ² I) of each z under each of K Gaussians, in nats: (…, batch, K).

    ‖z − m‖² = ‖z‖² + ‖m‖² − 2 z·m.

    Args:
        z: (…, batch, latent_dim).
        means: (K, latent_dim).
        log_var: log σ².
    """
    z, means = ops.convert_to_tensor(z), ops.convert_to_tensor(means)
    squares = ops.sum(ops.square(z), axis=-1, keepdims=True) + ops.sum(ops.square(means), axis=-1)
    squares = squares - 2 * ops.tensordot(z, means, axes=[[-1], [-1]])
    return -0.5 * (squares * ops.exp(-log_var) + z.shape[-1] * (log_var + LOG_2_PI))
