"""Checks the flags in a run.json, which may come from an older version or from a stranger."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import data
import runs
from catalog.datasets import is_known, is_path
from catalog.flags import Flag
from catalog.run_flags import NETWORK
from catalog.values import TFDS_NAME, Boolean, Dataset, Several
from cli.parsing import UsageError
from cli.train_flags import FLAGS_OF_A_RUN, settle

Reader = Callable[[runs.Run], dict[str, Any]]


def read_record(run: runs.Run) -> dict[str, Any]:
    """Returns run.json, its flags checked and complete.

    Raises:
        RunError: if it cannot be read, or train.py would not accept its flags.
    """
    record = {"data_dir": None, **run.read_record()}
    try:
        return {**record, "flags": check_recorded(record["flags"], record.get("dataset"))}
    except (UsageError, data.DataError) as error:
        raise runs.RunError(f"{run.record_path} is refused: {error}") from None


def reader_of(dataset: str | None, is_named: bool) -> Reader:
    """Returns the function that reads run.json for a command line.

    Args:
        dataset: the value of ``--dataset``. At another path than the recorded one, the images may
            have moved.
        is_named: whether the user named the run; otherwise the images must be those that it was
            trained on.
    """
    if dataset is None or not is_path(dataset):
        return read_record
    return functools.partial(_read_moved, dataset, is_named)


def _read_moved(path: str, is_named: bool, run: runs.Run) -> dict[str, Any]:
    """Returns run.json as ``read_record`` does; its ``dataset`` is ``path`` if the images moved.

    Raises:
        DataError: if the user named the run, and there are other images.
    """
    record = read_record(run)
    flags = record["flags"]
    if is_path(flags["dataset"]):
        try:
            data.from_record(record, path)
        except data.DataError:
            if is_named:
                raise
            return record
        record = {**record, "flags": {**flags, "dataset": path}}
    return record


def check_recorded(
    recorded: Mapping[str, Any], dataset: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the settings in the ``flags`` of a run.json, with defaults for missing flags.

    The values must be ones that train.py accepts on its command line. Nothing that they name is
    imported, and no images are opened.

    Args:
        recorded: flag → value.
        dataset: the description of the dataset in run.json, which old runs do not have.

    Raises:
        UsageError: if it has an unknown flag, or a value that is refused.
        DataError: if the dataset is not a known one, and its description is missing.
    """
    known = {flag.name: flag for flag in FLAGS_OF_A_RUN}
    for name in recorded:
        if name not in known:
            raise UsageError(
                f"unknown flag in run.json: --{name}; it may come from a newer version"
            )
    parsed = {
        name: _parse_recorded(known[name], value)
        for name, value in recorded.items()
        if value is not None
    }
    parsed.setdefault("network", NETWORK.default)  # which the oldest runs do not record
    used = parsed.get("dataset")
    if used is None or is_known(used):
        return settle(parsed)
    try:
        return settle(parsed, data.read_description(dataset, used, parsed))
    except data.UnknownDataset as error:
        raise UsageError(f"flag --dataset={used}: {error}") from None


def _parse_recorded(flag: Flag, value: Any) -> Any:
    """Returns a value of run.json, which may be a list, or the text that older versions wrote."""
    if isinstance(value, tuple):
        value = list(value)
    text, fits = str(value), not isinstance(value, bool)
    if isinstance(flag.type, Dataset) and value == text and TFDS_NAME.fullmatch(text):
        return text  # a folder of that name may be here now
    if isinstance(flag.type, Several) and isinstance(value, list):
        text, fits = flag.type.format(value), not any(isinstance(part, bool) for part in value)
    elif isinstance(flag.type, Boolean) and isinstance(value, bool):
        text, fits = flag.type.format(value), True
    try:
        parsed = flag.type.parse(text)
    except ValueError as error:
        raise UsageError(f"flag --{flag.name}={text}: {error}") from None
    as_list = list(parsed) if isinstance(parsed, tuple) else parsed
    if not fits or (as_list != value and flag.type.format(parsed) != value):
        raise UsageError(f"flag --{flag.name}={value}: parsed to {parsed}")
    return parsed
