"""The mixture of discretized logistics: probabilities of 8-bit colors (PixelCNN++)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from models.likelihoods.discretized_logistic import clipped_mean, log_prob_of_values
from models.likelihoods.likelihood import Likelihood


def build(settings: Mapping[str, Any]) -> LogisticMixture:
    """Returns the likelihood with ``num_logistics`` components."""
    return LogisticMixture(settings["num_logistics"])


class _Parameters(NamedTuple):
    """The decoder's outputs by their meaning, each (…, batch, height, width, num_components).

    Attributes:
        logits: of the components.
        means: of each channel, (m − ½)·2 without the channels before.
        raws: unbounded log s of each channel.
        couplings: for each channel, the unbounded coefficients of the channels before.
    """

    logits: Any
    means: list[Any]
    raws: list[Any]
    couplings: list[list[Any]]


@keras.saving.register_keras_serializable(package="models")
class LogisticMixture(Likelihood):
    """Every pixel is distributed as a mixture of discretized logistics, whose channels are coupled.

    Salimans et al. (2017), PixelCNN++, section 2.2. A pixel belongs to component i with probability
    π_i. Given i, each channel is a discretized logistic (see ``DiscretizedLogistic``) whose mean
    depends linearly on the true values of the channels before:

        m_red = μ_red,   m_green = μ_green + α·(red − ½),
        m_blue = μ_blue + β·(red − ½) + γ·(green − ½),

    with coefficients α, β, γ in (−1, 1), by tanh, that the decoder gives for each pixel and
    component. Given z, pixels are independent. Images with one channel have no coefficients.

    Args:
        num_components: of the mixture.
    """

    def __init__(self, num_components: int = 5, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_components = num_components

    def num_outputs(self, channels: int) -> int:
        """Returns the decoder's outputs per pixel: 10 per component for RGB, 3 for gray.

        They are a logit, a mean and a scale per channel, and a coefficient per pair of channels:
        1 + 2·C + C·(C − 1) / 2 = (C + 1)·(C + 2) / 2 for C channels.
        """
        return self.num_components * (channels + 1) * (channels + 2) // 2

    def log_prob(self, images, outputs):
        """Returns log p(x|z), of a probability, in nats, summed over pixels: shape (…, batch).

        Args:
            images: (batch, height, width, channels) in [0, 1].
            outputs: the decoder's outputs, (…, batch, height, width, num_outputs(channels)).
        """
        logits, means, raws, couplings = self._split(outputs)
        values = ops.split(images, len(means), axis=-1)
        log_joint = ops.log_softmax(logits, axis=-1)  # log π_i + Σ log p(channel | those before)
        for channel, value in enumerate(values):
            mean = _couple(means[channel], couplings[channel], values[:channel])
            log_joint += log_prob_of_values(value, mean, raws[channel])
        return ops.sum(ops.logsumexp(log_joint, axis=-1), axis=(-2, -1))

    def mean(self, outputs):
        """Returns E[x|z] in [0, 1], (…, batch, height, width, channels).

        Each component's mean of a channel is ``clipped_mean`` at the means of the channels before.
        It is exact up to rounding for the first channel. For the others it ignores the spread of
        the channels before, which matters only where it reaches beyond black or white.
        """
        logits, means, raws, couplings = self._split(outputs)
        weights = ops.exp(ops.log_softmax(logits, axis=-1))  # Keras' softmax warns of one component
        found: list[Any] = []
        for channel, raw in enumerate(raws):
            mean = _couple(means[channel], couplings[channel], found)
            found.append(clipped_mean(mean, raw))
        by_channel = [ops.sum(weights * of_one, axis=-1, keepdims=True) for of_one in found]
        return ops.clip(ops.concatenate(by_channel, axis=-1), 0.0, 1.0)  # weights are rounded

    def _split(self, outputs) -> _Parameters:
        per_component = outputs.shape[-1] // self.num_components
        channels = (math.isqrt(8 * per_component + 1) - 3) // 2  # the inverse of num_outputs
        logits, *rest = ops.split(outputs, per_component, axis=-1)
        couplings = iter(rest[2 * channels :])
        return _Parameters(
            logits,
            rest[:channels],
            rest[channels : 2 * channels],
            [[next(couplings) for _ in range(channel)] for channel in range(channels)],
        )


def _couple(mean, couplings, values):
    """Returns m − ½ of a channel, given the values of the channels before."""
    shifts = (ops.tanh(raw) * (value - 0.5) for raw, value in zip(couplings, values, strict=True))
    return sum(shifts, mean / 2)
