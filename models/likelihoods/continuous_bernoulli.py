"""The continuous Bernoulli likelihood: gray pixels between black and white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models.likelihoods.likelihood import Likelihood


def build(settings: Mapping[str, Any]) -> ContinuousBernoulli:
    """Returns the likelihood; it reads no flags."""
    return ContinuousBernoulli()


@keras.saving.register_keras_serializable(package="models")
class ContinuousBernoulli(Likelihood):
    """Every pixel has a density on [0, 1] proportional to λ^x (1 − λ)^(1 − x).

    Loaiza-Ganem and Cunningham (2019). With the logit l = log(λ / (1 − λ)) the density is
    exp(x·l) / ∫₀¹ exp(t·l) dt, an exponential family whose normalizer is (exp l − 1) / l.
    """

    def log_prob(self, images, outputs):
        """Returns log p(x|z), a density, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's logits, of the same shape.
        """
        # x·l − log ∫₀¹ exp(t·l) dt = (x − ½)·l − |l|/2 − log((1 − exp(−|l|)) / |l|). No term
        # overflows, and the first two cancel exactly for black or white pixels.
        size = ops.abs(outputs)
        per_pixel = (images - 0.5) * outputs - size / 2 - log_mean_decay(size)
        return ops.sum(per_pixel, axis=(-3, -2, -1))

    def mean(self, outputs):
        """Returns E[x|z] = 1 / (1 − exp(−l)) − 1/l, in [0, 1], of the shape of the logits.

        This is the derivative of the log-normalizer. It differs from λ, which is closer to 0 or 1.
        """
        size = ops.abs(outputs)
        far = ops.maximum(size, 1.0)
        near = ops.minimum(size, 1.0)  # for the power series, as in ``log_prob``
        beyond_half = 1 / (1 - ops.exp(-far)) - 0.5 - 1 / far
        beyond_half = ops.where(size < 1, near * sum_powers(ops.square(near), _MEAN), beyond_half)
        return 0.5 + ops.sign(outputs) * beyond_half


def log_mean_decay(size):
    """Returns log ∫₀¹ exp(−t·size) dt = log((1 − exp(−size)) / size), for size ≥ 0.

    This is 0/0 at 0; near 0 it loses digits, in value and in gradient, so that a power series
    replaces it for size < 1. Gradients flow through both branches of ``where``: ``near`` and
    ``far`` keep the inputs of each within its range.
    """
    far = ops.maximum(size, 1.0)
    near = ops.square(ops.minimum(size, 1.0))
    return ops.where(
        size < 1,
        near * sum_powers(near, _LOG_SINHC) - size / 2,
        ops.log((1 - ops.exp(-far)) / far),
    )


# Taylor coefficients in powers of l²: of log(sinh(l/2) / (l/2)) / l², where sinh(l/2) / (l/2) =
# exp(|l|/2)·(1 − exp(−|l|)) / |l|; and of the derivative of this logarithm, divided by l. The
# omitted terms are below 1e-10 for |l| ≤ 1.
_LOG_SINHC = (1 / 24, -1 / 2880, 1 / 181440, -1 / 9676800, 1 / 479001600, -691 / 15692092416000)
_MEAN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)


def sum_powers(values, coefficients: Sequence[float]):
    """Returns c₀ + c₁·v + c₂·v² + … by Horner's rule."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * values + coefficient
    return total
