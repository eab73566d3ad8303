"""The base class of likelihoods."""

from __future__ import annotations

from typing import Any

import keras


class Likelihood(keras.layers.Layer):
    """p(x|z), a distribution of pixels whose parameters are computed from the decoder's outputs.

    The outputs are unbounded, ``num_outputs(channels)`` of them for each pixel: (…, batch, height,
    width, num_outputs). Likelihoods are Keras layers, so that their learned parameters are saved
    with the model. They compute in float32, whatever the precision of the networks.

    Attributes:
        outputs_per_channel: number of the decoder's outputs for each channel of a pixel, where it
            does not depend on the number of channels.
    """

    outputs_per_channel = 1

    def __init__(self, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})

    def num_outputs(self, channels: int) -> int:
        """Returns the number of the decoder's outputs for each pixel."""
        return channels * self.outputs_per_channel

    def log_prob(self, images, outputs):
        """Returns log p(x|z) in nats, summed over pixels and channels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, (…, batch, height, width, num_outputs(channels)).
        """
        raise NotImplementedError

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], (…, batch, height, width, channels)."""
        raise NotImplementedError
