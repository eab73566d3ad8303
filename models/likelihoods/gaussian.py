"""Pixels with normal noise of a known size: the squared error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.likelihood import Likelihood

LOG_SQRT_2_PI = 0.5 * math.log(2 * math.pi)


def build(settings: Mapping[str, Any]) -> Gaussian:
    """Returns the likelihood with ``pixel_stddev`` for its σ."""
    return Gaussian(settings["pixel_stddev"])


@keras.saving.register_keras_serializable(package="models")
class Gaussian(Likelihood):
    """Every pixel is drawn from N(sigmoid(logit), σ²), σ the same for all and fixed.

    −log p(x|z) = Σ (x − mean)² / 2σ² + D·log(σ·√(2π)) for D pixels: a squared error, weighed
    against the KL by 1 / 2σ², and a constant. With σ² = 1/2, the default, the loss is summed
    squared error + KL + D/2·log π. A small σ does what a small β does.

    The mean is a sigmoid, not the output itself: pixels lie in [0, 1], so no other mean can be
    right, and what is decoded is an image without being cut off. The price: the gradient for a
    logit, (x − m)·m·(1 − m) / σ² with m the mean, fades where m is near 0 or 1 and wrong.

    Args:
        stddev: σ, of pixels in [0, 1].
    """

    def __init__(self, stddev: float = math.sqrt(0.5), **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = stddev

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's logits of the mean, of the same shape.
        """
        deviations = (images - self.mean(outputs)) / self.stddev
        num_pixels = math.prod(images.shape[1:])
        constant = num_pixels * (math.log(self.stddev) + LOG_SQRT_2_PI)
        return -0.5 * ops.sum(ops.square(deviations), axis=(-3, -2, -1)) - constant

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
