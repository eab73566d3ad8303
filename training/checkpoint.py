"""What must be kept to go on as if nothing had happened, in one file without pickle.

A ``.keras`` file is not enough: it brings weights and the optimiser back, but the streams
of noise at their beginning. Here is every variable of the model and of its optimiser (the
streams' positions and the running means are among them) as NumPy arrays by name, and the
position in the data and the history as JSON, in one ``.npz``.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

import runs
from training.callbacks import RunWriter
from training.divergence import check_variables
from training.loop import CompiledLoop
from training.signals import Stopped, StopSignals

_JSON = "json"


def capture(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns a copy of every variable of the model and its optimiser, by place and path."""
    return {name: np.array(variable) for name, variable in _variables(model).items()}


def restore(model: keras.Model, values: Mapping[str, np.ndarray]) -> None:
    """Gives every variable its value back.

    Raises:
        ValueError: if the model has other variables, or of other shapes, than the values.
    """
    variables = _variables(model)
    values = _without_old_objective(values, variables)
    if variables.keys() != values.keys():
        odd = sorted(variables.keys() ^ values.keys())
        raise ValueError(f"the model and the values do not fit: {', '.join(odd[:3])}")
    for name, variable in variables.items():
        if variable.shape != values[name].shape:
            raise ValueError(f"{name} has shape {variable.shape}, not {values[name].shape}")
    for name, variable in variables.items():
        variable.assign(values[name])


def _without_old_objective(
    values: Mapping[str, np.ndarray], wanted: Mapping[str, Any]
) -> Mapping[str, np.ndarray]:
    """Returns the values without a running mean that only earlier versions had.

    With an L2 penalty and no other change of the loss, they reported an objective too.
    """
    old = ("objective/total", "objective/count")
    if any(name.endswith(old) for name in wanted):
        return values
    kept = [name for name in sorted(values) if not name.endswith(old)]
    return {f"{place:04d}{name[4:]}": values[name] for place, name in enumerate(kept)}


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    everything = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {f"{place:04d} {variable.path}": variable for place, variable in enumerate(everything)}


def save(path: Path, model: keras.Model, progress: Mapping[str, Any]) -> None:
    """Writes a checkpoint to a path; ``progress`` is what JSON can hold."""
    arrays: dict[str, Any] = capture(model)
    arrays[_JSON] = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load(source: Path | runs.Run) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the values and the progress of a checkpoint.

    Args:
        source: a file, or the run whose checkpoint is read; that has a checksum too.

    Raises:
        RunError: if it is not there or damaged (each array has a checksum).
    """
    if isinstance(source, runs.Run):
        with runs.open_file(source, runs.CHECKPOINT) as opened:
            return _read(opened.file, source.checkpoint_path)
    try:
        with source.open("rb") as file:
            return _read(file, source)
    except OSError as error:
        raise _damaged(source, error) from error


def _read(opened: BinaryIO, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        values = runs.read_arrays(opened)
        progress = json.loads(values.pop(_JSON).tobytes())
        _check_progress(progress)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error
    return values, progress


def _check_progress(progress: Any) -> None:
    """Raises ValueError or KeyError where the JSON in a checkpoint is not what ``save`` wrote."""
    position, rows, seconds = (progress[name] for name in ("position", "history", "seconds"))
    fits = type(position) is int and position >= 0 and type(seconds) in (int, float)
    for epoch, row in enumerate(rows, start=1):
        numbers = all(type(value) in (int, float) for value in row.values())
        fits = fits and numbers and row["epoch"] == epoch and set(row) <= set(runs.COLUMNS)
        fits = fits and {"loss", "val_loss"} <= row.keys()
    if not fits:
        raise ValueError("its position or history is none")


def _damaged(path: Path, error: Exception) -> runs.RunError:
    reason = " ".join(str(error).split())[:200]
    return runs.RunError(f"{path} cannot be read ({reason}): train the run anew with --overwrite")


def resume(
    model: keras.Model, run: runs.Run, steps_per_epoch: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Gives a model the values of its run's checkpoint, and returns them with the progress.

    None where the run was killed before it had one.

    Raises:
        RunError: if the checkpoint is damaged, or of another model.
    """
    if not run.checkpoint_path.is_file():
        return None
    values, progress = load(run)
    try:
        if progress["position"] // steps_per_epoch != len(progress["history"]):
            raise ValueError("its history is not as long as its position says")
        restore(model, values)
    except ValueError as error:
        raise _damaged(run.checkpoint_path, error) from error
    return values, progress


class Checkpointer(keras.callbacks.Callback):
    """Keeps a run's checkpoint: every epoch, every few minutes, and when asked to stop.

    With that of an epoch's end, history and models are written as one. What is not a finite
    number any more is not written: ``Diverged`` is raised.

    Args:
        run: already started.
        loop: the training loop; it knows the position in the data.
        writer: it has the history.
        signals: looked at after every stack.
        minutes: between checkpoints within an epoch.
        resumed: of ``load``, to go on from; None to begin.
    """

    def __init__(
        self,
        run: runs.Run,
        loop: CompiledLoop,
        writer: RunWriter,
        signals: StopSignals,
        minutes: float,
        resumed: tuple[dict[str, np.ndarray], dict[str, Any]] | None = None,
    ):
        super().__init__()
        self.run = run
        self.loop = loop
        self.writer = writer
        self.signals = signals
        self.minutes = minutes
        self.resumed = resumed
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self.resumed is not None:
            # Again, now that fit has reset the running means.
            restore(self.model, self.resumed[0])
            self.resumed = None

    def on_train_batch_end(self, batch, logs=None):
        is_due = time.monotonic() - self._saved > 60 * self.minutes
        due, received = self.loop.agree(is_due, self.signals.received)
        if (due or received) and not self.loop.epoch_ended:
            self._commit({})
            self._stop_if(received)

    def on_epoch_end(self, epoch, logs=None):
        self._commit(self.writer.writers())
        (received,) = self.loop.agree(self.signals.received)
        self._stop_if(received)

    def _stop_if(self, received: float) -> None:
        if received:
            raise Stopped(int(received))

    def _commit(self, writers: Mapping[str, Callable[[Path], object]]) -> None:
        check_variables(self.model, self.loop.position)
        progress = {
            "position": self.loop.position,
            "history": self.writer.rows,
            "seconds": self.writer.seconds_in_epoch(),
        }
        write = functools.partial(save, model=self.model, progress=progress)
        outcome = self.writer.outcome()
        runs.commit(self.run, {runs.CHECKPOINT: write, **writers}, len(self.writer.rows), **outcome)
        self._saved = time.monotonic()
