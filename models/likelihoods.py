"""Likelihoods p(x|z): what the decoder's outputs say about the pixels.

Each has ``log_prob`` and ``mean``. A decoder's outputs are unbounded (logits). They are
layers so that one with parameters to learn is saved with its model.
"""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="models")
class Bernoulli(keras.layers.Layer):
    """Every pixel is black or white, white with probability sigmoid(logit).

    Kingma and Welling (2014), appendix C.1. Grey pixels in [0, 1] are scored by the same
    formula, the expected log-likelihood of pixels drawn with those probabilities; its
    best value is then not 0 but the entropy of the pixels (MNIST: 45.5 nats an image).
    """

    def log_prob(self, images, logits):
        """Returns log p(x|z) in nats, summed over pixels: shape (batch,).

        With l the logit, x·log σ(l) + (1 − x)·log(1 − σ(l)) = x·l − log(1 + exp l), in
        the form that stays finite whatever l: x·l − max(l, 0) − log(1 + exp(−|l|)).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            logits: the decoder's outputs, of the same shape.
        """
        size = ops.abs(logits)
        # (l + |l|) / 2 is max(l, 0), with the right gradient of 1/2 at 0.
        log_normaliser = (logits + size) / 2 + ops.log(1 + ops.exp(-size))
        per_pixel = images * logits - log_normaliser
        return ops.sum(per_pixel, axis=(1, 2, 3))

    def mean(self, logits):
        """Returns E[x|z] in [0, 1], of the shape of the logits."""
        return ops.sigmoid(logits)
