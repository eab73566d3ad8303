"""A flow of affine couplings: Dinh et al., Density estimation using Real NVP (2017)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from models import noise
from models.priors.prior import Prior
from models.priors.standard_normal import StandardNormal


def build(settings: Mapping[str, Any]) -> RealNVP:
    """Returns the prior with the flags ``num_couplings`` and ``coupling_units``."""
    return RealNVP(settings["num_couplings"], settings["coupling_units"], settings["seed"])


@keras.saving.register_keras_serializable(package="models")
class RealNVP(Prior):
    """p(z) = N(f(z); 0, I) · |det ∂f/∂z|, with a learned invertible f.

    f is a chain of affine couplings. Each keeps the dimensions in its mask b and computes from
    them how the others are scaled and shifted: b ⊙ z + (1 − b) ⊙ (z ⊙ exp(s(b ⊙ z)) + t(b ⊙ z)),
    equation 9 of the paper. Masks are the odd and the even dimensions in turn. s and t are one
    network with two hidden layers, s bounded by tanh. f starts close to the identity, p(z)
    close to N(0, I).

    As the prior of a VAE: Xu et al. (2019), arXiv:1905.13452.

    Args:
        num_couplings: couplings in f.
        coupling_units: units of each hidden layer.
        seed: of the first weights.
    """

    def __init__(
        self, num_couplings: int = 8, coupling_units: int = 128, seed: int = 0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.num_couplings = num_couplings
        self.coupling_units = coupling_units
        self.seed = seed

    def build(self, input_shape):
        super().build(input_shape)
        latent_dim = input_shape[-1]
        dims = np.arange(latent_dim)
        self.masks = np.stack([(dims + i) % 2 for i in range(self.num_couplings)]).astype("float32")
        sizes = (latent_dim, self.coupling_units, self.coupling_units, 2 * latent_dim)
        for layer, (inputs, units) in enumerate(itertools.pairwise(sizes), start=1):
            first_kernels = keras.initializers.RandomNormal(
                stddev=inputs**-0.5 if layer < 3 else 0.001,
                seed=noise.derive_seed(self.seed, f"prior {layer}"),
            )
            shapes = (self.num_couplings, inputs, units), (self.num_couplings, units)
            self.add_weight(shapes[0], first_kernels, name=f"kernels_{layer}")
            self.add_weight(shapes[1], "zeros", name=f"biases_{layer}")

    def couplings(self) -> list[tuple[Any, ...]]:
        """Returns the mask and the weights, three kernels each with its biases, of each."""
        return list(zip(self.masks, *map(ops.unstack, self.weights), strict=True))

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch)."""
        shape = (*z.shape[:-2], -1)
        z, log_det = ops.reshape(z, (-1, self.latent_dim)), 0.0
        for mask, *weights in self.couplings():
            log_scale, shift = _scale_and_shift(mask, weights, z)
            z = z * ops.exp(log_scale) + shift
            log_det = log_det + ops.sum(log_scale, axis=-1)
        return ops.reshape(StandardNormal().log_prob(z) + log_det, shape)

    def sample(self, num_samples: int, seed: int):
        """Returns z ~ p(z), (num_samples, latent_dim); the same for the same seed."""
        z = keras.random.normal((num_samples, self.latent_dim), seed=seed)
        for mask, *weights in reversed(self.couplings()):
            log_scale, shift = _scale_and_shift(mask, weights, z)
            z = (z - shift) * ops.exp(-log_scale)
        return z

    def arrays(self):
        """Returns ``masks`` and the weights of all couplings, each stacked along the first axis."""
        return {"masks": self.masks, **{each.name: np.asarray(each) for each in self.weights}}


def _scale_and_shift(mask, weights, z):
    """Returns (1 − b) ⊙ s(b ⊙ z) and (1 − b) ⊙ t(b ⊙ z), each (batch, latent_dim)."""
    kernel_1, biases_1, kernel_2, biases_2, kernel_3, biases_3 = weights
    features = ops.relu(ops.matmul(z * mask, kernel_1) + biases_1)
    features = ops.relu(ops.matmul(features, kernel_2) + biases_2)
    log_scale, shift = ops.split(ops.matmul(features, kernel_3) + biases_3, 2, axis=-1)
    return ops.tanh(log_scale) * (1 - mask), shift * (1 - mask)
