"""The Gaussian likelihood with a fixed standard deviation: the squared error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.likelihood import Likelihood

LOG_SQRT_2_PI = 0.5 * math.log(2 * math.pi)


def build(settings: Mapping[str, Any]) -> Gaussian:
    """Returns the likelihood with σ = ``pixel_stddev``."""
    return Gaussian(settings["pixel_stddev"])


@keras.saving.register_keras_serializable(package="models")
class Gaussian(Likelihood):
    """Every pixel is distributed as N(sigmoid(logit), σ²) with a fixed σ, the same for all pixels.

    For D pixels, −log p(x|z) = Σ (x − m)² / 2σ² + D·log(σ·√(2π)), where m = sigmoid(logit): the
    squared error with weight 1 / 2σ² relative to the KL, plus a constant. With the default,
    σ² = 1/2, the loss is summed squared error + KL + D/2·log π. A smaller σ acts like a smaller β.

    The mean is a sigmoid because pixels lie in [0, 1]: decoded images need no clipping. The
    drawback is that the gradient with respect to a logit, (x − m)·m·(1 − m) / σ², vanishes where
    m is close to 0 or 1, even if it is wrong.

    Args:
        stddev: σ, for pixels in [0, 1].
    """

    def __init__(self, stddev: float = math.sqrt(0.5), **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = stddev

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, logits of the mean, of the same shape.
        """
        deviations = (images - self.mean(outputs)) / self.stddev
        num_pixels = math.prod(images.shape[1:])
        constant = num_pixels * (math.log(self.stddev) + LOG_SQRT_2_PI)
        return -0.5 * ops.sum(ops.square(deviations), axis=(-3, -2, -1)) - constant

    def mean(self, outputs):
        """Returns E[x|z] = sigmoid(logit), in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)
