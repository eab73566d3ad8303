"""A plain autoencoder: what a VAE is without its noise and its KL term.

With the networks of a VAE, so that the two stand beside each other on equal terms. Nothing
draws its codes towards N(0, I), and nothing fills the space between them: it reconstructs
well, and what it decodes from N(0, I) need not be an image.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras
from keras import ops

from models.build import build_parts
from models.vae import VAE


def build(network: ModuleType, image_shape: tuple[int, int, int], settings: Mapping[str, Any]):
    """Returns an autoencoder with the networks of ``network``, in the sizes of ``settings``."""
    parts = build_parts(network, image_shape, settings)
    return Autoencoder(**parts, name="autoencoder")


@keras.saving.register_keras_serializable(package="models")
class Autoencoder(VAE):
    """An encoder of which z_mean is the code, and a decoder: z = z_mean(x), no noise, no KL.

    As a distribution, its posterior is the point z_mean: z_log_var = −∞. The KL from any
    prior is then infinite, and there is no evidence lower bound.

    Args:
        encoder: images to (z_mean, z_log_var); the second is not used and not trained.
        decoder: z to logits of the images' shape, or more of them where the likelihood says so.
        likelihood: p(x|z); None for ``likelihoods.Bernoulli``.
        objective: what the optimiser lowers; None for the loss itself.
        seed: of nothing random while it trains; kept as every model has one.
    """

    tracked = ("loss", "reconstruction")
    variational = False

    def __init__(self, encoder, decoder, likelihood=None, objective=None, seed=0, **kwargs: Any):
        super().__init__(
            encoder, decoder, likelihood, beta=0.0, objective=objective, seed=seed, **kwargs
        )
        self.encoder.z_log_var.trainable = False

    def compute_parts(self, images, training=False):
        """Returns ``reconstruction`` = −log p(x | z = z_mean(x)), in nats an image, (batch,).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            training: whether layers such as dropout are on.
        """
        return {"reconstruction": -self.likelihood.log_prob(images, self.call(images, training))}

    def weigh(self, losses, beta):
        """Returns the reconstruction, (batch,): it is all of the loss."""
        return losses["reconstruction"]

    def call(self, images, training=False):
        """Returns the decoder's outputs for the code of each image."""
        z, _ = self._posterior(images, training)
        return self._logits(z, training)

    def _posterior(self, images, training):
        z_mean, _ = super()._posterior(images, training)
        return z_mean, ops.full_like(z_mean, -float("inf"))

    def generate(self, num_images, seed=0):
        """Returns z ~ N(0, I) decoded, which this model is not trained for.

        Of shape (num_images, height, width, channels).
        """
        return super().generate(num_images, seed)

    def count_params(self):
        """Returns the number of parameters that are trained."""
        return sum(variable.value.shape.num_elements() for variable in self.trainable_variables)

    _PARTS = ("encoder", "decoder", "likelihood", "objective", "corruption")

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
