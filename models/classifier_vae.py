"""A VAE with a jointly trained classifier on z."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.image_model import check_labels
from models.networks.classifier import Classifier
from models.terms import Terms
from models.vae import VAE


def build(parts: Mapping[str, Any], settings: Mapping[str, Any]) -> ClassifierVAE:
    """Returns the model of these parts, which ``models.build`` made of the flags."""
    classifier = Classifier(
        settings["num_classes"],
        settings["classifier_dims"],
        settings["classifier_loss"],
        seed=settings["seed"],
        name="classifier",
    )
    num_labels = settings["num_labels"]
    return ClassifierVAE(
        **parts,
        classifier=classifier,
        classifier_weight=settings["classifier_weight"],
        images_per_label=settings["num_train"] / num_labels if num_labels else 1.0,
        name="classifier_vae",
    )


@keras.saving.register_keras_serializable(package="models")
class ClassifierVAE(VAE):
    """A VAE with a classifier on z, whose loss is added to reconstruction and KL.

    For image i with the label y_i, and z_i ~ q(z|x_i):

        loss_i = −log p(x_i|z_i) + β · KL(q(z|x_i) ‖ p(z)) + w · s_i · c_i,
        c_i = −log p(y_i|z_i), or 0 where y_i is not known;
        s_i = N / N_l in training, 1 otherwise, or 0 where y_i is not known.

    N is the number of training images, N_l that of labeled ones. The mean of loss_i over all N
    training images is therefore the mean of reconstruction + β · KL, plus w times the mean of c
    over the N_l labeled images: the balance does not depend on the number of labels. The mean
    over a batch, even one without labels, is an unbiased estimate.

    Trained on batches of (images, labels); labels are integers, −1 for an unlabeled image.
    Without labels, all images count as unlabeled.

    Args:
        encoder, decoder, likelihood, prior, beta, objective, beta_schedule, seed, corruption: as
            in ``VAE``.
        classifier: z to logits of the classes.
        classifier_weight: w; the weight of the reconstruction is 1.
        images_per_label: N / N_l.
    """

    reported = (*VAE.reported, "classification", "accuracy")
    uses_labels = True

    def __init__(
        self,
        encoder,
        decoder,
        classifier: Classifier,
        *args: Any,
        classifier_weight: float = 30.0,
        images_per_label: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(encoder, decoder, *args, **kwargs)
        self.classifier = classifier
        self.classifier_weight = classifier_weight
        self.images_per_label = images_per_label

    def build(self, input_shape):
        if not self.classifier.built:
            self.classifier.build((None, self.encoder.latent_dim))
        super().build(input_shape)

    def check_batch(self, images, labels=None) -> None:
        """Raises ValueError unless the model can be trained on these images and labels."""
        super().check_batch(images, labels)
        if labels is not None:
            check_labels(labels, self.classifier.num_classes)

    def terms(self, batch, num_samples: int = 1, training: bool = False) -> Terms:
        """Returns the terms of the evidence lower bound and those of the classifier.

        ``reported`` has ``classification`` (c_i) and ``accuracy`` (1 if y_i has the highest
        probability, else 0); ``weights`` are the s_i.

        Args:
            batch: (images, labels), or images alone: (batch, height, width, channels) in [0, 1],
                and integers (batch,), −1 for an unlabeled image.
            num_samples, training: as in ``VAE``.
        """
        images, labels = _split(batch)
        terms = super().terms(images, num_samples, training)
        labeled = ops.cast(labels >= 0, "float32")
        weights = labeled * (self.images_per_label if training else 1.0)
        log_losses = self.classifier.log_loss(self.classifier(terms.z), labels)  # (k, batch)
        classification = labeled * ops.mean(log_losses, axis=0)
        predicted = ops.argmax(self.classifier(terms.posterior.mean), axis=-1)
        correct = ops.cast(predicted == ops.cast(labels, predicted.dtype), "float32")
        return terms._replace(
            added=self.classifier_weight * (weights * classification),
            reported={"classification": classification, "accuracy": correct},
            weights=weights,
        )

    def classify(self, images):
        """Returns p(y|z) at the posterior mean, (batch, num_classes) in [0, 1].

        With the sigmoid loss the probabilities need not add up to 1.

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        return self.classify_z(self.encode(images).mean)

    def classify_z(self, z):
        """Returns p(y|z), (batch, num_classes) in [0, 1].

        Args:
            z: (batch, latent_dim).
        """
        return self.classifier.probabilities(self.classifier(z))

    _PARTS = (*VAE._PARTS, "classifier")

    def get_config(self):
        return {
            **super().get_config(),
            "classifier_weight": self.classifier_weight,
            "images_per_label": self.images_per_label,
        }


def _split(batch):
    """Returns images and labels; −1 for images that come without labels."""
    if isinstance(batch, tuple | list):
        return batch
    return batch, ops.full((ops.shape(batch)[0],), -1, dtype="int32")
