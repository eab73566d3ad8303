"""When the files of a run are written: by time, at the end, and before stopping at a signal."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

import runs
from training import checkpoint, private_apis
from training.callbacks import RunHistory
from training.divergence import check_variables
from training.loop import CompiledLoop
from training.signals import Stopped, StopSignals

Values = Mapping[str, np.ndarray]


class Checkpointer(keras.callbacks.Callback):
    """Writes a run's checkpoint, history and models, all or none.

    They are written after the first epoch and the last, whenever some minutes have passed, and
    before stopping at a signal. Until then, the state after the last epoch and that after the best
    are kept in memory. Within an epoch only the checkpoint is written, after the files of the
    epochs before it: history.csv and model.keras are of the last epoch, best.keras of the epoch
    with the lowest validation loss. Variables that are not finite are never written: ``Diverged``
    is raised.

    Args:
        run: already started.
        loop: the training loop, whose position is saved.
        history: must come before this in the list of callbacks.
        signals: checked after every call of the loop.
        minutes: between checkpoints.
        resumed: as ``checkpoint.resume`` returned it, if the run is resumed within an epoch; else
            None.
    """

    def __init__(
        self,
        run: runs.Run,
        loop: CompiledLoop,
        history: RunHistory,
        signals: StopSignals,
        minutes: float,
        resumed: tuple[Values, Mapping[str, Any]] | None = None,
    ):
        super().__init__()
        self.run = run
        self.loop = loop
        self.history = history
        self.signals = signals
        self.minutes = minutes
        self.resumed = resumed
        self._saved = time.monotonic()
        # After the last epoch and the best, by epoch; those that are in no file yet.
        self._states: dict[int, Values] = {}

    def on_epoch_begin(self, epoch, logs=None):
        if self.resumed is not None:
            # A second time, since fit has reset the metrics.
            checkpoint.restore(self.model, self.resumed[0])
            self.resumed = None

    def on_train_batch_end(self, batch, logs=None):
        due, received = self.loop.agree(self._is_due(), self.signals.received)
        if (due or received) and not self.loop.epoch_ended:
            check_variables(self.model, self.loop.position)
            self.write_epochs()
            self._commit(checkpoint.capture(self.model), self.loop.position, {})
            _stop_if(received)

    def on_epoch_end(self, epoch, logs=None):
        best = self.history.best_epoch
        self._states = {key: state for key, state in self._states.items() if key == best}
        self._states[len(self.history.rows)] = checkpoint.capture(self.model)
        is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        is_due = self._is_due() or epoch == 0 or is_last
        due, received = self.loop.agree(is_due, self.signals.received)
        if due or received:
            self.write_epochs()
        _stop_if(received)

    def write_epochs(self) -> None:
        """Writes the files of the last epoch and the best, unless they are written already."""
        if self._states:
            epochs = len(self.history.rows)
            position = epochs * self.loop.batches.steps_per_epoch
            self._commit(self._states[epochs], position, self._writers())

    def catch_up(self, in_epoch: bool) -> None:
        """Writes the files that a killed process had not written after its checkpoint.

        Args:
            in_epoch: whether the checkpoint is from within an epoch; the models are then of the
                epoch before it, and complete.
        """
        epochs = len(self.history.rows)
        if not in_epoch:
            self.history.choose_best()
        self._states = {epochs: checkpoint.capture(self.model)}
        writers = self._writers()
        if in_epoch:
            writers = {runs.HISTORY: writers[runs.HISTORY]}
        if epochs:
            runs.commit(self.run, writers, epochs, **self.history.outcome())
        self._states = {}

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved > 60 * self.minutes

    def _writers(self) -> dict[str, Callable[[Path], object]]:
        """Returns the writers of the history and of unwritten models, for ``runs.commit``."""
        epochs, best_epoch = len(self.history.rows), self.history.best_epoch
        last, best = (runs.CHECKPOINTS[name] for name in ("last", "best"))
        writers: dict[str, Callable[[Path], object]] = {
            runs.HISTORY: lambda path: runs.write_history(path, self.history.rows),
            last: functools.partial(self._save_model, epoch=epochs),
        }
        if best_epoch == epochs:
            # The same model; copying is faster than saving.
            writers[best] = lambda path: shutil.copyfile(path.with_name(last), path)
        elif best_epoch in self._states:
            writers[best] = functools.partial(self._save_model, epoch=best_epoch)
        return writers

    def _save_model(self, path: Path, epoch: int) -> None:
        with checkpoint.holding(self.model, self._states[epoch]):
            # With --ema, the model is that of the averages.
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
            private_apis.save_model(self.model, path)

    def _commit(
        self, values: Values, position: int, writers: Mapping[str, Callable[[Path], object]]
    ) -> None:
        progress = {
            "position": position,
            "history": self.history.rows,
            "seconds": self.history.seconds_in_epoch(),
        }
        write = functools.partial(checkpoint.save, values=values, progress=progress)
        writers = {runs.CHECKPOINT: write, **writers}
        best, best_epoch = runs.CHECKPOINTS["best"], self.history.best_epoch
        if best_epoch != len(self.history.rows) and best in writers:
            # First: unlike the others, it cannot be made from the checkpoint.
            writers = {best: writers[best], **writers}
        runs.commit(
            self.run,
            writers,
            len(self.history.rows),
            {best: best_epoch} if best_epoch else {},
            **self.history.outcome(),
        )
        self._states = {}
        self._saved = time.monotonic()


def _stop_if(received: float) -> None:
    if received:
        raise Stopped(int(received))
