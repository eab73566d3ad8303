"""Convolutions and transposed convolutions as layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models import noise
from models.networks import activations, initializers
from models.networks.dropout import Dropout


class NetworkError(ValueError):
    """Sizes do not fit each other or the images; the message is one line for the user."""


class _Convolution(keras.layers.Layer):
    """The base class of convolutions: the kernel, the activation, and dropout.

    Args:
        filters, kernel_size, stride: as for Keras' layer.
        padding: ``"same"``, or rows and columns of zeros on every side.
        activation: one of ``catalog.networks.ACTIVATIONS``; None for logits.
        dropout, seed, initializer, init_stddev: see ``HiddenLayer``.
    """

    kind: type[keras.layers.Layer]

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int,
        padding: int | str,
        activation: str | None,
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.zeros = 0 if padding == "same" else int(padding)  # on every side
        dtype = self.dtype_policy.name
        self.convolve = self.kind(
            filters,
            kernel_size,
            stride,
            padding="same" if padding == "same" else "valid",
            kernel_initializer=initializers.make(initializer, init_stddev),
            name="convolve",
            dtype=dtype,
        )
        self.activate = activations.make(activation or "linear", 3, name="activate", dtype=dtype)
        own_seed = noise.derive_seed(seed, self.name)
        self.dropout = Dropout(dropout, seed=own_seed, name="dropout", dtype=dtype)

    def build(self, input_shape):
        shape = self.compute_output_shape(input_shape)
        self.convolve.build(self._padded(input_shape))
        self.activate.build(shape)
        self.dropout.build(shape)

    def _padded(self, shape):
        return shape


@keras.saving.register_keras_serializable(package="models")
class Convolution(_Convolution):
    """A convolution, its activation, and dropout.

    Args:
        filters, kernel_size, stride: as for Keras' layer.
        padding: ``"same"``, for outputs of size ⌈size / stride⌉, or rows and columns of zeros on
            every side.
        activation, dropout, seed, initializer, init_stddev: see ``HiddenLayer``.
    """

    kind = keras.layers.Conv2D

    def call(self, features):
        """Returns (batch, height', width', filters)."""
        if self.zeros:
            around = [self.zeros, self.zeros]
            features = ops.pad(features, [[0, 0], around, around, [0, 0]])
        return self.dropout(self.activate(self.convolve(features)))

    def compute_output_shape(self, input_shape):
        return self.convolve.compute_output_shape(self._padded(input_shape))

    def _padded(self, shape):
        batch, height, width, channels = shape
        return batch, height + 2 * self.zeros, width + 2 * self.zeros, channels


@keras.saving.register_keras_serializable(package="models")
class TransposedConvolution(_Convolution):
    """The transpose of a convolution: from its outputs' size to its inputs' size.

    Args:
        filters: channels of the outputs.
        kernel_size, stride, padding: of the convolution.
        size: (height, width) of the outputs, the convolution's inputs.
        activation, dropout, seed, initializer, init_stddev: see ``HiddenLayer``; no activation
            for logits.
    """

    kind = keras.layers.Conv2DTranspose

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int,
        padding: int | str,
        size: Sequence[int],
        activation: str | None,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, stride, padding, activation, dropout, **kwargs)
        self.size = tuple(size)

    def call(self, features):
        """Returns (batch, *size, filters)."""
        return self.dropout(self.activate(self._fit(self.convolve(features))))

    def _fit(self, features):
        """Crops the padding, and adds rows and columns that the convolution skipped."""
        first, (height, width) = self.zeros, self.size
        features = features[:, first : first + height, first : first + width]
        missing = [size - have for size, have in zip(self.size, features.shape[1:3], strict=True)]
        if any(missing):
            features = ops.pad(features, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
        return features

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, self.filters)


def convolved(size: int, kernel_size: int, stride: int, padding: int | str) -> int:
    """Returns the height or width of a convolution's outputs."""
    if padding == "same":
        return -(-size // stride)
    remaining = (size + 2 * int(padding) - kernel_size) // stride + 1
    if remaining < 1:
        raise NetworkError(
            f"a convolution with kernel {kernel_size} and padding {padding} does not fit "
            f"{size} rows or columns"
        )
    return remaining
