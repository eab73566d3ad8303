"""Schedules of β: a class in ``models/schedules.py`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import Number


class Schedule(NamedTuple):
    """How β reaches its final value.

    Attributes:
        class_name: in ``models/schedules.py``.
        description: one line for the help text.
        flags: its arguments.
        required: flags that have no default.
    """

    class_name: str
    description: str
    flags: tuple[Flag, ...] = ()
    required: tuple[str, ...] = ()


_START = Flag("beta_start", Number(float, 0), 0.0, "β at the first step", "from")
_STEPS = Flag(
    "beta_steps", Number(int, 1, 10**9), None, "training steps over which β rises", "over"
)
_CYCLES = Flag("beta_cycles", Number(int, 1, 10**6), 4, "number of rises", "times")

BETA_SCHEDULES = {
    "constant": Schedule("Constant", "the same at every step"),
    "linear": Schedule(
        "Linear",
        "rises from --beta_start to --beta over --beta_steps",
        (_START, _STEPS),
        required=("beta_steps",),
    ),
    "cyclical": Schedule(
        "Cyclical",
        "repeats that rise --beta_cycles times, each followed by as many steps at --beta",
        (_START, _STEPS, _CYCLES),
        required=("beta_steps",),
    ),
}
