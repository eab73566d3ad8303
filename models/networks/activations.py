"""Activations of hidden layers, as layers because some have learned parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def make(activation: str, num_dims: int, **kwargs: Any) -> keras.layers.Layer:
    """Returns a new layer of the named activation.

    Args:
        activation: one of ``catalog.networks.ACTIVATIONS``. The slope of leaky ReLU below zero is
            0.3, Keras' default; that of PReLU starts at 0.25 and is learned, one for each feature
            (He et al., 2015); GELU is x·Φ(x) with the exact normal Φ (Hendrycks and Gimpel,
            2016), SiLU x·sigmoid(x).
        num_dims: number of axes of its inputs besides the batch; features are the last.
        kwargs: as for every Keras layer.
    """
    if activation == "prelu":
        quarter = keras.initializers.Constant(0.25)
        places = list(range(1, num_dims)) or None  # height and width share a slope
        return keras.layers.PReLU(alpha_initializer=quarter, shared_axes=places, **kwargs)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.3, **kwargs)
    return keras.layers.Activation(activation, **kwargs)


def for_each(activation: str | Sequence[str], num_layers: int) -> list[str]:
    """Returns the activation of each layer, given one for all layers or one for each.

    Raises:
        ValueError: if it is neither one nor ``num_layers`` of them.
    """
    names = [activation] if isinstance(activation, str) else list(activation)
    if len(names) not in (1, num_layers):
        raise ValueError(
            f"Received activation={activation}. Expected one, or one for each of the "
            f"{num_layers} hidden layers."
        )
    return names * num_layers if len(names) == 1 else names
