"""The fully connected encoder and decoder of Kingma and Welling (2014), appendix C."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from models import activations, initializers, lists, noise
from models.dropout import Dropout


def build(image_shape: Sequence[int], settings: Mapping[str, Any]) -> tuple[Encoder, Decoder]:
    """Returns the encoder and decoder that the flags describe, not built yet.

    Args:
        image_shape: (height, width, channels) that the decoder gives.
        settings: the flags by name.
    """
    hidden_dims = lists.split(settings["hidden_dim"])
    activation = lists.split(settings["activation"])
    shared = {name: settings[name] for name in ("dropout", "seed", "initializer", "init_stddev")}
    there, back = (hidden_dims, activation), (hidden_dims[::-1], activation[::-1])
    return (
        Encoder(settings["latent_dim"], *there, name="encoder", **shared),
        Decoder(image_shape, *back, name="decoder", **shared),
    )


@keras.saving.register_keras_serializable(package="models")
class Encoder(keras.Model):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian (equation 9).

    Args:
        latent_dim: dimensions of z.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers: one of ``table.ACTIVATIONS``, or one for each.
        dropout: part of each hidden layer's units set to 0 while training.
        seed: of the dropout's noise.
        initializer, init_stddev: of every kernel, as of ``initializers.make``.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dims: Sequence[int] = (500,),
        activation: str | Sequence[str] = "tanh",
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.dropout = dropout
        self.seed = seed
        self.initializer = initializer
        self.init_stddev = init_stddev
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.hidden = _hidden_layers(self)
        self.z_mean = _dense(self, latent_dim, "z_mean")
        self.z_log_var = _dense(self, latent_dim, "z_log_var")

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
            "initializer": self.initializer,
            "init_stddev": self.init_stddev,
        }


@keras.saving.register_keras_serializable(package="models")
class Decoder(keras.Model):
    """The network in p(x|z): latent variables to a logit for every pixel (equation 11).

    Args:
        image_shape: (height, width, channels) of the outputs; more channels than the images'
            where the likelihood asks for more.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers: one of ``table.ACTIVATIONS``, or one for each.
        dropout: part of each hidden layer's units set to 0 while training.
        seed: of the dropout's noise.
        initializer, init_stddev: of every kernel, as of ``initializers.make``.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int] = (500,),
        activation: str | Sequence[str] = "tanh",
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.dropout = dropout
        self.seed = seed
        self.initializer = initializer
        self.init_stddev = init_stddev
        self.hidden = _hidden_layers(self)
        self.logits = _dense(self, math.prod(self.image_shape), "logits")
        self.reshape = keras.layers.Reshape(self.image_shape, dtype=self.dtype_policy)

    def build(self, input_shape):
        num_features = _build_chain(self.hidden, input_shape[-1])
        self.logits.build((None, num_features))
        self.reshape.build((None, math.prod(self.image_shape)))
        super().build(input_shape)

    def call(self, z, training=False):
        """Returns unbounded outputs such as logits, (batch, height, width, channels).

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
            "initializer": self.initializer,
            "init_stddev": self.init_stddev,
        }


@keras.saving.register_keras_serializable(package="models")
class HiddenLayer(keras.layers.Layer):
    """A fully connected layer, and dropout on its units.

    Args:
        units: how many.
        activation: one of ``table.ACTIVATIONS``.
        dropout, seed: as of ``Dropout``.
        initializer, init_stddev: of the kernel, as of ``initializers.make``.
    """

    def __init__(
        self,
        units: int,
        activation: str,
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activation
        self.dropout_rate = dropout
        self.seed = seed
        self.initializer = initializer
        self.init_stddev = init_stddev
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.dense = _dense(self, units, "dense")
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
            "initializer": self.initializer,
            "init_stddev": self.init_stddev,
        }


def _dense(network: Encoder | Decoder | HiddenLayer, units: int, name: str) -> keras.layers.Dense:
    kernel = initializers.make(network.initializer, network.init_stddev)
    return keras.layers.Dense(
        units, kernel_initializer=kernel, dtype=network.dtype_policy, name=name
    )


def _hidden_layers(network: Encoder | Decoder) -> list[HiddenLayer]:
    names = activations.for_each(network.activation, len(network.hidden_dims))
    return [
        HiddenLayer(
            units,
            activation,
            network.dropout,
            network.seed,
            network.initializer,
            network.init_stddev,
            dtype=network.dtype_policy,
            name=f"{network.name}_hidden_{index}",
        )
        for index, (units, activation) in enumerate(
            zip(network.hidden_dims, names, strict=True), start=1
        )
    ]


def _build_chain(layers: Sequence[HiddenLayer], num_features: int) -> int:
    """Builds each layer on the one before; returns the features the last one gives."""
    for layer in layers:
        layer.build((None, num_features))
        num_features = layer.units
    return num_features
