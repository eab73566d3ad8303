"""Finds the run that the user's flags refer to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from catalog.values import counted
from runs.naming import as_word, normalize
from runs.run import CHECKPOINTS, Run, RunError

Reader = Callable[[Run], dict[str, Any]]  # returns run.json, or raises RunError


class _Found(NamedTuple):
    run: Run
    record: dict[str, Any]

    @property
    def age(self) -> tuple[str, str]:
        """Sorts runs by the time at which they started."""
        return self.record["started"], self.run.name


def find_run(
    root: Path,
    wanted: Mapping[str, Any],
    checkpoint: str = "best",
    read: Reader = Run.read_record,
) -> Run:
    """Returns the run started last among those that agree with the given flags.

    Copies of runs are left out: a run whose run.json has another name than its folder.

    Args:
        root: the folder of runs.
        wanted: flag → value, for the flags that were given.
        checkpoint: ``"best"`` or ``"last"``, the model that the run must have.
        read: reads run.json; it may add flags that older versions did not write.

    Raises:
        RunError: if no run agrees; the message names the command that trains one.
    """
    found, problems = _read_all(root, read)
    candidates = [
        one
        for one in found
        if (one.run.folder / CHECKPOINTS[checkpoint]).is_file()
        and not _contradictions(one.record, wanted)
    ]
    if not candidates:
        flags = _as_flags(wanted)
        message = f"no trained run {f'with {flags} ' if flags else ''}in {root}: train one with "
        message += " ".join(filter(None, ["python train.py", flags]))
        raise RunError("; ".join([message, *problems]))
    return max(candidates, key=lambda one: one.age).run


def find_resumable(
    root: Path,
    settings: Mapping[str, Any],
    run_name: str | None,
    read: Reader = Run.read_record,
) -> Run:
    """Returns the run to resume.

    Without a name, it is the newest unfinished run with exactly these settings, if possible one
    with a checkpoint. A finished run, a run with another number of epochs, or a copy is resumed
    only if it is named.

    Args:
        root: the folder of runs.
        settings: every flag that changes the result.
        run_name: the run's folder, if the user named it.
        read: reads run.json; it may add flags that older versions did not write.

    Raises:
        RunError: if no run can be resumed, or the named one contradicts a setting.
    """
    epochs = settings["num_epochs"]
    others = {name: value for name, value in settings.items() if name != "num_epochs"}
    if run_name:
        run, _ = open_run(root / run_name, others, read)
        if not _has_begun(run, run.read_record()):
            raise RunError(
                f"{run.folder} has no checkpoint to resume from: train the run again with "
                "--overwrite"
            )
    else:
        found, problems = _read_all(root, read)
        similar = [
            one for one in found if _has_begun(*one) and not _contradictions(one.record, others)
        ]
        stopped = _find_stopped(similar, settings)
        if stopped is None:
            raise RunError("; ".join([_advise_new_run(root, similar, epochs), *problems]))
        run = stopped
    run.check_resumable(epochs)
    return run


def _has_begun(run: Run, record: Mapping[str, Any]) -> bool:
    """Whether a run can be resumed: old runs, without checksums, need a checkpoint for it."""
    return "files" in record or run.checkpoint_path.is_file()


def _advise_new_run(root: Path, similar: list[_Found], num_epochs: int) -> str:
    """Returns what to type if no run can be resumed without its name.

    Args:
        root: the folder of runs.
        similar: runs that differ from the settings at most in the number of epochs.
        num_epochs: the requested number of epochs.
    """
    if not similar:
        return (
            f"no run in {root} with these flags can be resumed: type the same command without "
            "--resume"
        )
    run, record = max(similar, key=lambda one: one.age)
    planned = record["flags"].get("num_epochs")
    name = shlex.quote(run.name)
    if planned == num_epochs and record["status"] == "finished":
        done = record.get("epochs_done", planned)  # fewer with --patience
        schedule = record["flags"].get("learning_rate_schedule", "constant")
        advice = "it cannot be extended: leave out --resume to train a new run"
        if done == planned and schedule == "constant":
            advice = f"type --run_name {name} and a larger --num_epochs to extend it"
        return f"{run.folder} has finished its {counted(done, 'epoch')}: {advice}"
    return (
        f"{run.folder} has these flags but --num_epochs {planned}: type --run_name {name} to "
        f"resume it up to epoch {num_epochs}, or leave out --resume to train a new run"
    )


def find_finished(
    root: Path, settings: Mapping[str, Any], read: Reader = Run.read_record
) -> Run | None:
    """Returns the newest finished run with exactly these settings, or None."""
    candidates = [
        one
        for one in _read_all(root, read)[0]
        if one.record["status"] == "finished"
        and one.run.best_path.is_file()
        and not _contradictions(one.record, settings)
    ]
    return max(candidates, key=lambda one: one.age).run if candidates else None


def find_stopped(
    root: Path, settings: Mapping[str, Any], read: Reader = Run.read_record
) -> Run | None:
    """Returns the newest unfinished run with exactly these settings, or None.

    Runs with a checkpoint come before those without.
    """
    return _find_stopped(_read_all(root, read)[0], settings)


def _find_stopped(found: list[_Found], settings: Mapping[str, Any]) -> Run | None:
    candidates = [
        one
        for one in found
        if one.record["status"] != "finished" and not _contradictions(one.record, settings)
    ]
    key = lambda one: (one.run.checkpoint_path.is_file(), one.age)  # noqa: E731
    return max(candidates, key=key).run if candidates else None


def _read_all(root: Path, read: Reader) -> tuple[list[_Found], list[str]]:
    """Returns the runs that are no copies, and why others were left out."""
    found, problems = [], []
    for path in sorted(root.glob("*/run.json")):
        run = Run(path.parent)
        try:
            record = read(run)
        except RunError as error:
            problems.append(str(error))
            continue
        if record.get("run_name", run.name) == run.name:
            found.append(_Found(run, record))
        else:
            problems.append(
                f"{run.folder} is a copy of {record['run_name']}, used only if it is named"
            )
    return found, problems


def open_run(
    path: Path, wanted: Mapping[str, Any], read: Reader = Run.read_record
) -> tuple[Run, str | None]:
    """Opens the run that ``--saved_path`` names by its folder or by one of its models.

    Args:
        path: the folder or the model.
        wanted: flag → value, for the flags that were given.
        read: reads run.json; it may add flags that older versions did not write.

    Returns:
        the run, and ``"best"`` or ``"last"`` if the path names that model, else None.

    Raises:
        RunError: if there is no run, or it contradicts the given flags.
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
            f"there is no run in {path}: train one with python train.py, or name no run to use "
            "the newest run"
        )
    run = Run(path)
    record = read(run)
    contradictions = _contradictions(record, wanted)
    if contradictions:
        trained = {name: record["flags"].get(name) for name in contradictions}
        wrong = {name: wanted[name] for name in contradictions}
        raise RunError(
            f"{_as_flags(wrong)} contradicts {path}, which was trained with {_as_flags(trained)}: "
            f"leave it out, or train that run with python train.py {_as_flags(wanted)}"
        )
    return run, checkpoint


def _contradictions(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    flags = record["flags"]
    return [
        name for name, value in wanted.items() if normalize(flags.get(name)) != normalize(value)
    ]


def _as_flags(values: Mapping[str, Any]) -> str:
    return " ".join(f"--{name} {as_word(value)}" for name, value in values.items())
