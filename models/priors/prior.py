"""The base class of priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from models.distributions import DiagonalGaussian


class Prior(keras.layers.Layer):
    """p(z). A Keras layer, so that learned parameters are saved with the model; in float32.

    A subclass defines ``log_prob`` and ``sample``.

    Attributes:
        compares_images: whether ``observe`` needs several images of a batch at the same time.
        latent_dim: dimensions of z, known once it is built.
    """

    compares_images = False

    def __init__(self, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim: int | None = None

    def connect(self, encoder: keras.layers.Layer, image_shape: Sequence[int]) -> None:
        """Gives it the model's encoder before it is built; most priors do not need it.

        Args:
            encoder: images to ``DiagonalGaussian``.
            image_shape: (height, width, channels).
        """

    def build(self, input_shape):
        self.latent_dim = input_shape[-1]

    def log_prob(self, z):
        """Returns log p(z) in nats: shape (…, batch).

        Args:
            z: (…, batch, latent_dim).
        """
        raise NotImplementedError

    def observe(self, posterior: DiagonalGaussian, z) -> Any:
        """Returns log p(z) of a training batch in nats, (k, batch): most priors' ``log_prob``.

        Called once in each training step, so that a prior may change with what it sees.

        Args:
            posterior: q(z|x).
            z: samples of it, (k, batch, latent_dim).
        """
        return self.log_prob(z)

    def sample(self, num_samples: int, seed: int):
        """Returns z ~ p(z), (num_samples, latent_dim); the same for the same seed."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns its parameters by name, for users of an exported model; empty without any."""
        return {}

    def kl(self, posterior: DiagonalGaussian) -> Any:
        """Returns KL(q(z|x) ‖ p(z)) of each latent dimension in nats, (batch, latent_dim).

        None if it has no closed form: log q(z|x) − log p(z) estimates it then.
        """
        return None
