"""What the optimiser lowers, where that is not the loss itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops


def choose(settings: Mapping[str, Any]) -> Objective | None:
    """Returns the objective that the flags describe; None for the loss and no more.

    A flag that is missing keeps the default of ``Objective``.
    """
    chosen = {name: settings[name] for name in ("l2",) if settings.get(name)}
    return Objective(**chosen) if chosen else None


@keras.saving.register_keras_serializable(package="models")
class Objective:
    """The loss of an image, and a penalty on the weights.

    objective = loss + ½ · l2 · ‖w‖²

    w is every trainable weight, biases too. Averaged over a batch of m images, this has
    the gradient that Adam with a coupled weight decay of l2 · m sees of a loss *summed*
    over the batch, divided by m: decay .1 on sums over 128 images is l2 = .1/128.

    Args:
        l2: weight of the penalty, at least 0.
    """

    def __init__(self, l2: float = 0.0):
        self.l2 = l2

    def __call__(self, model, parts):
        """Returns the objective of each image in nats, (batch,).

        Args:
            model: its ``weigh`` says how the losses of an image add up.
            parts: what the model's ``compute_parts`` returns.
        """
        objective = model.weigh(sum_dimensions(parts), model.beta)
        if self.l2:
            objective += 0.5 * self.l2 * squared_norm(model.trainable_variables)
        return objective

    def __str__(self):
        return f"loss + {self.l2:g}/2 · ‖w‖²"

    def get_config(self):
        return {"l2": self.l2}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def sum_dimensions(parts):
    """Returns the parts with those by dimension, (batch, latent_dim), summed to (batch,)."""
    return {
        name: part if part.shape.rank == 1 else ops.sum(part, axis=-1)
        for name, part in parts.items()
    }


def squared_norm(weights):
    """Returns ‖w‖², summed over all weights: a scalar."""
    return sum(ops.sum(ops.square(weight)) for weight in weights)
