"""The variational mixture of posteriors: Tomczak and Welling, VAE with a VampPrior (2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models import noise
from models.priors.mixture import Mixture
from models.priors.prior import Prior


def build(settings: Mapping[str, Any]) -> VampPrior:
    """Returns the prior with the flag ``num_components``."""
    return VampPrior(settings["num_components"], settings["seed"])


@keras.saving.register_keras_serializable(package="models")
class VampPrior(Mixture):
    """p(z) = 1/K Σ_k q(z|u_k), with K learned images u_k: equation 9 of the paper.

    A mixture of Gaussians whose means and variances come from the model's own encoder, without
    dropout and corruption. The gradient reaches the encoder through them, too.

    Args:
        num_components: K, the number of pseudo-inputs u_k. Their pixels start as draws from
            N(0.05, 0.01²), as in the paper's experiments, and are clipped to [0, 1].
        seed: of the first pseudo-inputs.
    """

    def __init__(self, num_components: int = 500, seed: int = 0, **kwargs: Any):
        super().__init__(num_components, seed, **kwargs)
        self.image_shape: Sequence[int] | None = None

    def connect(self, encoder, image_shape):
        """Keeps the encoder and the shape of the pseudo-inputs."""
        # A bound method, which Keras does not track: the encoder is saved with the model.
        self.encode, self.image_shape = encoder.__call__, image_shape

    def build(self, input_shape):
        Prior.build(self, input_shape)
        if self.image_shape is None:
            raise ValueError(
                "the pseudo-inputs have the shape of the images, which is not known yet: type "
                "model.build((None, height, width, channels)) first"
            )
        first_pixels = keras.initializers.RandomNormal(
            0.05, 0.01, seed=noise.derive_seed(self.seed, "prior")
        )
        shape = (self.num_components, *self.image_shape)
        self.pixels = self.add_weight(shape, first_pixels, name="pixels")

    @property
    def pseudo_inputs(self):
        """The u_k, (num_components, height, width, channels) in [0, 1]."""
        return ops.clip(self.pixels, 0.0, 1.0)

    def components(self):
        """Returns equal logits, (num_components,), and q(z|u_k), a ``DiagonalGaussian``."""
        posteriors = self.encode(self.pseudo_inputs, training=False).to_float32()
        return ops.zeros((self.num_components,)), posteriors

    def get_build_config(self) -> None:
        """Leaves it to the model to connect it and then to build it, when a file is opened."""
