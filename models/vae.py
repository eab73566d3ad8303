"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes (2014)."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models import likelihoods, objectives
from models.build import build_parts
from models.priors import StandardNormal
from models.replicas import mean_over_images
from models.sampling import GaussianSampling


def build(network: ModuleType, image_shape: tuple[int, int, int], settings: Mapping[str, Any]):
    """Returns a VAE with the encoder and decoder of ``network``, in the sizes of ``settings``."""
    parts = build_parts(network, image_shape, settings)
    return VAE(**parts, beta=settings["beta"], name="vae")


@keras.saving.register_keras_serializable(package="models")
class VAE(keras.Model):
    """An encoder q(z|x), a likelihood p(x|z) over a decoder, a prior p(z), one objective.

    Trained by ``fit`` on batches of images alone, (batch, height, width, channels) in
    [0, 1]; ``compile`` needs an optimiser only.

    Args:
        encoder: images to (z_mean, z_log_var); has ``latent_dim``.
        decoder: z to logits of the images' shape, or more of them where the likelihood says so.
        likelihood: p(x|z); None for ``likelihoods.Bernoulli``.
        prior: p(z); None for ``StandardNormal``.
        beta: weight of the KL term (Higgins et al., 2017); 1 is the evidence lower bound.
        objective: what the optimiser lowers; None for the loss itself.
        seed: of the noise in z.
        corruption: a layer between the images and the encoder while training; None for none.
    """

    tracked: tuple[str, ...] = ("loss", "reconstruction", "kl")  # averaged over images
    variational = True  # q(z|x) is a distribution: there is a KL, and an ELBO
    uses_labels = False  # batches are images alone, not (images, labels)

    def __init__(
        self,
        encoder,
        decoder,
        likelihood=None,
        prior=None,
        beta=1.0,
        objective=None,
        seed=0,
        corruption=None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood or likelihoods.Bernoulli()
        self.prior = prior or StandardNormal()
        self.beta = beta
        self.objective = objective
        self.seed = seed
        self.corruption = corruption
        self.sampling = GaussianSampling(seed, name="sampling")
        names = [*self.tracked, *(["objective"] if objective else [])]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}

    def build(self, input_shape):
        if not self.encoder.built:
            self.encoder.build(input_shape)
        if not self.decoder.built:
            self.decoder.build((None, self.encoder.latent_dim))
        self.sampling.build((None, self.encoder.latent_dim))
        if self.corruption:
            self.corruption.build(input_shape)
        if not self.likelihood.built:
            self.likelihood.build(input_shape)
        super().build(input_shape)

    # ---------------------------------------------------------------- the objective

    def compute_losses(self, images, training=False):
        """Returns the parts of the negative evidence lower bound, in nats an image.

        Equation (10) with one sample of z:
        loss = −log p(x|z) + β · KL(q(z|x) ‖ p(z)), z ~ q(z|x).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            training: whether layers such as dropout are on. z is sampled either way.

        Returns:
            ``loss``, ``reconstruction`` (−log p(x|z)) and ``kl``, each of shape (batch,).
        """
        return self._sum_up(self.compute_parts(images, training))

    def compute_parts(self, images, training=False):
        """Returns ``reconstruction``, (batch,), and ``kl`` by dimension, (batch, latent_dim).

        The arguments are those of ``compute_losses``.
        """
        z_mean, z_log_var = self._posterior(images, training)
        z = self.sampling(z_mean, z_log_var)
        logits = self._logits(z, training)
        return {
            "reconstruction": -self.likelihood.log_prob(images, logits),
            "kl": self.prior.kl(z_mean, z_log_var),
        }

    def weigh(self, losses, beta):
        """Returns the sum of an image's losses with their weights, (batch,)."""
        return losses["reconstruction"] + beta * losses["kl"]

    def _sum_up(self, parts):
        losses = objectives.sum_dimensions(parts)
        return {"loss": self.weigh(losses, self.beta), **losses}

    def train_step(self, batch):
        """One step of the optimiser; returns the means since the epoch began, by name."""
        with tf.GradientTape() as tape:
            losses = self._losses_and_objective(batch, training=True)
            objective = self.optimizer.scale_loss(mean_over_images(losses["objective"]))
        gradients = tape.gradient(objective, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._track(losses)

    def test_step(self, batch):
        """The same losses of held-out images, z sampled too, nothing learned."""
        return self._track(self._losses_and_objective(batch, training=False))

    def _losses_and_objective(self, batch, training):
        parts = self.compute_parts(batch, training)
        losses = self._sum_up(parts)
        objective = self.objective(self, parts) if self.objective else losses["loss"]
        return {**losses, "objective": objective}

    def _track(self, losses):
        for name, tracker in self.trackers.items():
            tracker.update_state(losses[name])
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @property
    def metrics(self):
        """Reset by Keras when an epoch begins."""
        return list(self.trackers.values())

    # ------------------------------------------------------------- what it is used for

    def call(self, images, training=False):
        """Returns the decoder's outputs for a sampled z: where it has one a channel, logits of
        the images' shape."""
        return self._logits(self.sampling(*self._posterior(images, training)), training)

    def encode(self, images):
        """Returns the posterior's (z_mean, z_log_var), each (batch, latent_dim).

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        return self._posterior(images, training=False)

    def decode(self, z):
        """Returns E[x|z], (batch, height, width, channels) in [0, 1].

        Args:
            z: (batch, latent_dim).
        """
        return self.likelihood.mean(self._logits(z, training=False))

    def reconstruct(self, images):
        """Returns E[x|z] at the posterior's mean z, of the shape and range of the images.

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        z_mean, _ = self.encode(images)
        return self.decode(z_mean)

    def generate(self, num_images, seed=0):
        """Returns E[x|z] for z from the prior, (num_images, height, width, channels)."""
        return self.decode(self.prior.sample(num_images, self.encoder.latent_dim, seed))

    # The networks may run in half precision; what is made of their outputs is float32.

    def _posterior(self, images, training):
        if self.corruption:
            images = self.corruption(images, training=training)
        z_mean, z_log_var = self.encoder(images, training=training)
        return ops.cast(z_mean, "float32"), ops.cast(z_log_var, "float32")

    def _logits(self, z, training):
        return ops.cast(self.decoder(z, training=training), "float32")

    # ------------------------------------------------------------------------ saving

    _PARTS: tuple[str, ...] = (
        "encoder",
        "decoder",
        "likelihood",
        "prior",
        "objective",
        "corruption",
    )

    def get_config(self):
        parts = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in self._PARTS
        }
        if not self.corruption:
            del parts["corruption"]  # models are saved as before there was any
        return {**super().get_config(), **parts, "beta": self.beta, "seed": self.seed}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in cls._PARTS:
            config[name] = keras.saving.deserialize_keras_object(config.get(name), custom_objects)
        return cls(**config)
