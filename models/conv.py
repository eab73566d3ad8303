"""A convolutional encoder, and a decoder that goes the same way back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from models import activations, initializers, lists
from models.convolutions import Convolution, NetworkError, TransposedConvolution, convolved


def build(image_shape: Sequence[int], settings: Mapping[str, Any]) -> tuple[Encoder, Decoder]:
    """Returns the encoder and decoder that the flags describe, not built yet.

    Args:
        image_shape: (height, width, channels) that the decoder gives.
        settings: the flags by name.
    """
    filters = lists.split(settings["filters"])
    shared: dict[str, Any] = {
        "filters": filters,
        **{
            name: lists.split(settings[name], len(filters))
            for name in ("kernel_sizes", "strides", "paddings", "activation")
        },
        **{name: settings[name] for name in ("dropout", "seed", "initializer", "init_stddev")},
    }
    dims = lists.split(settings["decoder_dims"])
    steps = lists.split(settings["decoder_strides"], len(filters))
    return (
        Encoder(settings["latent_dim"], name="encoder", **shared),
        Decoder(image_shape, dense_dims=dims, dense_strides=steps, name="decoder", **shared),
    )


@keras.saving.register_keras_serializable(package="models.conv")
class Encoder(keras.Model):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian.

    Args:
        latent_dim: dimensions of z.
        filters: of each convolution, in order.
        kernel_sizes, strides: of each convolution, the same in both directions.
        paddings: of each: ``"same"``, for outputs of size ⌈size / stride⌉, or so many rows
            and columns of zeros on every side.
        activation: after each convolution: one of ``table.ACTIVATIONS``, or one for each.
        dropout: part of each convolution's outputs set to 0 while training.
        seed: of the dropout's noise.
        initializer, init_stddev: of every kernel, as of ``initializers.make``.
    """

    def __init__(
        self,
        latent_dim: int,
        filters: Sequence[int] = (32, 64),
        kernel_sizes: Sequence[int] = (3, 3),
        strides: Sequence[int] = (2, 2),
        paddings: Sequence[int | str] = ("same", "same"),
        activation: str | Sequence[str] = "relu",
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.shape_config: dict[str, Any] = {
            "filters": list(filters),
            "kernel_sizes": list(kernel_sizes),
            "strides": list(strides),
            "paddings": list(paddings),
            "activation": activation,
            "dropout": dropout,
            "seed": seed,
            "initializer": initializer,
            "init_stddev": init_stddev,
        }
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        kernels = {"initializer": initializer, "init_stddev": init_stddev, **shared}
        names = activations.for_each(activation, len(filters))
        self.convolutions = [
            Convolution(*sizes, dropout, seed, name=f"{self.name}_{index}", **kernels)
            for index, sizes in enumerate(
                zip(filters, kernel_sizes, strides, paddings, names, strict=True), start=1
            )
        ]
        self.flatten = keras.layers.Flatten(**shared)
        self.z_mean = _dense(self, latent_dim, "z_mean")
        self.z_log_var = _dense(self, latent_dim, "z_log_var")

    def build(self, input_shape):
        shape = tuple(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.flatten.build(shape)
        num_features = math.prod(shape[1:])
        self.z_mean.build((None, num_features))
        self.z_log_var.build((None, num_features))
        super().build(input_shape)

    def call(self, images, training=False):
        """Returns (z_mean, z_log_var), each (batch, latent_dim).

        Args:
            images: (batch, height, width, channels) in [0, 1].
        """
        features = images
        for convolution in self.convolutions:
            features = convolution(
                features, training=training
            )  # (batch, smaller, smaller, filters)
        features = self.flatten(features)
        return self.z_mean(features), self.z_log_var(features)

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, **self.shape_config}


@keras.saving.register_keras_serializable(package="models.conv")
class Decoder(keras.Model):
    """The network in p(x|z): the encoder's convolutions transposed, in the opposite order.

    z is mapped to features of the size that the encoder ends with. With ``dense_dims`` they
    are of one channel, after hidden layers of those sizes; transposed convolutions with
    ``dense_strides`` follow, and a fully connected layer that gives the logits. Without, each
    transposed convolution leads back to the size that its convolution came from, and the
    last one gives the logits.

    Args:
        image_shape: (height, width, channels) of the outputs; more channels than the images'
            where the likelihood asks for more.
        filters, kernel_sizes, strides, paddings, activation, dropout, seed, initializer,
            init_stddev: the encoder's, in its order: features of one size have one activation.
        dense_dims: units of fully connected layers before the convolutions; the last must be
            height · width of the features where the encoder ends.
        dense_strides: of the transposed convolutions where there are such; the encoder's,
            from its last to its first, if empty.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        filters: Sequence[int] = (32, 64),
        kernel_sizes: Sequence[int] = (3, 3),
        strides: Sequence[int] = (2, 2),
        paddings: Sequence[int | str] = ("same", "same"),
        activation: str | Sequence[str] = "relu",
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        dense_dims: Sequence[int] = (),
        dense_strides: Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.shape_config: dict[str, Any] = {
            "filters": list(filters),
            "kernel_sizes": list(kernel_sizes),
            "strides": list(strides),
            "paddings": list(paddings),
            "activation": activation,
            "dropout": dropout,
            "seed": seed,
            "initializer": initializer,
            "init_stddev": init_stddev,
            "dense_dims": list(dense_dims),
            "dense_strides": list(dense_strides),
        }
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        kernels = {"initializer": initializer, "init_stddev": init_stddev, **shared}
        names = activations.for_each(activation, len(filters))
        levels = list(zip(kernel_sizes, strides, paddings, strict=True))
        sizes = [self.image_shape[:2]]  # of the images, then after each convolution
        for level in levels:
            sizes.append(tuple(convolved(size, *level) for size in sizes[-1]))

        if dense_dims and dense_dims[-1] != math.prod(sizes[-1]):
            raise NetworkError(
                f"the decoder's last fully connected layer has {dense_dims[-1]} units. Expected "
                f"{math.prod(sizes[-1])}: the convolutions leave {sizes[-1][0]}×{sizes[-1][1]}"
            )
        channels = 1 if dense_dims else filters[-1]
        self.dense = [
            _dense(self, units, f"dense_{index}")
            for index, units in enumerate(dense_dims or [math.prod(sizes[-1]) * channels], start=1)
        ]
        self.dense_activations = [
            activations.make(names[-1], 1, name=f"dense_activation_{index}", **shared)
            for index in range(1, len(self.dense) + 1)
        ]
        self.to_features = keras.layers.Reshape((*sizes[-1], channels), **shared)

        # Each of them: filters, kernel, stride, padding, the size to give, activation, dropout,
        # seed.
        way_back: list[Any] = []
        if dense_dims:
            size = sizes[-1]
            steps = dense_strides or strides[::-1]
            for count, kernel_size, step, activation in zip(
                filters, kernel_sizes[::-1], steps, names[::-1], strict=True
            ):
                size = (size[0] * step, size[1] * step)
                way_back.append((count, kernel_size, step, "same", size, activation, dropout, seed))
        else:
            for index in reversed(range(len(levels))):
                where = (*levels[index], sizes[index])
                hidden = (filters[index - 1], *where, names[index - 1], dropout, seed)
                logits = (self.image_shape[2], *where, None, 0.0, seed)
                way_back.append(hidden if index else logits)
        self.convolutions = [
            TransposedConvolution(*settings, name=f"{self.name}_{index}", **kernels)
            for index, settings in enumerate(way_back, start=1)
        ]
        self.flatten: Any = None
        self.logits: Any = None
        if dense_dims:
            self.flatten = keras.layers.Flatten(**shared)
            self.logits = _dense(self, math.prod(self.image_shape), "logits")
        self.to_image = keras.layers.Reshape(self.image_shape, **shared)

    def build(self, input_shape):
        num_features = input_shape[-1]
        for dense, activation in zip(self.dense, self.dense_activations, strict=True):
            dense.build((None, num_features))
            num_features = dense.units
            activation.build((None, num_features))
        self.to_features.build((None, num_features))
        shape = (None, *self.to_features.target_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        if self.logits is not None:
            self.flatten.build(shape)
            self.logits.build((None, math.prod(shape[1:])))
        self.to_image.build((None, math.prod(self.image_shape)))
        super().build(input_shape)

    def call(self, z, training=False):
        """Returns unbounded outputs such as logits, (batch, height, width, channels).

        Args:
            z: (batch, latent_dim).
        """
        features = z
        for dense, activation in zip(self.dense, self.dense_activations, strict=True):
            features = activation(dense(features))
        features = self.to_features(features)
        for convolution in self.convolutions:
            features = convolution(features, training=training)  # (batch, larger, larger, filters)
        if self.logits is not None:
            features = self.logits(self.flatten(features))
        return self.to_image(features)

    def get_config(self):
        return {**super().get_config(), "image_shape": list(self.image_shape), **self.shape_config}


def _dense(network: Encoder | Decoder, units: int, name: str) -> keras.layers.Dense:
    sizes = network.shape_config
    kernel = initializers.make(sizes["initializer"], sizes["init_stddev"])
    return keras.layers.Dense(
        units, kernel_initializer=kernel, dtype=network.dtype_policy, name=name
    )
