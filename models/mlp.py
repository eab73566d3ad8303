"""The fully connected encoder and decoder of Kingma and Welling (2014), appendix C."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from models import activations, noise
from models.dropout import Dropout


def build(image_shape: Sequence[int], settings: Mapping[str, Any]) -> tuple[Encoder, Decoder]:
    """Returns the encoder and decoder that the flags describe, not built yet."""
    hidden_dims = [settings["hidden_dim"]] * settings["num_hidden_layers"]
    shared = {name: settings[name] for name in ("activation", "dropout", "seed")}
    return (
        Encoder(settings["latent_dim"], hidden_dims, name="encoder", **shared),
        Decoder(image_shape, hidden_dims, name="decoder", **shared),
    )


@keras.saving.register_keras_serializable(package="models")
class Encoder(keras.Model):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian (equation 9).

    Args:
        latent_dim: dimensions of z.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers, one of ``activations.NAMES``.
        dropout: part of each hidden layer's units set to 0 while training.
        seed: of the dropout's noise.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dims: Sequence[int] = (500,),
        activation: str = "tanh",
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.dropout = dropout
        self.seed = seed
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.hidden = _hidden_layers(self)
        self.z_mean = keras.layers.Dense(latent_dim, dtype=self.dtype_policy, name="z_mean")
        self.z_log_var = keras.layers.Dense(latent_dim, dtype=self.dtype_policy, name="z_log_var")

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
            features = layer(features, training=training)
        return self.z_mean(features), self.z_log_var(features)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "hidden_dims": list(self.hidden_dims),
            "activation": self.activation,
            "dropout": self.dropout,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="models")
class Decoder(keras.Model):
    """The network in p(x|z): latent variables to a logit for every pixel (equation 11).

    Args:
        image_shape: (height, width, channels) of the images.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers, one of ``activations.NAMES``.
        dropout: part of each hidden layer's units set to 0 while training.
        seed: of the dropout's noise.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int] = (500,),
        activation: str = "tanh",
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.dropout = dropout
        self.seed = seed
        self.hidden = _hidden_layers(self)
        self.logits = keras.layers.Dense(
            math.prod(self.image_shape), dtype=self.dtype_policy, name="logits"
        )
        self.reshape = keras.layers.Reshape(self.image_shape, dtype=self.dtype_policy)

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
            features = layer(features, training=training)
        return self.reshape(self.logits(features))

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "hidden_dims": list(self.hidden_dims),
            "activation": self.activation,
            "dropout": self.dropout,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="models")
class HiddenLayer(keras.layers.Layer):
    """A fully connected layer, and dropout on its units.

    Args:
        units: how many.
        activation: one of ``activations.NAMES``.
        dropout, seed: as of ``Dropout``.
    """

    def __init__(self, units: int, activation: str, dropout: float = 0.0, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.dropout_rate = dropout
        self.seed = seed
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.dense = keras.layers.Dense(units, name="dense", **shared)
        self.activate = activations.make(activation, 1, name="activate", **shared)
        own_seed = noise.derive_seed(seed, self.name)
        self.dropout = Dropout(dropout, seed=own_seed, name="dropout", **shared)

    def build(self, input_shape):
        self.dense.build(input_shape)
        self.activate.build((*input_shape[:-1], self.units))
        self.dropout.build((*input_shape[:-1], self.units))

    def call(self, features, training=False):
        """Returns (batch, units)."""
        return self.dropout(self.activate(self.dense(features)), training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "dropout": self.dropout_rate,
            "seed": self.seed,
        }


def _hidden_layers(network: Encoder | Decoder) -> list[HiddenLayer]:
    return [
        HiddenLayer(
            units,
            network.activation,
            network.dropout,
            network.seed,
            dtype=network.dtype_policy,
            name=f"{network.name}_hidden_{index}",
        )
        for index, units in enumerate(network.hidden_dims, start=1)
    ]


def _build_chain(layers: Sequence[HiddenLayer], num_features: int) -> int:
    """Builds each layer on the one before; returns the features the last one gives."""
    for layer in layers:
        layer.build((None, num_features))
        num_features = layer.units
    return num_features
