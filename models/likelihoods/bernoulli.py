"""The Bernoulli likelihood: black and white pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.likelihoods.likelihood import Likelihood


def build(settings: Mapping[str, Any]) -> Bernoulli:
    """Returns the likelihood; it reads no flags."""
    return Bernoulli()


@keras.saving.register_keras_serializable(package="models")
class Bernoulli(Likelihood):
    """Every pixel is black or white; it is white with probability sigmoid(logit).

    Kingma and Welling (2014), appendix C.1. For gray pixels in [0, 1] the same formula gives the
    expected log-likelihood of black and white pixels drawn with these probabilities. The best
    possible −log p(x|z) is then the entropy of the pixels instead of 0 (MNIST: 45.5 nats per
    image).
    """

    def log_prob(self, images, outputs):
        """Returns log p(x|z) in nats, summed over pixels: shape (…, batch).

        For the logit l, x·log σ(l) + (1 − x)·log(1 − σ(l)) = x·l − log(1 + exp l). This is
        computed as x·l − max(l, 0) − log(1 + exp(−|l|)), which is finite for any finite l.

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's logits, of the same shape.
        """
        size = ops.abs(outputs)
        # (l + |l|) / 2 is max(l, 0), but with a gradient of 1/2 at 0, which makes the total right.
        log_normalizer = (outputs + size) / 2 + ops.log(1 + ops.exp(-size))
        per_pixel = images * outputs - log_normalizer
        return ops.sum(per_pixel, axis=(-3, -2, -1))

    def mean(self, outputs):
        """Returns E[x|z] = sigmoid(logit), in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)
