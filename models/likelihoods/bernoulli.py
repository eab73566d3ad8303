"""Black and white pixels."""

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
    """Every pixel is black or white, white with probability sigmoid(logit).

    Kingma and Welling (2014), appendix C.1. Grey pixels in [0, 1] are scored by the same
    formula, the expected log-likelihood of pixels drawn with those probabilities; its
    best value is then not 0 but the entropy of the pixels (MNIST: 45.5 nats an image).
    """

    def log_prob(self, images, outputs):
        """Returns log p(x|z) in nats, summed over pixels: shape (…, batch).

        With l the logit, x·log σ(l) + (1 − x)·log(1 − σ(l)) = x·l − log(1 + exp l), in
        the form that stays finite whatever l: x·l − max(l, 0) − log(1 + exp(−|l|)).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's logits, of the same shape.
        """
        size = ops.abs(outputs)
        # (l + |l|) / 2 is max(l, 0), with the right gradient of 1/2 at 0.
        log_normaliser = (outputs + size) / 2 + ops.log(1 + ops.exp(-size))
        per_pixel = images * outputs - log_normaliser
        return ops.sum(per_pixel, axis=(-3, -2, -1))

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], of the shape of the logits."""
        return ops.sigmoid(outputs)
