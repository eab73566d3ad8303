"""Encoder and decoder networks: a module in ``models/networks`` for each kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from catalog.flags import Flag
from catalog.values import SIZE, Choice, Number, Several

ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu", "prelu", "gelu", "silu")


class Network(NamedTuple):
    """A kind of encoder and decoder.

    Attributes:
        module: in ``models/networks``. A preset is another name for the same module with other
            defaults.
        description: one line for the help text.
        flags: that it reads, with its defaults.
        layers: the flag that has one value per layer; empty if no flag has.
        per_layer: flags that have one value, or as many as ``layers``.
        has_convolutions: whether it has convolutions, for which XLA needs other settings.
    """

    module: str
    description: str
    flags: tuple[Flag, ...]
    layers: str
    per_layer: tuple[str, ...]
    has_convolutions: bool

    def with_defaults(self, description: str, **defaults: object) -> Network:
        """Returns a preset: the same network with other defaults."""
        assert defaults.keys() <= {flag.name for flag in self.flags}
        flags = (flag.with_default(defaults.get(flag.name, flag.default)) for flag in self.flags)
        return self._replace(description=description, flags=tuple(flags))


_ACTIVATION = Flag(
    "activation",
    Several(Choice(ACTIVATIONS)),
    ("tanh",),
    "activation of all hidden layers, or of each in the encoder (reversed in the decoder)",
    "act-",
)
_DROPOUT = Flag(
    "dropout", Number(float, 0, 0.99), 0.0, "fraction of hidden units dropped in training", "do"
)
_HIDDEN_DIM = Flag(
    "hidden_dim",
    Several(SIZE),
    (500,),
    "units of each hidden layer of the encoder (reversed in the decoder)",
    is_common=True,  # without abbreviation: every name has it
)
_CONVOLUTIONS = (
    Flag("filters", Several(SIZE), (32, 64), "filters of each convolution", "f", is_common=True),
    Flag("kernel_sizes", Several(SIZE), (3,), "kernel size of each convolution, or of all", "k"),
    Flag("strides", Several(SIZE), (2,), "stride of each convolution, or of all", "st"),
    Flag(
        "paddings",
        Several(Number(int, 0, 10**6), words=("same",)),
        ("same",),
        "zero padding of each convolution, or of all: rows and columns on every side",
        "pad",
    ),
    Flag(
        "decoder_dims",
        Several(SIZE, may_be_empty=True),
        (),
        "units of fully connected layers before the decoder's convolutions; the last has one unit "
        "for each position of the smallest feature map",
        "dd",
    ),
    Flag(
        "decoder_strides",
        Several(SIZE, may_be_empty=True),
        (),
        "strides of the decoder's convolutions, with --decoder_dims",
        "ds",
    ),
)
_CONV = Network(
    "conv",
    "convolutions, mirrored in the decoder",
    (*_CONVOLUTIONS, _ACTIVATION.with_default(("relu",)), _DROPOUT),
    layers="filters",
    per_layer=("activation", "kernel_sizes", "strides", "paddings", "decoder_strides"),
    has_convolutions=True,
)
_RESNET = (
    Flag(
        "width",
        Number(int, 1, 4096),
        32,
        "filters at the images' resolution; twice as many after each halving, at most four times",
        "w",
        is_common=True,
    ),
    Flag("num_blocks", Number(int, 1, 100), 1, "residual blocks at each resolution", "nb"),
    Flag(
        "num_halvings",
        Number(int, 0, 20),
        None,
        "how often height and width are halved (default: until 4 to 7 rows or columns remain)",
        "nh",
    ),
)

NETWORKS = {
    "mlp": Network(
        "mlp",
        "fully connected hidden layers",
        (_HIDDEN_DIM, _ACTIVATION, _DROPOUT),
        layers="hidden_dim",
        per_layer=("activation",),
        has_convolutions=False,
    ),
    "conv": _CONV,
    "conv_prelu": _CONV.with_defaults(
        "three convolutions with PReLU on padded images (28 → 18 → 11 → 7)",
        filters=(22, 43, 64),
        kernel_sizes=(2, 2, 5),
        strides=(2, 2, 1),
        paddings=(4, 2, 0),
        activation=("prelu",),
    ),
    "conv_leaky": _CONV.with_defaults(
        "three convolutions with leaky ReLU and dropout, dense layers at both ends of the decoder",
        filters=(64, 64, 64),
        kernel_sizes=(4,),
        strides=(2, 2, 1),
        decoder_dims=(24, 49),
        decoder_strides=(2, 1, 1),
        activation=("leaky_relu",),
        dropout=0.2,
    ),
    "resnet": Network(
        "resnet",
        "residual convolutions with group normalization, for 16 to 128 pixels, gray or color",
        (*_RESNET, _ACTIVATION.with_default(("silu",)), _DROPOUT),
        layers="",
        per_layer=("activation",),
        has_convolutions=True,
    ),
}


class Chosen(NamedTuple):
    """What ``--network auto`` chooses.

    Attributes:
        network: a key of ``NETWORKS``.
        flags: the sizes that it sets; others keep the network's defaults.
        reason: in words.
    """

    network: str
    flags: dict[str, Any]
    reason: str


AUTO = "auto"
_MLP_VALUES = 32 * 32  # of an image: gray images of 28×28 or 32×32 pixels, color ones of 18×18
# Longest side → width, with which a step takes 2 to 3 times as long for twice the side.
_WIDTHS = {32: 32, 64: 16, 128: 8}
_LEAST = 16  # of the shorter side, for resnet
_CONV_SIDE = 8  # the longer side that conv's last features may have


def choose(image_shape: Sequence[int]) -> Chosen:
    """Returns the network for images of a shape (height, width, channels).

    Small images have a fully connected network, images of 16 to 128 pixels a residual one whose
    width falls with their size, and all others convolutions that halve them until 8 pixels remain.
    """
    height, width, channels = image_shape
    size = f"{height}×{width} pixels, {'gray' if channels == 1 else 'color'}"
    if height * width * channels <= _MLP_VALUES:
        reason = f"{size}: at most {_MLP_VALUES:,} values per image"
        return Chosen("mlp", {}, reason)
    longest = max(height, width)
    if min(height, width) >= _LEAST and longest <= max(_WIDTHS):
        filters = next(filters for side, filters in _WIDTHS.items() if longest <= side)
        reason = f"{size}: {_LEAST} to {max(_WIDTHS)} pixels"
        return Chosen("resnet", {"width": filters}, reason)
    halvings = max(1, math.ceil(math.log2(longest / _CONV_SIDE)))
    filters_of_each = tuple(min(32 * 2**level, 256) for level in range(halvings))
    reason = f"{size}: not {_LEAST} to {max(_WIDTHS)} pixels, which resnet is for"
    return Chosen("conv", {"filters": filters_of_each}, reason)
