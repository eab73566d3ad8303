"""The fully connected encoder and decoder of Kingma and Welling (2014), appendix C."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="models")
class Encoder(keras.Model):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian (equation 9).

    Args:
        latent_dim: dimensions of z.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers, by its Keras name.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dims: Sequence[int] = (500,),
        activation: str = "tanh",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.flatten = keras.layers.Flatten()
        self.hidden = _hidden_layers(self.hidden_dims, activation)
        self.z_mean = keras.layers.Dense(latent_dim, name="z_mean")
        self.z_log_var = keras.layers.Dense(latent_dim, name="z_log_var")

    def build(self, input_shape):
        self.flatten.build(input_shape)
        num_pixels = math.prod(input_shape[1:])
        num_features = _build_chain(self.hidden, num_pixels)
        self.z_mean.build((None, num_features))
        self.z_log_var.build((None, num_features))
        super().build(input_shape)

    def call(self, images, training=False):
        """Returns (z_mean, z_log_var), each (batch, latent_dim).

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        features = self.flatten(images)  # (batch, height·width·channels)
        for layer in self.hidden:
            features = layer(features)
        return self.z_mean(features), self.z_log_var(features)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "hidden_dims": list(self.hidden_dims),
            "activation": self.activation,
        }


@keras.saving.register_keras_serializable(package="models")
class Decoder(keras.Model):
    """The network in p(x|z): latent variables to a logit for every pixel (equation 11).

    Args:
        image_shape: (height, width, channels) of the images.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers, by its Keras name.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int] = (500,),
        activation: str = "tanh",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.hidden = _hidden_layers(self.hidden_dims, activation)
        self.logits = keras.layers.Dense(math.prod(self.image_shape), name="logits")
        self.reshape = keras.layers.Reshape(self.image_shape)

    def build(self, input_shape):
        num_features = _build_chain(self.hidden, input_shape[-1])
        self.logits.build((None, num_features))
        self.reshape.build((None, math.prod(self.image_shape)))
        super().build(input_shape)

    def call(self, z, training=False):
        """Returns logits, (batch, height, width, channels).

        Args:
            z: (batch, latent_dim).
        """
        features = z
        for layer in self.hidden:
            features = layer(features)
        return self.reshape(self.logits(features))

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "hidden_dims": list(self.hidden_dims),
            "activation": self.activation,
        }


def _hidden_layers(hidden_dims: Sequence[int], activation: str) -> list[keras.layers.Dense]:
    return [
        keras.layers.Dense(units, activation=activation, name=f"hidden_{index}")
        for index, units in enumerate(hidden_dims, start=1)
    ]


def _build_chain(layers: Sequence[keras.layers.Dense], num_features: int) -> int:
    """Builds each layer on the one before; returns the features the last one gives."""
    for layer in layers:
        layer.build((None, num_features))
        num_features = layer.units
    return num_features
