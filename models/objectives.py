"""What the optimiser lowers, where that is not the loss itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models import schedules
from models.replicas import mean_over_all_images


def choose(settings: Mapping[str, Any]) -> Objective | None:
    """Returns the objective that the flags describe; None for the loss and no more.

    A flag that is missing keeps the default of ``Objective``.
    """
    schedule = schedules.choose(settings)
    chosen = {name: settings[name] for name in ("free_bits", "l2") if settings.get(name)}
    if type(schedule) is schedules.Constant and not chosen:
        return None
    return Objective(schedule, **chosen)


@keras.saving.register_keras_serializable(package="models")
class Objective:
    """The loss, with a β that changes, free bits, and a penalty on the weights.

    objective = −log p(x|z) + β_t · Σ_j max(λ, mean KL_j) + ½ · l2 · ‖w‖²

    KL_j is the KL of dimension j, its mean is over the batch, and λ are the free bits
    (Kingma et al., 2016, equation 15). w is every trainable weight, biases too. Averaged
    over a batch of m images, this has 1/m of the gradient that an optimiser with a coupled
    weight decay of l2 · m sees of a loss *summed* over the batch: a decay of .1 on sums
    over 128 images is l2 = .1/128.

    Args:
        beta_schedule: gives β_t; None for ``schedules.Constant``.
        free_bits: λ, in nats a dimension, at least 0.
        l2: weight of the penalty, at least 0.
    """

    def __init__(self, beta_schedule=None, free_bits: float = 0.0, l2: float = 0.0):
        self.beta_schedule = beta_schedule or schedules.Constant()
        self.free_bits = free_bits
        self.l2 = l2

    def __call__(self, model, parts):
        """Returns the objective of each image in nats, (batch,).

        Args:
            model: compiled; its ``weigh`` says how the losses of an image add up.
            parts: what its ``compute_parts`` returns.
        """
        if self.free_bits:
            parts = {**parts, "kl": raise_to(self.free_bits, parts["kl"])}
        beta = self.beta_schedule(model.optimizer.iterations, model.beta)
        objective = model.weigh(sum_dimensions(parts), beta)
        if self.l2:
            objective += 0.5 * self.l2 * squared_norm(model.trainable_variables)
        return objective

    def __str__(self):
        parts = ["loss"]
        if type(self.beta_schedule) is not schedules.Constant:
            parts.append(f"β {self.beta_schedule}")
        if self.free_bits:
            parts.append(f"KL of a dimension counted as {self.free_bits:g} at least")
        if self.l2:
            parts.append(f"plus {self.l2:g}/2 · ‖w‖²")
        return "; ".join(parts)

    def get_config(self):
        return {
            "beta_schedule": keras.saving.serialize_keras_object(self.beta_schedule),
            "free_bits": self.free_bits,
            "l2": self.l2,
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["beta_schedule"])
        return cls(**{**config, "beta_schedule": schedule})


def raise_to(free_bits, kl):
    """Returns values of which the mean over the batch is max(free_bits, mean KL) by dimension.

    Where a dimension's mean is below, its values are constant: no gradient lowers it more.
    Where replicas share a batch, the mean is over the images of all of them.

    Args:
        free_bits: nats a dimension.
        kl: (batch, latent_dim).

    Returns:
        (batch, latent_dim).
    """
    mean = mean_over_all_images(kl)  # (latent_dim,)
    return ops.where(mean > free_bits, kl, free_bits)


def sum_dimensions(parts):
    """Returns the parts with those by dimension, (batch, latent_dim), summed to (batch,)."""
    return {
        name: part if len(part.shape) == 1 else ops.sum(part, axis=-1)
        for name, part in parts.items()
    }


def squared_norm(weights):
    """Returns ‖w‖², summed over all weights: a scalar."""
    return sum(ops.sum(ops.square(weight)) for weight in weights)
