"""A classifier on latent variables, and the two losses that it can be trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.networks import layers


@keras.saving.register_keras_serializable(package="models")
class Classifier(layers.Network):
    """z to a logit for every class: fully connected layers with PReLU between them.

    Args:
        num_classes: number of classes.
        hidden_dims: units of each hidden layer, in order.
        loss: ``"softmax"``: p(y|z) is one categorical distribution. ``"sigmoid"``: a Bernoulli
            distribution for each class, whether the image belongs to it; an image may then
            belong to several classes, or to none.
    """

    def __init__(
        self,
        num_classes: int,
        hidden_dims: Sequence[int] = (64,),
        loss: str = "softmax",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.loss_name = loss
        self.hidden = self.make_hidden(hidden_dims, "prelu")
        self.logits = self.make_dense(num_classes, "logits")

    def build(self, input_shape):
        layers.build_chain([*self.hidden, self.logits], input_shape)
        super().build(input_shape)

    def call(self, z):
        """Returns logits, float32 (…, num_classes).

        Args:
            z: (…, latent_dim).
        """
        features = ops.reshape(z, (-1, z.shape[-1]))
        logits = layers.apply_chain([*self.hidden, self.logits], features)
        return ops.cast(ops.reshape(logits, (-1, *ops.shape(z)[1:-1], self.num_classes)), "float32")

    def log_loss(self, logits, labels):
        """Returns −log p(y|z) in nats, (…, batch).

        With l the logits and y the label, softmax: log Σ_k exp l_k − l_y. Sigmoid, summed over
        classes: log(1 + exp(−l_k)) for k = y, and log(1 + exp l_k) for the others. Both are
        computed in forms that stay finite for any l.

        Args:
            logits: (…, batch, num_classes).
            labels: integers, (batch,). The result for a negative label is meaningless.
        """
        is_class = ops.one_hot(ops.maximum(labels, 0), self.num_classes)
        if self.loss_name == "softmax":
            return -ops.sum(is_class * ops.log_softmax(logits, axis=-1), axis=-1)
        return ops.sum(ops.softplus(logits * (1 - 2 * is_class)), axis=-1)

    def probabilities(self, logits):
        """Returns p(y|z), (…, num_classes) in [0, 1].

        With softmax they add up to 1; with sigmoid they need not.
        """
        return ops.softmax(logits) if self.loss_name == "softmax" else ops.sigmoid(logits)
