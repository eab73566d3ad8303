"""A plain autoencoder: a VAE without noise and without the KL term.

It has the networks of a VAE, so that the two can be compared. Nothing pulls its codes toward
N(0, I) or fills the space between them: it reconstructs well, but decoded samples of N(0, I) need
not look like images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.distributions import DiagonalGaussian
from models.terms import Terms
from models.vae import VAE


def build(parts: Mapping[str, Any], settings: Mapping[str, Any]) -> Autoencoder:
    """Returns an autoencoder of these parts, which ``models.build`` made of the flags."""
    return Autoencoder(**parts, name="autoencoder")


@keras.saving.register_keras_serializable(package="models")
class Autoencoder(VAE):
    """An encoder whose mean is the code, and a decoder: z = z_mean(x), without noise and KL.

    As a distribution, its posterior is the point z_mean: log σ² = −∞. The KL from any prior would
    be infinite, and there is no evidence lower bound. ``sample_prior`` draws from N(0, I), which
    the decoder is not trained on.

    Args:
        encoder: images to ``DiagonalGaussian``, whose variance is neither used nor trained.
        decoder, likelihood, corruption: as in ``VAE``.
        seed: unused; kept for a uniform signature.
    """

    reported = ("loss", "reconstruction")
    is_variational = False

    def __init__(self, encoder, decoder, likelihood=None, seed=0, corruption=None, **kwargs: Any):
        super().__init__(
            encoder, decoder, likelihood, beta=0.0, seed=seed, corruption=corruption, **kwargs
        )
        self.encoder.z_log_var.trainable = False

    def differentiate(self, batch):
        """Returns what that of ``VAE`` does; the log-variance is not trained."""
        self.encoder.z_log_var.trainable = False  # also after encoder.trainable = True
        return super().differentiate(batch)

    def terms(self, images, num_samples: int = 1, training: bool = False) -> Terms:
        """Returns −log p(x | z = z_mean(x)) as the only term, whatever ``num_samples``."""
        posterior = self.posterior(images, training)
        z = posterior.mean[None]
        log_likelihood = self.log_likelihood(images, z, training)
        zeros = ops.zeros_like(log_likelihood)
        return Terms(posterior, z, log_likelihood, zeros, zeros)

    def call(self, images, training=False):
        """Returns the decoder's outputs for the code of each image."""
        return self.decoder_outputs(self.posterior(images, training).mean, training)

    def posterior(self, images, training) -> DiagonalGaussian:
        """Returns the point z_mean(x): a Gaussian with log σ² = −∞."""
        z_mean, _ = super().posterior(images, training)
        return DiagonalGaussian(z_mean, ops.full_like(z_mean, -float("inf")))

    def kl_by_dimension(self, posterior: DiagonalGaussian) -> None:
        """Returns None: the KL of a point is infinite."""

    def count_params(self):
        """Returns the number of trained parameters."""
        return sum(variable.value.shape.num_elements() for variable in self.trainable_variables)

    _PARTS = ("encoder", "decoder", "likelihood", "corruption")

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = {name: part for name, part in config.items() if name != "objective"}
        return super().from_config(config, custom_objects)
