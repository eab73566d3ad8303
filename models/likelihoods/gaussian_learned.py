"""The Gaussian likelihood with a learned standard deviation, shared by all pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.gaussian import LOG_SQRT_2_PI
from models.likelihoods.likelihood import Likelihood

LOWEST = -6.0  # bound of log σ: σ = 0.0025, two thirds of a step between 8-bit gray values
FIRST = math.log(0.5)  # initial log σ: numbers in [0, 1] have no larger standard deviation


def build(settings: Mapping[str, Any]) -> GaussianLearned:
    """Returns the likelihood; it reads no flags."""
    return GaussianLearned()


@keras.saving.register_keras_serializable(package="models")
class GaussianLearned(Likelihood):
    """Every pixel is distributed as N(sigmoid(logit), σ²) with a learned σ shared by all pixels.

    This is the shared variance of the σ-VAE (Rybkin et al., 2021), one weight of
    the model. Its optimum, σ² equal to the mean squared error per pixel, balances reconstruction
    and KL without a weight to tune. On most of the authors' datasets it worked better than a
    variance for each pixel. ``bound`` keeps log σ above −6.
    """

    def build(self, input_shape):
        self.raw = self.add_weight(shape=(), initializer="zeros", name="raw_log_stddev")

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, logits of the mean, of the same shape.
        """
        log_stddev = bound(ops.cast(self.raw, outputs.dtype), LOWEST)
        squares = ops.sum(ops.square(images - self.mean(outputs)), axis=(-3, -2, -1))
        num_pixels = math.prod(images.shape[1:])
        constant = num_pixels * (log_stddev + LOG_SQRT_2_PI)
        return -0.5 * squares * ops.exp(-2 * log_stddev) - constant

    def mean(self, outputs):
        """Returns E[x|z] = sigmoid(logit), in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)

    def stddev(self):
        """Returns the current σ, a scalar."""
        return ops.exp(bound(self.raw, LOWEST))


def bound(raw, lowest):
    """Maps an unbounded number to log σ, which stays above ``lowest``; 0 is mapped close to log ½.

    log σ = lowest + softplus(raw + log ½ − lowest), the soft lower bound in the code of the σ-VAE.
    Without it the likelihood is unbounded: for pixels that are always black, σ → 0 and log p → ∞
    (Mattei and Frellsen, 2018). No upper bound is needed: for large σ, −log p grows like log σ,
    with a gradient of 1 per pixel that lowers σ again.

    Args:
        raw: unbounded, of any shape.
        lowest: the bound.
    """
    return lowest + ops.softplus(raw + (FIRST - lowest))
