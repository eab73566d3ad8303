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
    paper's has all training images, and no gradient flows through the m_k.

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
        """Returns log p(z) in nats: shape (…, batch).

        −½ ‖z − m‖² = z·m − ½ ‖m‖² − ½ ‖z‖², where the last term is the same for all means.
        """
        means = ops.convert_to_tensor(self.means)
        precision = ops.exp(-self.log_var)
        products = ops.tensordot(z, means, axes=[[-1], [-1]])  # (…, batch, K)
        log_joint = precision * (products - 0.5 * ops.sum(ops.square(means), axis=-1))
        log_sum = ops.logsumexp(log_joint, axis=-1) - math.log(self.num_components)
        rest = precision * ops.square(z) + self.log_var + LOG_2_PI
        return log_sum - 0.5 * ops.sum(rest, axis=-1)

    def observe(self, posterior):
        """Replaces the oldest means by those of a batch."""
        batch, _ = gather_images(posterior.mean)
        self.means.assign(ops.concatenate([self.means, batch])[-self.num_components :])
