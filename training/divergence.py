"""Divergence: stops a training when a loss or a variable is no longer finite.

The mean of a loss since the epoch began is infinite or NaN once the loss of one image is; it is
checked after every call of the loop, which counts the steps after which each mean was finite, and
so gives the first that was not. No later state is written: the files of a run are those of its
last finite epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

import runs
from training.loop import CompiledLoop

_SUMS = ("loss", "objective")  # of the other losses


class Diverged(Exception):
    """Raised when a loss or a variable is no longer finite.

    Args:
        quantity: name of the non-finite quantity, such as ``"the loss (its kl)"``.
        step: the training step, counted from 1.
        moment: the moment in words, such as ``"in step 3, of epoch 1"``.
        is_after_step: whether the quantity depends on the weights after the step.
    """

    def __init__(self, quantity: str, step: int, moment: str, is_after_step: bool = True):
        super().__init__(quantity)
        self.quantity = quantity
        self.step = step
        self.moment = moment
        self.is_after_step = is_after_step

    def describe(self, record: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
        """Returns one line: what diverged, which files remain, the likely cause, what to type.

        Args:
            record: run.json.
            settings: flags by name.
        """
        if self.step == 1 and not self.is_after_step:
            cause = (
                "before the first step, so the weight of a loss or the initial weights are most "
                "likely too large; type a smaller --beta, --l2 or --init_stddev, or a larger "
                "--pixel_stddev"
            )
        else:
            cause = (
                "the steps are most likely too large; type a smaller --learning_rate than "
                f"{settings['learning_rate']:g}"
            )
        files = "no model was saved before"
        if record.get("epochs_done"):
            last, best = runs.CHECKPOINTS["last"], runs.CHECKPOINTS["best"]
            files = f"{last} is of epoch {record['epochs_done']}, before it"
            files += f", and {best} of epoch {record['best']['epoch']}" if record["best"] else ""
        event = f"{self.quantity} is not a finite number {self.moment}"
        return f"{event} ({files}): {cause}, and --overwrite"


class StopAtDivergence(keras.callbacks.Callback):
    """Raises ``Diverged`` after a call of a loop in which a mean is no longer finite.

    Also after an epoch if a variable is not. Must come before the callbacks that keep the results
    of an epoch.

    Args:
        loop: over training steps.
        test_loop: over test steps.
    """

    def __init__(self, loop: CompiledLoop, test_loop: CompiledLoop):
        super().__init__()
        self.loop = loop
        self.test_loop = test_loop

    def on_train_batch_end(self, batch, logs=None):
        if not _all_finite(logs):
            step, names = self.loop.find_first_nonfinite()
            epoch = (step - 1) // self.loop.batches.steps_per_epoch + 1
            moment = f"in step {step:,}, of epoch {epoch:,}"
            raise Diverged(_name_loss(names), step, moment, is_after_step=False)

    def on_test_batch_end(self, batch, logs=None):
        if not _all_finite(logs):
            _, names = self.test_loop.find_first_nonfinite()
            step = self.loop.position
            raise Diverged(_name_loss(names), step, f"in the validation after step {step:,}")

    def on_epoch_end(self, epoch, logs=None):
        check_variables(self.model, self.loop.position)


def check_variables(model: keras.Model, step: int) -> None:
    """Raises ``Diverged`` if a variable of a model or of its optimizer is not finite.

    The loss of a step is computed with the weights before the step, so it shows neither the
    weights after the last step nor the optimizer's variables.

    Args:
        model: compiled.
        step: the last step done.
    """
    for variable in (*model.variables, *model.optimizer.variables):
        if "float" in variable.dtype and not np.isfinite(np.asarray(variable)).all():
            raise Diverged(variable.path, step, f"after step {step:,}")


def _all_finite(logs: Mapping[str, Any] | None) -> bool:
    return all(np.isfinite(float(value)) for value in (logs or {}).values())


def _name_loss(names: tuple[str, ...]) -> str:
    parts = [name for name in names if name not in _SUMS]
    return f"the loss (its {' and '.join(parts)})" if parts else "the loss"
