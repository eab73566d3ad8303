"""Finding the run that a user means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runs.run import CHECKPOINTS, Run, RunError


def find_run(root: Path, wanted: Mapping[str, Any], checkpoint: str = "best") -> Run:
    """Returns the run started last among those that agree with the flags given.

    Args:
        root: the folder of runs.
        wanted: flag → value, for the flags that were given.
        checkpoint: ``"best"`` or ``"last"``, the model that must be there.

    Raises:
        RunError: if there is none; it names the command that trains one.
    """
    candidates = []
    readable, unreadable = _read_all(root)
    for run, record in readable:
        there = (run.folder / CHECKPOINTS[checkpoint]).is_file()
        if there and not _contradictions(record, wanted):
            candidates.append((record["started"], run.name, run))
    if not candidates:
        flags = _as_flags(wanted)
        what = f"with {flags}" if flags else "at all"
        message = f"no trained run {what} in {root}: train one with "
        message += " ".join(filter(None, ["python train.py", flags]))
        raise RunError("; ".join([message, *unreadable]))
    return max(candidates, key=lambda candidate: candidate[:2])[2]


def find_resumable(root: Path, settings: Mapping[str, Any], run_name: str | None) -> Run:
    """Returns the run to go on with: the newest trained with these settings.

    How many epochs it was to have is no part of the match. One that was killed before its
    first checkpoint begins at the beginning; one that has a checkpoint comes first.

    Args:
        root: the folder of runs.
        settings: every flag that changes the result.
        run_name: the run's folder, where the user named it.

    Raises:
        RunError: if there is none, or it cannot go on to so many epochs, or the one named
            contradicts a setting.
    """
    wanted = {name: value for name, value in settings.items() if name != "num_epochs"}
    if run_name:
        run, _ = open_run(root / run_name, wanted)
        found = [(run, run.read_record())]
    else:
        readable, _ = _read_all(root)
        found = [(run, record) for run, record in readable if not _contradictions(record, wanted)]
    candidates = [
        (run.checkpoint_path.is_file(), record["started"], run.name, run)
        for run, record in found
        if "files" in record or run.checkpoint_path.is_file()
    ]
    if not candidates:
        raise RunError(
            f"no run in {root} that can go on has these flags: start it with the same command, "
            "less --resume"
        )
    run = max(candidates, key=lambda candidate: candidate[:3])[3]
    run.check_resumable(settings["num_epochs"])
    return run


def find_finished(root: Path, settings: Mapping[str, Any]) -> Run | None:
    """Returns the newest finished run of the very same settings, None if there is none."""
    candidates = [
        (record["started"], run.name, run)
        for run, record in _read_all(root)[0]
        if record["status"] == "finished"
        and run.best_path.is_file()
        and not _contradictions(record, settings)
    ]
    return max(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def find_stopped(root: Path, settings: Mapping[str, Any]) -> Run | None:
    """Returns the newest run of these settings that has epochs to go; one with a checkpoint
    before one without. None if there is none."""
    wanted = {name: value for name, value in settings.items() if name != "num_epochs"}
    candidates = [
        (run.checkpoint_path.is_file(), record["started"], run.name, run)
        for run, record in _read_all(root)[0]
        if not _contradictions(record, wanted)
        and (record["status"] != "finished" or record["epochs_done"] < settings["num_epochs"])
    ]
    return max(candidates, key=lambda candidate: candidate[:3])[3] if candidates else None


def _read_all(root: Path) -> tuple[list[tuple[Run, dict[str, Any]]], list[str]]:
    """Returns the runs with their records, and what is wrong with those that have none."""
    readable, unreadable = [], []
    for path in sorted(root.glob("*/run.json")):
        run = Run(path.parent)
        try:
            readable.append((run, run.read_record()))
        except RunError as error:
            unreadable.append(str(error))
    return readable, unreadable


def open_run(path: Path, wanted: Mapping[str, Any]) -> tuple[Run, str | None]:
    """Opens the run that ``--saved_path`` names, by its folder or one of its models.

    Returns:
        the run, and ``"best"`` or ``"last"`` if the path names that model, else None.

    Raises:
        RunError: if there is no such run, or it contradicts the flags given.
    """
    checkpoint = None
    if path.suffix == ".keras":
        checkpoints = {file: name for name, file in CHECKPOINTS.items()}
        checkpoint = checkpoints.get(path.name)
        if checkpoint is None or not path.is_file():
            raise RunError(
                f"{path} is not the model of a run: name the run's folder, or the "
                f"{' or '.join(checkpoints)} in it"
            )
        path = path.parent
    if not path.is_dir():
        raise RunError(
            f"there is no run in {path}: train one with python train.py, or name none to take "
            "the newest"
        )
    run = Run(path)
    record = run.read_record()
    contradictions = _contradictions(record, wanted)
    if contradictions:
        trained = {name: record["flags"].get(name) for name in contradictions}
        wrong = {name: wanted[name] for name in contradictions}
        raise RunError(
            f"{_as_flags(wrong)} contradicts {path}, trained with {_as_flags(trained)}: leave "
            f"it out, or train that run with python train.py {_as_flags(wanted)}"
        )
    return run, checkpoint


def _contradictions(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [name for name, value in wanted.items() if record["flags"].get(name) != value]


def _as_flags(values: Mapping[str, Any]) -> str:
    return " ".join(f"--{name} {value}" for name, value in values.items())
