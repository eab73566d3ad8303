"""The activations of hidden layers, as layers: some have a slope to learn."""

from __future__ import annotations

from typing import Any

import keras

NAMES = ("tanh", "relu", "elu", "leaky_relu", "prelu")


def make(activation: str, num_dims: int, **kwargs: Any) -> keras.layers.Layer:
    """Returns a new layer of the named activation.

    Args:
        activation: one of ``NAMES``. A leaky ReLU's slope is 0.3 below zero (Keras' own), a
            PReLU's begins at 0.25 and is learned, one for each feature (He et al., 2015).
        num_dims: of its inputs beside the batch; features are the last.
        kwargs: of every Keras layer.
    """
    if activation == "prelu":
        quarter = keras.initializers.Constant(0.25)
        places = list(range(1, num_dims)) or None  # height and width share a slope
        return keras.layers.PReLU(alpha_initializer=quarter, shared_axes=places, **kwargs)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.3, **kwargs)
    return keras.layers.Activation(activation, **kwargs)
