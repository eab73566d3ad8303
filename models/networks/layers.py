"""Building blocks of networks: dense layers, hidden layers, chains of layers, the encoder."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras

from models import noise
from models.distributions import DiagonalGaussian
from models.networks import activations, initializers
from models.networks.dropout import Dropout

_OF_KERAS = ("self", "kwargs", "name", "dtype", "trainable")  # not a network's own arguments
# The flags of every hidden layer and convolution.
LAYER_FLAGS = ("dropout", "seed", "initializer", "init_stddev")


@keras.saving.register_keras_serializable(package="models")
class HiddenLayer(keras.layers.Layer):
    """A fully connected layer, its activation, and dropout.

    Args:
        units: of its outputs.
        activation: one of ``catalog.networks.ACTIVATIONS``.
        dropout, seed: see ``Dropout``.
        initializer, init_stddev: of the kernel; see ``initializers.make``.
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
        dtype = self.dtype_policy.name
        self.dense = keras.layers.Dense(
            units,
            kernel_initializer=initializers.make(initializer, init_stddev),
            dtype=dtype,
            name="dense",
        )
        self.activate = activations.make(activation, 1, name="activate", dtype=dtype)
        own_seed = noise.derive_seed(seed, self.name)
        self.dropout = Dropout(dropout, seed=own_seed, name="dropout", dtype=dtype)

    def build(self, input_shape):
        build_chain([self.dense, self.activate, self.dropout], input_shape)

    def call(self, features):
        """Returns (batch, units)."""
        return self.dropout(self.activate(self.dense(features)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


def build_chain(layers: Sequence[keras.layers.Layer], input_shape: Sequence[int | None]):
    """Builds each layer on the outputs of the one before; returns the last one's output shape."""
    shape = tuple(input_shape)
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return shape


def apply_chain(layers: Sequence[keras.layers.Layer], features):
    """Applies the layers to the features, one after another."""
    for layer in layers:
        features = layer(features)
    return features


class Network(keras.Model):
    """A model whose constructor arguments are its configuration, as for Keras layers.

    Args:
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __new__(cls, *args: Any, **kwargs: Any):
        network = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind(network, *args, **kwargs)
        bound.apply_defaults()
        arguments = {**bound.arguments, **bound.arguments["kwargs"]}
        own = {name: arguments[name] for name in arguments if name not in _OF_KERAS}
        object.__setattr__(network, "_own_config", own)  # Keras' own is not set up yet
        return network

    def __init__(
        self,
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.layer_flags: dict[str, Any] = dict(
            zip(LAYER_FLAGS, (dropout, seed, initializer, init_stddev), strict=True)
        )

    def make_dense(self, units: int, name: str) -> keras.layers.Dense:
        """Returns a fully connected layer without activation."""
        kernel = (self.layer_flags[flag] for flag in ("initializer", "init_stddev"))
        return keras.layers.Dense(
            units,
            kernel_initializer=initializers.make(*kernel),
            dtype=self.dtype_policy.name,
            name=name,
        )

    def make_hidden(
        self, hidden_dims: Sequence[int], activation: str | Sequence[str]
    ) -> list[HiddenLayer]:
        """Returns hidden layers, named after the network.

        Args:
            hidden_dims: units of each.
            activation: of all, or of each.
        """
        names = activations.for_each(activation, len(hidden_dims))
        return [
            HiddenLayer(
                units,
                activation_name,
                **self.layer_flags,
                dtype=self.dtype_policy.name,
                name=f"{self.name}_hidden_{index}",
            )
            for index, (units, activation_name) in enumerate(
                zip(hidden_dims, names, strict=True), start=1
            )
        ]

    def get_config(self):
        return {**super().get_config(), **self._own_config}


class GaussianEncoder(Network):
    """q(z|x): layers, then one dense layer for the mean and one for the log-variance of z.

    A subclass creates its layers, returns them from ``layers_before_z``, and calls ``make_z``.

    Attributes:
        latent_dim: dimensions of z.
    """

    latent_dim: int

    def make_z(self, latent_dim: int) -> None:
        """Makes the two layers that give the mean and the log-variance."""
        self.latent_dim = latent_dim
        self.z_mean = self.make_dense(latent_dim, "z_mean")
        self.z_log_var = self.make_dense(latent_dim, "z_log_var")

    def layers_before_z(self) -> list[keras.layers.Layer]:
        """Returns the layers whose features the mean and the log-variance are computed from."""
        raise NotImplementedError

    def build(self, input_shape):
        features_shape = build_chain(self.layers_before_z(), input_shape)
        self.z_mean.build(features_shape)
        self.z_log_var.build(features_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape):
        shape = (input_shape[0], self.latent_dim)
        return shape, shape

    def call(self, images, with_features=False):
        """Returns the posterior, a ``DiagonalGaussian`` of shape (batch, latent_dim).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            with_features: whether to return (posterior, features), the latter being what its
                parameters are computed from, (batch, num_features).
        """
        features = apply_chain(self.layers_before_z(), images)
        posterior = DiagonalGaussian(self.z_mean(features), self.z_log_var(features))
        return (posterior, features) if with_features else posterior


class OutputsDecoder(Network):
    """The network in p(x|z): layers from z to unbounded outputs such as logits.

    A subclass creates its layers and returns them from ``layers_from_z``.
    """

    def layers_from_z(self) -> list[keras.layers.Layer]:
        """Returns all layers in the order in which they are applied."""
        raise NotImplementedError

    def build(self, input_shape):
        build_chain(self.layers_from_z(), input_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        for layer in self.layers_from_z():
            shape = layer.compute_output_shape(shape)
        return shape

    def call(self, z):
        """Returns unbounded outputs such as logits, (batch, height, width, channels).

        Args:
            z: (batch, latent_dim).
        """
        return apply_chain(self.layers_from_z(), z)
