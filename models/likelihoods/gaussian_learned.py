"""Pixels with normal noise whose size is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.gaussian import LOG_SQRT_2_PI
from models.likelihoods.likelihood import Likelihood

LOWEST = -6.0  # of log σ: 0.0025, two thirds of a step from one 8-bit grey to the next
FIRST = math.log(0.5)  # no numbers in [0, 1] have a larger standard deviation


def build(settings: Mapping[str, Any]) -> GaussianLearned:
    """Returns the likelihood; it reads no flags."""
    return GaussianLearned()


@keras.saving.register_keras_serializable(package="models")
class GaussianLearned(Likelihood):
    """Every pixel is drawn from N(sigmoid(logit), σ²), σ the same for all and learned.

    The σ-VAE's shared variance (Rybkin, Daniilidis and Levine, 2021), one weight of the model:
    at its best σ² is the mean squared error of a pixel, so that reconstruction and KL are
    weighed by the data and not by hand. They found it to serve better than a variance for each
    pixel, on most of their data. ``bound`` keeps log σ above −6.
    """

    def build(self, input_shape):
        self.raw = self.add_weight(shape=(), initializer="zeros", name="raw_log_stddev")

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's logits of the mean, of the same shape.
        """
        log_stddev = bound(ops.cast(self.raw, outputs.dtype), LOWEST)
        squares = ops.sum(ops.square(images - self.mean(outputs)), axis=(-3, -2, -1))
        num_pixels = math.prod(images.shape[1:])
        constant = num_pixels * (log_stddev + LOG_SQRT_2_PI)
        return -0.5 * squares * ops.exp(-2 * log_stddev) - constant

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)

    def stddev(self):
        """Returns σ as it is now."""
        return ops.exp(bound(self.raw, LOWEST))


def bound(raw, lowest):
    """Returns the log σ of an unbounded number: never below ``lowest``, nearly log ½ for 0.

    log σ = lowest + softplus(raw + log ½ − lowest), a soft bound as the σ-VAE's code has it.
    Without it the density of pixels that are always black has no bound: σ goes to 0 there and
    log p to infinity (Mattei and Frellsen, 2018). Above none is needed: however large σ, −log p
    grows with its logarithm, and a gradient of 1 a pixel leads back.
    """
    return lowest + ops.softplus(raw + (FIRST - lowest))
