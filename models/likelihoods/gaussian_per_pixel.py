"""The Gaussian likelihood with a standard deviation for each pixel, given by the decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.gaussian import LOG_SQRT_2_PI
from models.likelihoods.gaussian_learned import bound
from models.likelihoods.likelihood import Likelihood

LOWEST = -4.0  # bound of log σ: σ = 0.018, nearly five steps between 8-bit gray values


def build(settings: Mapping[str, Any]) -> GaussianPerPixel:
    """Returns the likelihood; it reads no flags."""
    return GaussianPerPixel()


@keras.saving.register_keras_serializable(package="models")
class GaussianPerPixel(Likelihood):
    """Every pixel is distributed as N(sigmoid(logit), σ²), with a σ of its own from the decoder.

    Kingma and Welling (2014), appendix C.2, with the mean in [0, 1]. ``gaussian_learned.bound``
    keeps log σ above −4. This bound is higher than for a shared σ because the gradient of a pixel
    grows with 1/σ². If many pixels hardly vary, log p mostly counts the pixels at the bound, which
    says little about the image (Mattei and Frellsen, 2018).
    """

    outputs_per_channel = 2  # the logits of all channels, then the unbounded log σ of all channels

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, (…, batch, height, width, 2·channels).
        """
        logits, raw = ops.split(outputs, 2, axis=-1)
        log_stddev = bound(raw, LOWEST)
        deviations = (images - ops.sigmoid(logits)) * ops.exp(-log_stddev)
        per_pixel = 0.5 * ops.square(deviations) + log_stddev
        num_pixels = math.prod(images.shape[1:])
        return -ops.sum(per_pixel, axis=(-3, -2, -1)) - num_pixels * LOG_SQRT_2_PI

    def mean(self, outputs):
        """Returns E[x|z] = sigmoid(logit), in [0, 1], (…, batch, height, width, channels)."""
        return ops.sigmoid(ops.split(outputs, 2, axis=-1)[0])
