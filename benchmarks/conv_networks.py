"""The sizes of two networks of ``catalog/networks.py``, for their copies in other frameworks.

For images of 28×28×1. An activation follows each layer, and dropout each convolution, except the
layers of z_mean, z_log_var and the logits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

LATENT = 10
FEATURES = (7, 7, 64)  # the last features of both encoders


class Layer(NamedTuple):
    """A fully connected layer (inputs, outputs), or a convolution.

    A convolution's kernel is (height, width, inputs, outputs); one of a decoder is
    transposed, and its kernel (height, width, outputs, inputs).
    """

    kernel: tuple[int, ...]
    stride: int = 1


class Network(NamedTuple):
    """The layers in order; z_mean and z_log_var follow the encoder's last."""

    encoder: dict[str, Layer]
    decoder: dict[str, Layer]
    slope: float  # of the ReLU, below zero
    dropout: float

    @property
    def layers(self) -> dict[str, Layer]:
        """All layers by name."""
        to_latent = Layer((math.prod(FEATURES), LATENT))
        return {**self.encoder, "mean": to_latent, "log_var": to_latent, **self.decoder}


NETWORKS = {
    "conv": Network(
        {"conv1": Layer((3, 3, 1, 32), 2), "conv2": Layer((3, 3, 32, 64), 2)},
        {
            "dense1": Layer((LATENT, math.prod(FEATURES))),
            "back1": Layer((3, 3, 32, 64), 2),
            "back2": Layer((3, 3, 1, 32), 2),
        },
        slope=0.0,
        dropout=0.0,
    ),
    "conv_leaky": Network(
        {
            "conv1": Layer((4, 4, 1, 64), 2),
            "conv2": Layer((4, 4, 64, 64), 2),
            "conv3": Layer((4, 4, 64, 64)),
        },
        {
            "dense1": Layer((LATENT, 24)),
            "dense2": Layer((24, 7 * 7)),
            "back1": Layer((4, 4, 64, 1), 2),
            "back2": Layer((4, 4, 64, 64)),
            "back3": Layer((4, 4, 64, 64)),
            "logits": Layer((14 * 14 * 64, 28 * 28)),
        },
        slope=0.3,
        dropout=0.2,
    ),
}


def initial_weights(network: str) -> dict[str, np.ndarray]:
    """Returns Glorot-uniform kernels, the same for all frameworks; biases are 0."""
    generator = np.random.default_rng(0)
    weights = {}
    for name, layer in NETWORKS[network].layers.items():
        *window, first, second = layer.kernel
        limit = math.sqrt(6 / (math.prod(window) * (first + second)))
        weights[name] = generator.uniform(-limit, limit, layer.kernel).astype(np.float32)
    return weights


def layers_of(model: Any) -> list[Any]:
    """Returns a Keras VAE's layers that have a kernel and a bias, in the order of ``layers``."""
    encoder, decoder = model.encoder, model.decoder
    return [
        *(layer.convolve for layer in encoder.convolutions),
        *(encoder.z_mean, encoder.z_log_var),
        *decoder.dense,
        *(layer.convolve for layer in decoder.convolutions),
        *([decoder.logits] if decoder.logits else []),
    ]


def assign_weights(model: Any, network: str) -> None:
    """Assigns ``initial_weights`` to a Keras VAE of that network."""
    for layer, weight in zip(layers_of(model), initial_weights(network).values(), strict=True):
        layer.kernel.assign(weight)
