"""The variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes (2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models import likelihoods, objectives, priors, schedules
from models.distributions import DiagonalGaussian
from models.image_model import ImageModel, check_images, check_z, to_tensor
from models.replicas import mean_over_images
from models.sampling import GaussianSampling
from models.terms import Terms


def build(parts: Mapping[str, Any], settings: Mapping[str, Any]) -> VAE:
    """Returns a VAE of these parts, which ``models.build`` made of the flags."""
    return VAE(**parts, name="vae")


@keras.saving.register_keras_serializable(package="models")
class VAE(ImageModel):
    """An encoder q(z|x), a likelihood p(x|z) on top of a decoder, a prior p(z), an objective.

    ``compile`` needs an optimizer only. ``fit`` takes images, float32 (num_images, height, width,
    channels) in [0, 1], as an array or a batched ``tf.data.Dataset``; it ignores labels.
    ``predict`` returns what ``reconstruct`` does.

    Args:
        encoder: images to ``DiagonalGaussian``; has ``latent_dim``.
        decoder: z to logits of the images' shape, with more channels if the likelihood needs them.
        likelihood: p(x|z); None for ``likelihoods.Bernoulli``.
        prior: p(z); None for ``priors.StandardNormal``.
        beta: weight of the KL (Higgins et al., 2017); 1 gives the evidence lower bound.
        objective: what the optimizer minimizes; None for ``objectives.Elbo``.
        beta_schedule: β at each training step; None for ``schedules.Constant``.
        seed: of the noise in z.
        corruption: a layer applied to the encoder's input in training, or None.
    """

    reported: tuple[str, ...] = ("loss", "reconstruction", "kl")  # metrics of an epoch
    is_variational = True  # q(z|x) is a distribution: there is a KL, and an ELBO
    uses_labels = False  # batches are images, not (images, labels)

    def __init__(
        self,
        encoder,
        decoder,
        likelihood=None,
        prior=None,
        beta=1.0,
        objective=None,
        beta_schedule=None,
        seed=0,
        corruption=None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood or likelihoods.Bernoulli()
        self.prior = prior or priors.StandardNormal()
        self.beta = beta
        self.objective = objective or objectives.Elbo()
        self.beta_schedule = beta_schedule or schedules.Constant()
        self.seed = seed
        self.corruption = corruption
        self.sampling = GaussianSampling(seed, name="sampling")
        is_loss = self.objective.is_loss and type(self.beta_schedule) is schedules.Constant
        names = [*self.reported, *([] if is_loss else ["objective"])]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}

    def build(self, input_shape):
        input_shape = (None, *input_shape[1:])
        latent_shape = (None, self.latent_dim)
        self.prior.connect(self.encoder, input_shape[1:])
        for part, shape in (
            (self.encoder, input_shape),
            (self.decoder, latent_shape),
            (self.prior, (None, self.encoder.latent_dim)),
            (self.sampling, latent_shape),
            (self.corruption, input_shape),
            (self.likelihood, input_shape),
        ):
            if part is not None:
                build_part(part, shape)
        outputs = self.decoder.compute_output_spec(keras.KerasTensor(latent_shape)).shape[1:]
        self.image_shape = input_shape[1:]
        *size, channels = self.image_shape
        expected = (*size, self.likelihood.num_outputs(channels))
        if outputs != expected:
            raise ValueError(
                f"the decoder's outputs are {outputs}: expected {expected} for images of "
                f"{self.image_shape} and {type(self.likelihood).__name__}; create the decoder with "
                f"image_shape={expected}"
            )
        super().build(input_shape)

    @property
    def compares_images(self) -> bool:
        """Whether a training step needs several images of a batch at the same time."""
        return self.objective.compares_images or self.prior.compares_images

    @property
    def latent_dim(self) -> int:
        """Dimensions of z."""
        return self.encoder.latent_dim

    # -------------------------------------------------------- the evidence lower bound

    def terms(self, images, num_samples: int = 1, training: bool = False) -> Terms:
        """Returns the terms of the evidence lower bound, with ``num_samples`` samples z ~ q(z|x).

        ELBO(x) = E[log p(x|z)] − KL(q(z|x) ‖ p(z)): Kingma and Welling (2014), equation 3. The
        loss is −E[log p(x|z)] + β · KL; ``objectives`` computes other bounds from the same terms.

        Args:
            images: (batch, height, width, channels) in [0, 1].
            num_samples: k.
            training: whether layers such as dropout are active. z is sampled either way.
        """
        posterior = self.posterior(images, training)  # q(z|x)
        z = self.sampling(posterior, num_samples=num_samples)  # (k, batch, latent_dim)
        log_p = self.prior.observe(posterior, z) if training else self.prior.log_prob(z)
        return Terms(
            posterior=posterior,
            z=z,
            log_likelihood=self.log_likelihood(images, z, training),  # log p(x|z)
            log_q=posterior.log_prob(z),  # log q(z|x)
            log_p=log_p,  # log p(z)
            kl_by_dimension=self.prior.kl(posterior),  # KL(q(z|x) ‖ p(z)) in closed form, or None
        )

    def log_likelihood(self, images, z, training):
        """Returns log p(x|z) of each sample of z, (k, batch), in nats.

        The decoder sees the k samples of all images as one batch.

        Args:
            images: (batch, height, width, channels) in [0, 1].
            z: (k, batch, latent_dim).
            training: whether layers such as dropout are active.
        """
        num_samples, batch, latent_dim = ops.shape(z)
        outputs = self.decoder_outputs(ops.reshape(z, (-1, latent_dim)), training)
        repeated = ops.tile(images, (num_samples, 1, 1, 1))
        log_prob = self.likelihood.log_prob(repeated, outputs)
        return ops.reshape(log_prob, (num_samples, batch))

    def loss_of(self, terms: Terms):
        """Returns the loss −log p(x|z) + β · KL + what the model adds, in nats, (batch,)."""
        return terms.reconstruction + self.beta * terms.kl + terms.added

    def train_step(self, batch):
        """Takes one step of the optimizer; returns the means since the epoch began, by name."""
        gradients, terms, objective = self.differentiate(batch)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.track(terms, objective)

    def test_step(self, batch):
        """Measures held-out images; z is sampled, nothing is learned."""
        terms = self._terms_of(batch, training=False)
        return self.track(terms, self._bound_of(terms) + terms.added)

    def differentiate(self, batch):
        """Returns the gradients of the objective's mean, the terms, and the objective, (batch,).

        There is one gradient for each trainable variable. If replicas share a batch, their
        gradients add up to those of all images.
        """
        with tf.GradientTape(persistent=True) as tape:
            terms = self._terms_of(batch, training=True)
            bound = self._bound_of(terms)
            objective = bound + terms.added
            scaled = self.optimizer.scale_loss(mean_over_images(objective))
        gradients = tape.gradient(scaled, self.trainable_variables)
        weights = self.objective.path_weights(terms, self._beta())
        if weights is not None:  # of the gradient that reaches q(z|x) through z
            of_bound = tape.gradient(scaled, bound)
            of_z = tape.gradient(bound, terms.z, output_gradients=of_bound)
            more = (weights[..., None] - 1) * of_z
            changes = tape.gradient(terms.z, self.trainable_variables, output_gradients=more)
            gradients = [
                gradient if change is None else gradient + change
                for gradient, change in zip(gradients, changes, strict=True)
            ]
        return gradients, terms, objective

    def _terms_of(self, batch, training):
        """Returns the terms of a batch as Keras passes it, with or without labels."""
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
        if weights is not None:
            raise ValueError("received weights of images: expected none, all have equal weights")
        self.check_batch(images, labels)
        has_labels = self.uses_labels and labels is not None
        batch = (images, labels) if has_labels else images
        return self.terms(batch, self.objective.num_samples, training)

    def predict_step(self, batch):
        """Returns the reconstructions, which ``predict`` collects."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        return self.reconstruct(images)

    def _bound_of(self, terms):
        return self.objective(terms, self._beta())

    def _beta(self):
        return self.beta_schedule(self.optimizer.iterations, self.beta)

    def track(self, terms, objective):
        """Adds a batch to the means since the epoch began; returns them by name."""
        values = {**self._losses_of(terms), "objective": objective}
        for name, tracker in self.trackers.items():
            tracker.update_state(values[name], terms.weights if name in terms.reported else None)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def compute_losses(self, batch, num_samples: int = 1, training: bool = False):
        """Returns the loss and its parts for each image: name → (batch,), losses in nats.

        The names are ``reported``: for a VAE ``loss``, ``reconstruction`` (−log p(x|z)) and
        ``kl``. The arguments are those of ``terms``.
        """
        return self._losses_of(self.terms(batch, num_samples, training))

    def _losses_of(self, terms):
        values = {
            "loss": self.loss_of(terms),
            "reconstruction": terms.reconstruction,
            "kl": terms.kl,
            **terms.reported,
        }
        return {name: values[name] for name in self.reported}

    @property
    def metrics(self):
        """Metrics that Keras resets at the beginning of each epoch."""
        return list(self.trackers.values())

    # --------------------------------------------------------- encoding, decoding, sampling

    def call(self, images, training=False):
        """Returns the decoder's outputs for a sampled z, such as logits of the images' shape."""
        return self.decoder_outputs(self.sampling(self.posterior(images, training))[0], training)

    def encode(self, images) -> DiagonalGaussian:
        """Returns the posterior q(z|x).

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        posterior = self.posterior(images, training=False)
        return DiagonalGaussian(posterior.mean, posterior.log_var)

    def decode(self, z):
        """Returns E[x|z], (batch, height, width, channels) in [0, 1].

        Args:
            z: (batch, latent_dim).
        """
        z = to_tensor(z, "float32")
        check_z(z, self.latent_dim)
        return self.likelihood.mean(self.decoder_outputs(z, training=False))

    def reconstruct(self, images):
        """Returns E[x|z] at the posterior mean, of the shape and range of the images.

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        return self.decode(self.encode(images).mean)

    def sample_prior(self, num_samples: int, seed: int = 0):
        """Returns z ~ p(z), (num_samples, latent_dim); the same for the same seed."""
        if not self.prior.built:
            self.prior.build((None, self.encoder.latent_dim))
        return self.prior.sample(num_samples, seed)

    def generate(self, num_images: int, seed: int = 0):
        """Returns E[x|z] for samples of the prior, (num_images, height, width, channels)."""
        return self.decode(self.sample_prior(num_images, seed))

    def kl_by_dimension(self, posterior: DiagonalGaussian):
        """Returns the KL of each latent dimension, (batch, latent_dim) in nats.

        None if there is no closed form by dimension.
        """
        return self.prior.kl(posterior)

    # The networks may compute in half precision; everything computed from their outputs is float32.

    def posterior(self, images, training) -> DiagonalGaussian:
        """Returns q(z|x) in float32; in training, of the corrupted images."""
        return self.encoder(self.prepare(images, training), training=training).to_float32()

    def prepare(self, images, training):
        """Returns what the encoder sees: images, checked; in training, corrupted."""
        images = to_tensor(images)
        check_images(images, self.image_shape)
        if not self.built:  # Keras builds a model when it is called; fit only calls train_step
            self.build(images.shape)
        return self.corruption(images, training=training) if self.corruption else images

    def decoder_outputs(self, z, training):
        """Returns the decoder's outputs in float32, (batch, height, width, channels).

        Args:
            z: (batch, latent_dim).
        """
        return ops.cast(self.decoder(z, training=training), "float32")

    # ------------------------------------------------------------------------ saving

    _PARTS: tuple[str, ...] = (
        "encoder",
        "decoder",
        "likelihood",
        "prior",
        "objective",
        "beta_schedule",
        "corruption",
    )

    def get_config(self):
        parts = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in self._PARTS
        }
        return {**super().get_config(), **parts, "beta": self.beta, "seed": self.seed}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = _from_earlier_version(config)
        for name in cls._PARTS:
            config[name] = keras.saving.deserialize_keras_object(config.get(name), custom_objects)
        return cls(**config)


def build_part(part: keras.layers.Layer, shape) -> None:
    """Builds a part of a model for inputs of a shape, unless it is built."""
    if not part.built:
        part.build(shape)
    if not part.trainable:  # of a file: Keras has frozen the part, but not its layers,
        part.trainable = True  # and passes on changes only
        part.trainable = False


def _from_earlier_version(config: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a configuration whose objective still has the schedule of β and the L2 penalty."""
    config = dict(config)
    objective = config.get("objective")
    if objective and objective["class_name"] == "Objective":
        config["beta_schedule"] = objective["config"]["beta_schedule"]
        elbo = objectives.Elbo(objective["config"]["free_bits"])
        config["objective"] = keras.saving.serialize_keras_object(elbo)
    return config
