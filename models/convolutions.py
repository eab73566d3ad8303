"""A convolution as a layer of a network, and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models import activations, initializers, noise
from models.dropout import Dropout


class NetworkError(ValueError):
    """The sizes do not fit each other or the images; the message is one line for the user."""


@keras.saving.register_keras_serializable(package="models")
class Convolution(keras.layers.Layer):
    """A convolution, its activation, and dropout on what it gives.

    Args:
        filters, kernel_size, stride, padding, activation, dropout, seed, initializer,
            init_stddev: as of ``conv.Encoder``, of this one.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int,
        padding: int | str,
        activation: str,
        dropout: float,
        seed: int,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.config = {
            "filters": filters,
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "activation": activation,
            "dropout": dropout,
            "seed": seed,
            "initializer": initializer,
            "init_stddev": init_stddev,
        }
        self.zeros = 0 if padding == "same" else int(padding)  # on every side
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.convolve = keras.layers.Conv2D(
            filters,
            kernel_size,
            stride,
            padding="same" if padding == "same" else "valid",
            kernel_initializer=initializers.make(initializer, init_stddev),
            name="convolve",
            **shared,
        )
        self.activate = activations.make(activation, 3, name="activate", **shared)
        own_seed = noise.derive_seed(seed, self.name)
        self.dropout = Dropout(dropout, seed=own_seed, name="dropout", **shared)

    def build(self, input_shape):
        shape = self.convolve.compute_output_shape(self._padded(input_shape))
        self.convolve.build(self._padded(input_shape))
        self.activate.build(shape)
        self.dropout.build(shape)

    def call(self, features, training=False):
        """Returns (batch, height', width', filters)."""
        if self.zeros:
            around = [self.zeros, self.zeros]
            features = ops.pad(features, [[0, 0], around, around, [0, 0]])
        return self.dropout(self.activate(self.convolve(features)), training=training)

    def compute_output_shape(self, input_shape):
        """Returns the shape of ``call``'s result."""
        return self.convolve.compute_output_shape(self._padded(input_shape))

    def _padded(self, shape):
        batch, height, width, channels = shape
        return batch, height + 2 * self.zeros, width + 2 * self.zeros, channels

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="models")
class TransposedConvolution(keras.layers.Layer):
    """The way back through a convolution: from its output's size to its input's.

    Args:
        filters: channels to give.
        kernel_size, stride, padding: of the convolution.
        size: (height, width) to give, the convolution's input.
        activation, dropout, seed, initializer, init_stddev: as of ``conv.Encoder``; no
            activation for logits.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int,
        padding: int | str,
        size: Sequence[int],
        activation: str | None,
        dropout: float,
        seed: int,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.config = {
            "filters": filters,
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "size": list(size),
            "activation": activation,
            "dropout": dropout,
            "seed": seed,
            "initializer": initializer,
            "init_stddev": init_stddev,
        }
        self.size = tuple(size)
        self.zeros = 0 if padding == "same" else int(padding)  # on every side
        shared: dict[str, Any] = {"dtype": self.dtype_policy}
        self.convolve = keras.layers.Conv2DTranspose(
            filters,
            kernel_size,
            stride,
            padding="same" if padding == "same" else "valid",
            kernel_initializer=initializers.make(initializer, init_stddev),
            name="convolve",
            **shared,
        )
        self.activate = activations.make(activation or "linear", 3, name="activate", **shared)
        own_seed = noise.derive_seed(seed, self.name)
        self.dropout = Dropout(dropout, seed=own_seed, name="dropout", **shared)

    def build(self, input_shape):
        shape = self.compute_output_shape(input_shape)
        self.convolve.build(input_shape)
        self.activate.build(shape)
        self.dropout.build(shape)

    def call(self, features, training=False):
        """Returns (batch, *size, filters)."""
        features = self._fit(self.convolve(features))
        return self.dropout(self.activate(features), training=training)

    def _fit(self, features):
        """Cuts off the padding, and adds the rows that the convolution's stride passed over."""
        first, (height, width) = self.zeros, self.size
        features = features[:, first : first + height, first : first + width]
        missing = [size - have for size, have in zip(self.size, features.shape[1:3], strict=True)]
        if any(missing):
            features = ops.pad(features, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
        return features

    def compute_output_shape(self, input_shape):
        """Returns the shape of ``call``'s result."""
        return (input_shape[0], *self.size, self.config["filters"])

    def get_config(self):
        return {**super().get_config(), **self.config}


def convolved(size: int, kernel_size: int, stride: int, padding: int | str) -> int:
    """Returns the height or width that a convolution leaves of one."""
    if padding == "same":
        return -(-size // stride)
    left = (size + 2 * int(padding) - kernel_size) // stride + 1
    if left < 1:
        raise NetworkError(
            f"a convolution with kernel {kernel_size} and padding {padding} has nothing left of "
            f"{size} rows or columns"
        )
    return left
