"""Schedules of β: its value at every step of the optimiser.

Each is called with the number of steps done, t, and with the final β, and gives β_t. It has
no state: a run that goes on from a checkpoint, which holds the optimiser's counter, goes on
with the very β_t it would have had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from models.table import BETA_SCHEDULES


def choose(settings: Mapping[str, Any]) -> Constant:
    """Returns the schedule that ``beta_schedule`` names; ``Constant`` where it is missing."""
    entry = BETA_SCHEDULES[settings.get("beta_schedule", "constant")]
    schedule = {"Constant": Constant, "Linear": Linear, "Cyclical": Cyclical}[entry.class_name]
    return schedule(**{name.removeprefix("beta_"): settings[name] for name in entry.defaults})


@keras.saving.register_keras_serializable(package="models")
class Constant:
    """β_t = β."""

    def __call__(self, step, beta):
        """Returns β_t, a scalar.

        Args:
            step: steps that the optimiser has done, an integer.
            beta: the final β.
        """
        return beta

    def __str__(self):
        return "constant"

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="models")
class Linear(Constant):
    """From a first β to the final one in equal steps (Bowman et al., 2016; Sønderby et al., 2016).

    β_t = (1 − p) · start + p · β, p = min(1, t / steps).

    Args:
        start: β of the first step, at least 0.
        steps: after how many β is reached.
    """

    def __init__(self, start: float, steps: int):
        self.start = start
        self.steps = steps

    def __call__(self, step, beta):
        """Returns β_t, a scalar."""
        part = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        return (1 - part) * self.start + part * beta

    def __str__(self):
        return f"linear from {self.start:g} in {self.steps:,} steps"

    def get_config(self):
        return {"start": self.start, "steps": self.steps}


@keras.saving.register_keras_serializable(package="models")
class Cyclical(Linear):
    """The linear rise again and again (Fu et al., 2019, equation 6 with R = ½).

    A cycle has ``steps`` steps of the rise and as many at β; after the last, β stays.

    Args:
        start: β of a cycle's first step, at least 0.
        steps: of a rise, half a cycle.
        cycles: how many.
    """

    def __init__(self, start: float, steps: int, cycles: int):
        super().__init__(start, steps)
        self.cycles = cycles

    def __call__(self, step, beta):
        """Returns β_t, a scalar."""
        step = ops.cast(step, "int64")
        in_cycle = ops.mod(step, 2 * self.steps)
        is_over = step >= 2 * self.steps * self.cycles
        return super().__call__(ops.where(is_over, self.steps, in_cycle), beta)

    def __str__(self):
        return f"{self.cycles} times {super().__str__()} and as many at the final β"

    def get_config(self):
        return {**super().get_config(), "cycles": self.cycles}
