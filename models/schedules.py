"""Schedules of β: its value at every training step.

Each is called with the number of steps done, t, and with the final β, and returns β_t. It has no
state: a resumed run reads t from the optimizer's counter in its checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from catalog.schedules import BETA_SCHEDULES


def build(settings: Mapping[str, Any]) -> Constant:
    """Returns the schedule that the flags describe."""
    row = BETA_SCHEDULES[settings["beta_schedule"]]
    arguments = {flag.name.removeprefix("beta_"): settings[flag.name] for flag in row.flags}
    return globals()[row.class_name](**arguments)


@keras.saving.register_keras_serializable(package="models")
class Constant:
    """β_t = β."""

    last_change = 0  # number of steps after which β no longer changes

    def __call__(self, step, beta):
        """Returns β_t, a scalar.

        Args:
            step: number of training steps done.
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
    """A linear rise (Bowman et al., 2016; Sønderby et al., 2016).

    β_t = (1 − p) · start + p · β, p = min(1, t / steps).

    Args:
        start: β at the first step, at least 0.
        steps: number of steps until β is reached.
    """

    def __init__(self, start: float, steps: int):
        self.start = start
        self.steps = steps
        self.last_change = steps

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
    """Repeated linear rises (Fu et al., 2019, equation 6 with R = ½).

    A cycle is a rise of ``steps`` steps, then as many steps at β; after the last cycle β stays.

    Args:
        start: β at the first step of a cycle, at least 0.
        steps: length of a rise, half a cycle.
        cycles: number of cycles.
    """

    def __init__(self, start: float, steps: int, cycles: int):
        super().__init__(start, steps)
        self.cycles = cycles
        self.last_change = (2 * cycles - 1) * steps

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
