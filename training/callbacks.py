"""Training callbacks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import runs
from catalog.metrics import name_columns
from training import private_apis


class RunHistory(keras.callbacks.Callback):
    """Collects the history of a run, and knows its best epoch.

    Args:
        run: already started; its run.json states the epoch of best.keras.
        num_images: number of training images.
        rows: the history so far, of a resumed run.
        seconds: training time so far, in the epoch in which the run is resumed.

    Attributes:
        rows: the history, one row per epoch.
    """

    def __init__(
        self,
        run: runs.Run,
        num_images: int,
        rows: Sequence[dict[str, float]] = (),
        seconds: float = 0.0,
    ):
        super().__init__()
        self.run = run
        self.num_images = num_images
        self.rows = list(rows)
        self.best_epoch = self._find_best_epoch()
        self._began = 0.0
        self._seconds_before = seconds
        self._seconds = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter() - self._seconds_before
        self._seconds_before = 0.0

    def on_test_begin(self, logs=None):
        # The epoch's training steps are done.
        self._seconds = self.seconds_in_epoch()

    def on_epoch_end(self, epoch, logs=None):
        losses = {name: float(value) for name, value in logs.items()}
        losses.setdefault("objective", losses["loss"])  # tracked only if they differ
        self.rows.append(
            {
                "epoch": epoch + 1,
                **{name: losses[name] for name in name_columns() if name in losses},
                "seconds": round(self._seconds, 3),
                "images_per_second": round(self.num_images / self._seconds, 1),
            }
        )
        self.choose_best()

    def seconds_in_epoch(self) -> float:
        """Returns the training time of the current epoch."""
        return time.perf_counter() - self._began

    def best_row(self) -> dict[str, float] | None:
        """Returns the row of the epoch with the lowest validation loss; None before it exists."""
        return self.rows[self.best_epoch - 1] if self.best_epoch else None

    def outcome(self) -> dict[str, Any]:
        """Returns the entries of run.json about the epochs done."""
        best = self.best_row()
        return {"epochs_done": len(self.rows), "best": best and runs.describe_best(best)}

    def choose_best(self) -> None:
        """Makes the last epoch the best if it has the lowest validation loss so far."""
        best = self.best_row()
        loss = self.rows[-1]["val_loss"] if self.rows else np.nan
        if np.isfinite(loss) and (best is None or loss < best["val_loss"]):
            self.best_epoch = len(self.rows)

    def _find_best_epoch(self) -> int | None:
        """Returns the epoch of a resumed run's best.keras.

        None if the run is resumed from a checkpoint before that epoch, which will be trained
        again and may end differently.
        """
        files = self.run.read_record().get("files", {})
        known = files.get(runs.CHECKPOINTS["best"])
        if not known:
            return None
        epoch = known[0]["epoch"]
        if epoch is None:  # written by a version that did not record the epoch
            finite = [row for row in self.rows if np.isfinite(row["val_loss"])]
            best = min(finite, key=lambda row: row["val_loss"], default={"epoch": None})
            epoch = best["epoch"]
        return epoch if epoch and epoch <= len(self.rows) else None


class UseAverages(keras.callbacks.Callback):
    """Gives the model the moving averages of its weights from each validation to the epoch's end.

    Must come after the callbacks that show the model, and before those that save it. Keras'
    ``SwapEMAWeights`` swaps by additions, which round the weights.
    """

    def on_test_begin(self, logs=None):
        self._weights = [np.array(variable) for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_epoch_end(self, epoch, logs=None):
        for variable, weight in zip(self.model.trainable_variables, self._weights, strict=True):
            variable.assign(weight)


class StopEarly(keras.callbacks.Callback):
    """Ends the training after some epochs without a lower validation loss.

    It depends on the history alone, so that a resumed training ends at the same epoch.

    Args:
        history: must come before this in the list of callbacks.
        patience: number of epochs; None to train all epochs.
        first_epoch: the last epoch in which β changes, from which epochs are counted.
    """

    def __init__(self, history: RunHistory, patience: int | None, first_epoch: int):
        super().__init__()
        self.history = history
        self.patience = patience
        self.first_epoch = first_epoch

    def is_due(self) -> bool:
        """Whether the training ends after the epochs done."""
        if self.patience is None or not self.history.rows:
            return False
        best = min(self.history.rows, key=lambda row: row["val_loss"])["epoch"]
        return len(self.history.rows) - max(best, self.first_epoch) >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        if self.is_due():
            self.model.stop_training = True


class ClearScalars(keras.callbacks.Callback):
    """Clears TensorFlow's cache of scalars after each epoch, which would grow without limit."""

    def on_epoch_end(self, epoch, logs=None):
        private_apis.clear_scalars()
