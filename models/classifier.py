"""A classifier on latent variables, and the two losses that it can be trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.mlp import HiddenLayer


@keras.saving.register_keras_serializable(package="models")
class Classifier(keras.Model):
    """z to a logit for every class: fully connected layers with PReLU between them.

    Args:
        num_classes: how many classes there are.
        hidden_dims: units of each hidden layer, in order.
        loss: ``"softmax"``: p(y|z) is one categorical distribution. ``"sigmoid"``: a
            Bernoulli distribution for each class, whether the image is of it or not; an
            image may then be of several classes, or of none.
        seed: of nothing random while it trains; kept as every network has one.
    """

    def __init__(
        self,
        num_classes: int,
        hidden_dims: Sequence[int] = (3, 6),
        loss: str = "softmax",
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_dims = tuple(hidden_dims)
        self.loss_name = loss
        self.seed = seed
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.hidden = [
            HiddenLayer(units, "prelu", 0.0, seed, name=f"{self.name}_hidden_{index}", **shared)
            for index, units in enumerate(self.hidden_dims, start=1)
        ]
        self.logits = keras.layers.Dense(num_classes, name="logits", **shared)

    def build(self, input_shape):
        num_features = input_shape[-1]
        for layer in self.hidden:
            layer.build((None, num_features))
            num_features = layer.units
        self.logits.build((None, num_features))
        super().build(input_shape)

    def call(self, z):
        """Returns logits, float32 (batch, num_classes).

        Args:
            z: (batch, latent_dim).
        """
        features = z
        for layer in self.hidden:
            features = layer(features)
        return ops.cast(self.logits(features), "float32")

    def log_loss(self, logits, labels):
        """Returns −log p(y|z) in nats, (batch,).

        With l the logits and y the label, softmax: log Σ_k exp l_k − l_y. Sigmoid, summed
        over classes: log(1 + exp(−l_k)) for k = y, and log(1 + exp l_k) for the others. In
        forms that stay finite whatever l.

        Args:
            logits: (batch, num_classes).
            labels: integers, (batch,). What is returned for one below 0 means nothing.
        """
        is_class = ops.one_hot(ops.maximum(labels, 0), self.num_classes)
        if self.loss_name == "softmax":
            return -ops.sum(is_class * ops.log_softmax(logits, axis=-1), axis=-1)
        return ops.sum(ops.softplus(logits * (1 - 2 * is_class)), axis=-1)

    def probabilities(self, logits):
        """Returns p(y|z), (batch, num_classes) in [0, 1].

        With softmax they add up to 1; with sigmoid each stands for itself.
        """
        return ops.softmax(logits) if self.loss_name == "softmax" else ops.sigmoid(logits)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "hidden_dims": list(self.hidden_dims),
            "loss": self.loss_name,
            "seed": self.seed,
        }
