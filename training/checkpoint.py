"""Checkpoints: the state of a training in one .npz file without pickle.

A ``.keras`` file does not suffice to resume exactly: loading it restores weights and optimizer,
but resets the random streams. A checkpoint holds every variable of the model and its optimizer by
name, among them the states of the random streams and of the metrics; and, as JSON, the position
in the data and the history.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

import runs
from catalog.metrics import name_columns

_JSON = "json"
_COLUMNS = set(name_columns())


def capture(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns a copy of every variable of the model and its optimizer, by number and path."""
    return {name: np.array(variable) for name, variable in _variables(model).items()}


def restore(model: keras.Model, values: Mapping[str, np.ndarray]) -> None:
    """Assigns captured values to the variables of a model and its optimizer.

    Raises:
        ValueError: if the names or shapes of the variables differ from those of the values;
            nothing is assigned then.
    """
    variables = _variables(model)
    if variables.keys() != values.keys():
        differing = sorted(variables.keys() ^ values.keys())
        raise ValueError(f"it is of another model: {', '.join(differing[:3])}")
    for name, variable in variables.items():
        if variable.shape != values[name].shape:
            raise ValueError(f"{name} has shape {variable.shape}, not {values[name].shape}")
    for name, variable in variables.items():
        variable.assign(values[name])


@contextlib.contextmanager
def holding(model: keras.Model, values: Mapping[str, np.ndarray]) -> Iterator[None]:
    """A context in which a model and its optimizer have captured values; its metrics do not.

    (Several workers have a part of each metric, which would change by rounding.)
    """
    metrics = {id(variable) for variable in model.metrics_variables}
    held = {key: each for key, each in _variables(model).items() if id(each) not in metrics}
    before = {name: np.array(variable) for name, variable in held.items()}
    try:
        for name, variable in held.items():
            variable.assign(values[name])
        yield
    finally:
        for name, variable in held.items():
            variable.assign(before[name])


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    everything = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return {f"{number:04d} {variable.path}": variable for number, variable in enumerate(everything)}


def save(path: Path, values: Mapping[str, np.ndarray], progress: Mapping[str, Any]) -> None:
    """Writes a checkpoint.

    Args:
        path: of the file.
        values: as ``capture`` returned them.
        progress: ``position`` (steps done), ``history`` (rows) and ``seconds`` (training time of
            the current epoch).
    """
    arrays: dict[str, Any] = dict(values)
    arrays[_JSON] = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load(source: Path | runs.Run) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the variables' values and the progress in a checkpoint.

    Args:
        source: a file, or a run, whose run.json has a checksum of its checkpoint.

    Raises:
        RunError: if it is missing or damaged.
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
    """Raises an exception unless the JSON in a checkpoint is as ``save`` writes it."""
    position, rows, seconds = (progress[name] for name in ("position", "history", "seconds"))
    is_valid = type(position) is int and position >= 0 and type(seconds) in (int, float)
    for epoch, row in enumerate(rows, start=1):
        is_valid &= all(type(value) in (int, float) for value in row.values())
        is_valid &= row["epoch"] == epoch and {"loss", "val_loss"} <= row.keys() <= _COLUMNS
    if not is_valid:
        raise ValueError("its position or history is invalid")


def _damaged(path: Path, error: Exception) -> runs.RunError:
    reason = " ".join(str(error).split())[:200]
    return runs.RunError(f"{path} cannot be read ({reason}): train the run again with --overwrite")


def resume(
    model: keras.Model, run: runs.Run, steps_per_epoch: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Restores a model from its run's checkpoint; returns the values and the progress.

    Returns None if the run was killed before its first checkpoint.

    Raises:
        RunError: if the checkpoint is damaged, or of another model.
    """
    if not run.checkpoint_path.is_file():
        return None
    values, progress = load(run)
    try:
        if progress["position"] // steps_per_epoch != len(progress["history"]):
            raise ValueError("its history does not fit its position")
        values = _from_earlier_version(values, model)
        restore(model, values)
    except ValueError as error:
        raise _damaged(run.checkpoint_path, error) from error
    return values, progress


def _from_earlier_version(
    values: Mapping[str, np.ndarray], model: keras.Model
) -> dict[str, np.ndarray]:
    """Leaves out the metric of an objective that the model does not track.

    With --l2, earlier versions tracked the objective even if only the penalty was added to the
    loss.
    """
    arrays = {name.partition(" ")[2]: array for name, array in sorted(values.items())}
    if len(arrays) < len(values) or "objective" in (metric.name for metric in model.metrics):
        return dict(values)
    kept = [name for name in arrays if not name.startswith("objective/")]
    return {f"{number:04d} {name}": arrays[name] for number, name in enumerate(kept)}
