"""Residual convolutional networks for images of 16 to 128 pixels, with group normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models.networks import activations, layers
from models.networks.convolutions import Convolution

SMALLEST = 8  # features are halved as long as their longer side is at least this: 4 to 7 remain
WIDEST = 4  # filters double with each halving, up to this multiple of the first ones
CHANNELS_PER_GROUP = 16  # the best of table 3 in Wu and He (2018)


def build(outputs_shape: Sequence[int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the encoder and the decoder that the flags describe, not built yet."""
    num_halvings = settings["num_halvings"]
    if num_halvings is None:
        num_halvings = count_halvings(outputs_shape)
    sizes = {name: settings[name] for name in ("width", "num_blocks", *layers.LAYER_FLAGS)}
    flags = {**sizes, "num_halvings": num_halvings, "activation": settings["activation"][0]}
    return {
        "encoder": Encoder(settings["latent_dim"], name="encoder", **flags),
        "decoder": Decoder(outputs_shape, name="decoder", **flags),
    }


def count_halvings(image_shape: Sequence[int]) -> int:
    """Returns how often images are halved by default: until 4 to 7 rows or columns are left."""
    size, count = max(image_shape[:2]), 0
    while size >= SMALLEST:
        size, count = -(-size // 2), count + 1
    return count


def count_filters(width: int, num_halvings: int) -> list[int]:
    """Returns the filters at each resolution, from that of the images to the smallest."""
    return [width * min(2**level, WIDEST) for level in range(num_halvings + 1)]


@keras.saving.register_keras_serializable(package="models.resnet")
class GroupNormalization(keras.layers.GroupNormalization):
    """Group normalization (Wu and He, 2018) with 16 channels per group; else a single group.

    It uses the statistics of one image. Batch normalization would use those of all images in the
    batch in training, and of all training images later: the loss of an image would depend on the
    images beside it, q(z|x) would be a function of the batch, and the evidence lower bound of a
    trained model would not be the one that was trained. Wu and He show that group normalization
    does not depend on the batch size either.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{"groups": 1, **kwargs})

    def build(self, input_shape):
        channels = input_shape[-1]
        divides = channels % CHANNELS_PER_GROUP == 0
        self.groups = channels // CHANNELS_PER_GROUP if divides else 1
        super().build(input_shape)


@keras.saving.register_keras_serializable(package="models.resnet")
class ResidualBlock(keras.layers.Layer):
    """Adds to its input two 3×3 convolutions, each after normalization and activation.

    The order is that of He et al. (2016, Identity Mappings in Deep Residual Networks), with dropout
    between the convolutions (Zagoruyko and Komodakis, 2016).

    Args:
        filters: of the input, and of both convolutions.
        activation: one of ``catalog.networks.ACTIVATIONS``.
        dropout, seed, initializer, init_stddev: see ``HiddenLayer``.
    """

    def __init__(
        self,
        filters: int,
        activation: str,
        dropout: float = 0.0,
        seed: int = 0,
        initializer: str = "glorot_uniform",
        init_stddev: float = 0.001,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        dtype = self.dtype_policy.name
        kernels: Any = {"seed": seed, "initializer": initializer, "init_stddev": init_stddev}
        self.chain: list[keras.layers.Layer] = []
        for index, rate in ((1, dropout), (2, 0.0)):
            self.chain += [
                GroupNormalization(name=f"normalize_{index}", dtype=dtype),
                activations.make(activation, 3, name=f"activate_{index}", dtype=dtype),
                Convolution(
                    filters,
                    3,
                    1,
                    "same",
                    None,
                    rate,
                    name=f"{self.name}_{index}",
                    dtype=dtype,
                    **kernels,
                ),
            ]

    def build(self, input_shape):
        layers.build_chain(self.chain, input_shape)

    def call(self, features):
        """Returns features of the same shape."""
        return features + layers.apply_chain(self.chain, features)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="models.resnet")
class Doubling(keras.layers.Layer):
    """Repeats each row and column once: nearest-neighbor upsampling, cropped to a size.

    With a convolution after it, every output is computed with the same weights. In a transposed
    convolution with stride 2, neighbors are computed with different weights of the kernel, which
    shows as a checkerboard (Odena, Dumoulin and Olah, 2016).

    Args:
        size: (height, width) of the outputs, at most twice those of the inputs.
    """

    def __init__(self, size: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, features):
        """Returns (batch, *size, channels)."""
        height, width = self.size
        repeated = ops.repeat(ops.repeat(features, 2, axis=1), 2, axis=2)
        return repeated[:, :height, :width]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])


class _Residual(layers.Network):
    """The base class of both networks: its layers' common arguments.

    Args:
        width: filters at the images' resolution; twice as many after each halving, up to four
            times as many.
        num_blocks: residual blocks at each resolution.
        num_halvings: of height and width, which are rounded up.
        activation: one of ``catalog.networks.ACTIVATIONS``.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def make_blocks(self, level: int, filters: int, num_blocks: int, activation: str):
        """Returns the residual blocks of one resolution."""
        return [
            ResidualBlock(
                filters,
                activation,
                name=f"{self.name}_{level}_{index}",
                dtype=self.dtype_policy.name,
                **self.layer_flags,
            )
            for index in range(1, num_blocks + 1)
        ]

    def make_convolution(self, name: str, filters: int, stride: int = 1) -> Convolution:
        """Returns a 3×3 convolution without activation and dropout."""
        kernels = {**self.layer_flags, "dropout": 0.0}
        dtype = self.dtype_policy.name
        return Convolution(filters, 3, stride, "same", None, name=name, dtype=dtype, **kernels)

    def make_end(self, activation: str) -> keras.layers.Layer:
        """Returns the activation after the last block.

        Without normalization before it: that would remove from the features of an image how bright
        and how even it is.
        """
        return activations.make(activation, 3, name="activate", dtype=self.dtype_policy.name)


@keras.saving.register_keras_serializable(package="models.resnet")
class Encoder(layers.GaussianEncoder, _Residual):
    """q(z|x): a convolution, then residual blocks at each resolution, halved by convolutions.

    Args:
        latent_dim: dimensions of z.
        width, num_blocks, num_halvings, activation: see ``_Residual``.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __init__(
        self,
        latent_dim: int,
        width: int = 32,
        num_blocks: int = 1,
        num_halvings: int = 2,
        activation: str = "silu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.features: list[keras.layers.Layer] = []
        for level, filters in enumerate(count_filters(width, num_halvings)):
            name, stride = f"{self.name}_{level}", 2 if level else 1
            self.features.append(self.make_convolution(name, filters, stride))
            self.features += self.make_blocks(level, filters, num_blocks, activation)
        self.end = self.make_end(activation)
        self.flatten = keras.layers.Flatten("channels_last", dtype=self.dtype_policy.name)
        self.make_z(latent_dim)

    def layers_before_z(self):
        """Returns the layers whose features the mean and the log-variance are computed from."""
        return [*self.features, self.end, self.flatten]


@keras.saving.register_keras_serializable(package="models.resnet")
class Decoder(layers.OutputsDecoder, _Residual):
    """The network in p(x|z): residual blocks at each resolution, from the smallest to the images'.

    z is mapped to features of the smallest resolution. Between two resolutions, rows and columns
    are repeated, and a convolution follows (see ``Doubling``).

    Args:
        image_shape: (height, width, channels) of the outputs; more channels than the images have
            if the likelihood needs them.
        width, num_blocks, num_halvings, activation: those of the encoder; see ``_Residual``.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        width: int = 32,
        num_blocks: int = 1,
        num_halvings: int = 2,
        activation: str = "silu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        dtype = self.dtype_policy.name
        height, columns, channels = image_shape
        filters = count_filters(width, num_halvings)
        sizes = [
            (-(-height // 2**level), -(-columns // 2**level)) for level in range(num_halvings + 1)
        ]
        smallest = (*sizes[-1], filters[-1])
        self.dense = self.make_dense(math.prod(smallest), "dense")
        self.to_features = keras.layers.Reshape(smallest, dtype=dtype)
        self.features: list[keras.layers.Layer] = []
        for level in reversed(range(num_halvings + 1)):
            if level < num_halvings:
                self.features += [
                    Doubling(sizes[level], name=f"doubling_{level}", dtype=dtype),
                    self.make_convolution(f"{self.name}_{level}", filters[level]),
                ]
            self.features += self.make_blocks(level, filters[level], num_blocks, activation)
        self.end = self.make_end(activation)
        self.outputs_of_pixels = self.make_convolution("logits", channels)

    def layers_from_z(self):
        """Returns all layers in the order in which they are applied."""
        first = [self.dense, self.to_features]
        return [*first, *self.features, self.end, self.outputs_of_pixels]
