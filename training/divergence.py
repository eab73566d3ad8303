"""A loss that is not a finite number any more: where that began, and what is left.

Once one image's loss is infinite or NaN, so is the mean since the epoch began, which is seen
after a stack of steps. In which of them it was, and which part of the loss it was, the loop has
counted. Nothing is written from then on: a run's files are those of its last good epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

import runs
from training.loop import CompiledLoop

_SUMS = ("loss", "objective")  # of the other parts


class Diverged(Exception):
    """What is trained is not a finite number any more.

    Args:
        what: is none, such as ``"the loss (its kl)"``.
        step: the first of a training is 1.
        place: where that is, in words.
        taken: whether it is of the weights that this step made, not of those it found.
    """

    def __init__(self, what: str, step: int, place: str, taken: bool = True):
        super().__init__(what)
        self.what = what
        self.step = step
        self.place = place
        self.taken = taken

    def describe(self, record: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
        """Returns one line: what, where, why, what is left and what to type.

        Args:
            record: run.json.
            settings: flags by name.
        """
        if self.step == 1 and not self.taken:
            why = (
                "no step had been taken yet, so a weight of the loss or the network's first "
                "weights are too large, most likely; type --beta, --l2 or --init_stddev smaller, "
                "or --pixel_stddev larger"
            )
        else:
            why = (
                "the steps were too large, most likely; type a smaller --learning_rate than "
                f"{settings['learning_rate']:g}"
            )
        kept = "there is no model of before"
        if record.get("epochs_done"):
            last, best = runs.CHECKPOINTS["last"], runs.CHECKPOINTS["best"]
            kept = f"{last} is of epoch {record['epochs_done']}, before it"
            kept += f", and {best} of epoch {record['best']['epoch']}" if record["best"] else ""
        return f"{self.what} is not a finite number {self.place} ({kept}): {why}, and --overwrite"


class StopAtDivergence(keras.callbacks.Callback):
    """Raises ``Diverged`` after the stack in which a mean is not a finite number any more.

    To come before the callbacks that write.

    Args:
        loop: that trains.
        test_loop: that validates.
    """

    def __init__(self, loop: CompiledLoop, test_loop: CompiledLoop):
        super().__init__()
        self.loop = loop
        self.test_loop = test_loop

    def on_train_batch_end(self, batch, logs=None):
        if not _all_finite(logs):
            step, names = self.loop.find_first_not_finite()
            epoch = (step - 1) // self.loop.batches.steps_per_epoch + 1
            place = f"in step {step:,}, of epoch {epoch:,}"
            raise Diverged(_name_loss(names), step, place, taken=False)

    def on_test_batch_end(self, batch, logs=None):
        if not _all_finite(logs):
            _, names = self.test_loop.find_first_not_finite()
            step = self.loop.position
            raise Diverged(_name_loss(names), step, f"in the validation after step {step:,}")


def check_variables(model: keras.Model, step: int) -> None:
    """Raises ``Diverged`` if a variable of a model or of its optimiser is not finite.

    A loss is that of the weights before its step: those after the last one it does not show,
    nor what the optimiser keeps.

    Args:
        model: compiled.
        step: the last one.
    """
    for variable in (*model.variables, *model.optimizer.variables):
        if "float" in variable.dtype and not np.isfinite(np.asarray(variable)).all():
            raise Diverged(variable.path, step, f"after step {step:,}")


def _all_finite(logs: Mapping[str, Any] | None) -> bool:
    return all(np.isfinite(float(value)) for value in (logs or {}).values())


def _name_loss(names: tuple[str, ...]) -> str:
    parts = [name for name in names if name not in _SUMS]
    return f"the loss (its {' and '.join(parts)})" if parts else "the loss"
