"""A convolutional encoder, and a decoder that mirrors it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from models.networks import activations, layers
from models.networks.convolutions import (
    Convolution,
    NetworkError,
    TransposedConvolution,
    convolved,
)


def build(outputs_shape: Sequence[int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the encoder and the decoder that the flags describe, not built yet."""
    count = len(settings["filters"])
    sizes = {
        name: for_each(settings[name], count)
        for name in ("filters", "kernel_sizes", "strides", "paddings", "activation")
    }
    flags = {**sizes, **{name: settings[name] for name in layers.LAYER_FLAGS}}
    encoder = Encoder(settings["latent_dim"], name="encoder", **flags)
    decoder = Decoder(
        outputs_shape,
        dense_dims=settings["decoder_dims"],
        dense_strides=for_each(settings["decoder_strides"], count),
        name="decoder",
        **flags,
    )
    return {"encoder": encoder, "decoder": decoder}


def for_each(values: Sequence[Any], count: int) -> tuple[Any, ...]:
    """Returns a value for each of ``count`` layers, given one for all layers or one for each."""
    return tuple(values) * count if len(values) == 1 else tuple(values)


@keras.saving.register_keras_serializable(package="models.conv")
class Encoder(layers.GaussianEncoder):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian.

    Args:
        latent_dim: dimensions of z.
        filters: of each convolution, in order.
        kernel_sizes, strides: of each convolution, the same in both directions.
        paddings: of each: ``"same"``, for outputs of size ⌈size / stride⌉, or rows and columns of
            zeros on every side.
        activation: after each convolution: one of ``ACTIVATIONS``, or one for each.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __init__(
        self,
        latent_dim: int,
        filters: Sequence[int] = (32, 64),
        kernel_sizes: Sequence[int] = (3, 3),
        strides: Sequence[int] = (2, 2),
        paddings: Sequence[int | str] = ("same", "same"),
        activation: str | Sequence[str] = "relu",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        dtype = self.dtype_policy.name
        names = activations.for_each(activation, len(filters))
        sizes = zip(filters, kernel_sizes, strides, paddings, names, strict=True)
        self.convolutions = [
            Convolution(*of_one, name=f"{self.name}_{index}", dtype=dtype, **self.layer_flags)
            for index, of_one in enumerate(sizes, start=1)
        ]
        self.flatten = keras.layers.Flatten("channels_last", dtype=dtype)
        self.make_z(latent_dim)

    def layers_before_z(self):
        """Returns the layers whose features the mean and the log-variance are computed from."""
        return [*self.convolutions, self.flatten]


@keras.saving.register_keras_serializable(package="models.conv")
class Decoder(layers.OutputsDecoder):
    """The network in p(x|z): the encoder's convolutions transposed, in reverse order.

    z is mapped to features of the height and width of the encoder's last ones. Without
    ``dense_dims``, each transposed convolution restores the input size of its convolution, and the
    last one gives the logits. With ``dense_dims``, hidden layers of these sizes give features with
    one channel; then come transposed convolutions with ``dense_strides``, and a fully connected
    layer that gives the logits.

    Args:
        image_shape: (height, width, channels) of the outputs; more channels than the images have
            if the likelihood needs them.
        filters, kernel_sizes, strides, paddings, activation: those of the encoder, in its order.
            Features of equal size have the same activation.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
        dense_dims: units of fully connected layers before the convolutions; the last must be
            height · width of the encoder's last features.
        dense_strides: of the transposed convolutions after ``dense_dims``; if empty, the
            encoder's, from its last to its first.

    Raises:
        NetworkError: if the sizes do not fit each other or the images.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        filters: Sequence[int] = (32, 64),
        kernel_sizes: Sequence[int] = (3, 3),
        strides: Sequence[int] = (2, 2),
        paddings: Sequence[int | str] = ("same", "same"),
        activation: str | Sequence[str] = "relu",
        dense_dims: Sequence[int] = (),
        dense_strides: Sequence[int] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        dtype = self.dtype_policy.name
        _check_sizes(image_shape, filters, kernel_sizes, strides, paddings)
        names = activations.for_each(activation, len(filters))
        levels = list(zip(kernel_sizes, strides, paddings, strict=True))
        sizes = _find_sizes(image_shape, levels)
        channels = filters[-1]
        if dense_dims:
            channels = 1
            steps = tuple(dense_strides) or tuple(strides[::-1])
            _check_dense(sizes[-1], dense_dims)
        self.dense = [
            self.make_dense(units, f"dense_{index}")
            for index, units in enumerate(dense_dims or [math.prod(sizes[-1]) * channels], start=1)
        ]
        self.dense_activations = [
            activations.make(names[-1], 1, name=f"dense_activation_{index}", dtype=dtype)
            for index in range(1, len(self.dense) + 1)
        ]
        self.to_features = keras.layers.Reshape((*sizes[-1], channels), dtype=dtype)
        # Arguments of each transposed convolution: filters, kernel size, stride, padding, size of
        # the outputs, activation, dropout.
        transposed: list[tuple[Any, ...]] = []
        kernels = dict(self.layer_flags)
        dropout = kernels.pop("dropout")
        if dense_dims:
            size = sizes[-1]
            for count, kernel_size, step, name in zip(
                filters, kernel_sizes[::-1], steps, names[::-1], strict=True
            ):
                size = (size[0] * step, size[1] * step)
                transposed.append((count, kernel_size, step, "same", size, name, dropout))
        else:
            for index in reversed(range(len(levels))):
                count, name, rate = filters[index - 1], names[index - 1], dropout
                if index == 0:  # the logits
                    count, name, rate = image_shape[2], None, 0.0
                transposed.append((count, *levels[index], sizes[index], name, rate))
        self.convolutions = [
            TransposedConvolution(*of_one, name=f"{self.name}_{index}", dtype=dtype, **kernels)
            for index, of_one in enumerate(transposed, start=1)
        ]
        self.flatten: Any = None
        self.logits: Any = None
        if dense_dims:
            self.flatten = keras.layers.Flatten("channels_last", dtype=dtype)
            self.logits = self.make_dense(math.prod(image_shape), "logits")
        self.to_image = keras.layers.Reshape(tuple(image_shape), dtype=dtype)

    def layers_from_z(self):
        """Returns all layers in the order in which they are applied."""
        pairs = zip(self.dense, self.dense_activations, strict=True)
        last = [self.flatten, self.logits] if self.logits is not None else []
        dense = [layer for pair in pairs for layer in pair]
        return [*dense, self.to_features, *self.convolutions, *last, self.to_image]


def _check_sizes(image_shape: Sequence[int], *of_each: Sequence[Any]) -> None:
    """Raises NetworkError for another shape than an image's, or unequal numbers of sizes."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise NetworkError(
            f"image_shape is {tuple(image_shape)}: expected (height, width, channels), each at "
            "least 1"
        )
    counts = [len(values) for values in of_each]
    if min(counts) < 1 or len(set(counts)) > 1:
        raise NetworkError(
            "expected one value for each convolution, found {} filters, {} kernel_sizes, {} "
            "strides and {} paddings".format(*counts)
        )


def _find_sizes(
    image_shape: Sequence[int], levels: Sequence[tuple[int, int, int | str]]
) -> list[tuple[int, int]]:
    """Returns (height, width) of the images, then after each convolution."""
    sizes = [(image_shape[0], image_shape[1])]
    for level in levels:
        height, width = sizes[-1]
        sizes.append((convolved(height, *level), convolved(width, *level)))
    return sizes


def _check_dense(smallest: tuple[int, int], dense_dims: Sequence[int]) -> None:
    """Raises NetworkError if the last fully connected layer does not fit the smallest features."""
    if dense_dims[-1] != math.prod(smallest):
        raise NetworkError(
            f"the decoder's last fully connected layer has {dense_dims[-1]} units. Expected "
            f"{math.prod(smallest)}: the convolutions leave {smallest[0]}×{smallest[1]}"
        )
