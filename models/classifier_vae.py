"""A VAE with a classifier on z, which learns from whatever images are labelled."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras
from keras import ops

from models import lists
from models.build import build_parts
from models.classifier import Classifier
from models.vae import VAE


def build(network: ModuleType, image_shape: tuple[int, int, int], settings: Mapping[str, Any]):
    """Returns the model with the networks of ``network``, in the sizes of ``settings``."""
    parts = build_parts(network, image_shape, settings)
    classifier = Classifier(
        settings["num_classes"],
        lists.split(settings["classifier_dims"]),
        settings["classifier_loss"],
        settings["seed"],
        name="classifier",
    )
    num_labels = settings["num_labels"]
    return ClassifierVAE(
        **parts,
        classifier=classifier,
        beta=settings["beta"],
        classifier_weight=settings["classifier_weight"],
        images_per_label=settings["num_train"] / num_labels if num_labels else 1.0,
        name="classifier_vae",
    )


@keras.saving.register_keras_serializable(package="models")
class ClassifierVAE(VAE):
    """A VAE whose z says the class too: its loss has the classifier's beside the others.

    Trained on batches of (images, labels); the labels are integers, −1 for an image that is
    not labelled, which counts with its reconstruction and KL alone. Of images alone none is
    labelled.

    Args:
        encoder, decoder, likelihood, prior, beta, objective, seed: as of ``VAE``.
        classifier: z to logits of the classes.
        classifier_weight: of the classifier's loss; the reconstruction's is 1.
        images_per_label: N / N_l, training images for each that is labelled. While training,
            a labelled image stands for so many.
    """

    tracked = (*VAE.tracked, "classification", "accuracy")
    uses_labels = True

    def __init__(
        self,
        encoder,
        decoder,
        classifier: Classifier,
        likelihood=None,
        prior=None,
        beta=1.0,
        objective=None,
        classifier_weight=12.0,
        images_per_label=1.0,
        seed=0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, likelihood, prior, beta, objective, seed, **kwargs)
        self.classifier = classifier
        self.classifier_weight = classifier_weight
        self.images_per_label = images_per_label

    def build(self, input_shape):
        if not self.classifier.built:
            self.classifier.build((None, self.encoder.latent_dim))
        super().build(input_shape)

    # ---------------------------------------------------------------- the objective

    def compute_losses(self, batch, training=False):
        """Returns the parts of the objective for each image, in nats.

        Of image i, with z_i ~ q(z|x_i) and y_i its label:

            loss_i = −log p(x_i|z_i) + β · KL(q(z|x_i) ‖ p(z)) + w · s_i · c_i,
            c_i = −log p(y_i|z_i), or 0 where y_i is not known;
            s_i = N / N_l while training, 1 otherwise, or 0 where y_i is not known.

        N / N_l is the number of training images over that of labelled ones. So the mean over
        all N training images is that of reconstruction + β · KL over all of them, plus w
        times the mean of c over the N_l labelled ones: w weighs the two means whatever the
        number of labels. A batch gives an unbiased estimate of it, one without a label too.

        Args:
            batch: (images, labels), or images alone: (batch, height, width, channels) in
                [0, 1], and integers (batch,), −1 where not labelled.
            training: whether layers such as dropout are on. z is sampled either way.

        Returns:
            ``loss``, ``reconstruction``, ``kl``, ``classification`` (c_i) and ``stands_for``
            (s_i); ``accuracy``, 1 where ``classify`` gives y_i the highest probability, else
            0. Each of shape (batch,).
        """
        return super().compute_losses(batch, training)

    def compute_parts(self, batch, training=False):
        """Returns what ``compute_losses`` does but ``loss``; ``kl`` by dimension."""
        images, labels = _split(batch)
        z_mean, z_log_var = self._posterior(images, training)
        z = self.sampling(z_mean, z_log_var)
        labelled = ops.cast(labels >= 0, "float32")
        called = ops.argmax(self.classifier(z_mean), axis=-1)
        return {
            "reconstruction": -self.likelihood.log_prob(images, self._logits(z, training)),
            "kl": self.prior.kl(z_mean, z_log_var),
            "classification": labelled * self.classifier.log_loss(self.classifier(z), labels),
            "stands_for": labelled * (self.images_per_label if training else 1.0),
            "accuracy": ops.cast(called == ops.cast(labels, called.dtype), "float32"),
        }

    def weigh(self, losses, beta):
        """Returns the sum of an image's losses with their weights, (batch,)."""
        of_classifier = losses["stands_for"] * losses["classification"]
        return super().weigh(losses, beta) + self.classifier_weight * of_classifier

    def _track(self, losses):
        for name, tracker in self.trackers.items():
            # Those of the classifier are means over the labelled images.
            of_classifier = name in ("classification", "accuracy")
            tracker.update_state(losses[name], losses["stands_for"] if of_classifier else None)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    # ------------------------------------------------------------- what it is used for

    def classify(self, images):
        """Returns p(y|z) at the posterior's mean z, (batch, num_classes) in [0, 1].

        With the sigmoid loss they need not add up to 1.

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        z_mean, _ = self.encode(images)
        return self.classify_z(z_mean)

    def classify_z(self, z):
        """Returns p(y|z), (batch, num_classes) in [0, 1].

        Args:
            z: (batch, latent_dim).
        """
        return self.classifier.probabilities(self.classifier(z))

    # ------------------------------------------------------------------------ saving

    def get_config(self):
        return {
            **super().get_config(),
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "classifier_weight": self.classifier_weight,
            "images_per_label": self.images_per_label,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        classifier = keras.saving.deserialize_keras_object(config["classifier"], custom_objects)
        return super().from_config({**config, "classifier": classifier}, custom_objects)


def _split(batch):
    """Returns images and labels, −1 for images that come without."""
    if isinstance(batch, tuple | list):
        return batch
    return batch, ops.full((ops.shape(batch)[0],), -1, dtype="int32")
