"""The discretized logistic likelihood: probabilities of the 256 values of an 8-bit pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.continuous_bernoulli import log_mean_decay, sum_powers
from models.likelihoods.gaussian_learned import bound
from models.likelihoods.likelihood import Likelihood

STEP = 1 / 255  # between neighboring values of 8-bit pixels in [0, 1]
LOWEST = -7.0 - math.log(2)  # bound of log s; −7 for pixels in [−1, 1], as in PixelCNN++
_ARTANH = (1, 1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11)  # of artanh(u) / u in powers of u²


def build(settings: Mapping[str, Any]) -> DiscretizedLogistic:
    """Returns the likelihood; it reads no flags."""
    return DiscretizedLogistic()


@keras.saving.register_keras_serializable(package="models")
class DiscretizedLogistic(Likelihood):
    """Every channel of a pixel has the probability of an interval of a logistic distribution.

    Kingma et al. (2016, Improving Variational Inference with Inverse Autoregressive Flow),
    appendix C. With F(t) = sigmoid((t − m) / s), the value x = k / 255 has the probability
    F(x + 1/510) − F(x − 1/510); black has F(1/510) and white 1 − F(1 − 1/510), so that the 256
    probabilities add up to 1. The decoder gives m = (1 + output) / 2, which may lie outside of
    [0, 1], and s; ``gaussian_learned.bound`` keeps log s above −7 − log 2. Pixels that are not on
    the grid k / 255 count as the nearest value that is.
    """

    outputs_per_channel = 2  # the means of all channels, then the unbounded log s of all channels

    def log_prob(self, images, outputs):
        """Returns log p(x|z), of a probability, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, (…, batch, height, width, 2·channels).
        """
        mean, raw = ops.split(outputs, 2, axis=-1)
        return ops.sum(log_prob_of_values(images, mean / 2, raw), axis=(-3, -2, -1))

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], (…, batch, height, width, channels); see ``clipped_mean``."""
        mean, raw = ops.split(outputs, 2, axis=-1)
        return clipped_mean(mean / 2, raw)


def log_prob_of_values(images, mean, raw):
    """Returns the log-probability of each value, of the shape that the arguments broadcast to.

    With a and b, the ends of the value's interval minus m, divided by s:

        log(σ(b) − σ(a)) = log σ(b) + log σ(−a) + log(1 − exp(a − b)),

    in which no difference of nearly equal numbers occurs. Only the first term is left for black
    pixels and only the second for white ones.

    Args:
        images: values in [0, 1].
        mean: m − ½.
        raw: unbounded; log s before ``gaussian_learned.bound``.
    """
    log_scale = bound(raw, LOWEST)
    rate = ops.exp(-log_scale)
    values = ops.round(images / STEP)
    deviations = values * STEP - 0.5 - mean
    below_end = -ops.softplus((-deviations - STEP / 2) * rate)  # log σ(b)
    above_start = -ops.softplus((deviations - STEP / 2) * rate)  # log σ(−a)
    # b − a = width / s = δ; log(1 − exp(−δ)) = log δ + log((1 − exp(−δ)) / δ)
    log_width = math.log(STEP) - log_scale + log_mean_decay(STEP * rate)
    is_black, is_white = values < 0.5, values > 254.5
    inside = ops.where(is_black | is_white, 0.0, log_width)
    return ops.where(is_white, 0.0, below_end) + ops.where(is_black, 0.0, above_start) + inside


def clipped_mean(mean, raw):
    """Returns the mean of the logistic distribution clipped to [0, 1].

    It is ∫₀¹ 1 − F(t) dt = s·(softplus(m / s) − softplus((m − 1) / s)). The mean of the 256 values
    is a sum over the same function at the middle of 255 intervals. The two differ by less than a
    hundredth of a step between values for s of a step or more, and never by more than half a step.

    Args:
        mean: m − ½.
        raw: unbounded; log s before ``gaussian_learned.bound``.
    """
    rate = ops.exp(-bound(raw, LOWEST))
    start, end = (mean + 0.5) * rate, (mean - 0.5) * rate
    # For s > 1 the difference loses digits. It equals 1/2s + 2·artanh(u), where u = tanh(m' / 2s) ·
    # tanh(1 / 4s) and m' = m − ½. As |u| < ¼, a power series gives all digits. ``near`` and ``far``
    # keep 1/s within the range of each.
    near, far = ops.clip(rate, 1e-6, 1.0), ops.maximum(rate, 1.0)
    product = ops.tanh(mean * rate / 2) * ops.tanh(near / 4)
    smooth = 0.5 + 2 * product * sum_powers(ops.square(product), _ARTANH) / near
    sharp = (_softplus(start) - _softplus(end)) / far
    return ops.clip(ops.where(rate < 1, smooth, sharp), 0.0, 1.0)


def _softplus(values):
    """Returns log(1 + exp(values)) without overflow in any runtime that a model is exported to."""
    return ops.relu(values) + ops.log(1 + ops.exp(-ops.abs(values)))
