"""Checks run.json before any of it is used: it may come from a stranger."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runs.files import open_regular

_MAX_BYTES = 2**20
_MAX_TEXT = 10_000
_MAX_ITEMS = 10_000
_MAX_COUNT = 2**53

# How well another training with the same flags on the same machine repeats this one: to the
# bit, or up to the order in which numbers were summed.
BIT_FOR_BIT, UP_TO_ROUNDING = "bit for bit", "up to the order of sums"


class RecordError(ValueError):
    """A run.json is invalid; the message is part of a line for the user."""


def parse_record(path: Path, file_names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the contents of a run.json.

    Args:
        path: the file.
        file_names: files whose checksums it may list.

    Raises:
        RecordError: if it is not JSON, or a known field has a wrong type or range.
        OSError: if it cannot be read.
    """
    with open_regular(path, _MAX_BYTES) as file:
        content = file.read(_MAX_BYTES)
    try:
        record = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(" ".join(str(error).split())) from error
    if not isinstance(record, dict):
        raise RecordError("it is not a JSON object")
    for name, (is_valid, expected) in {**_FIELDS, "files": _files(file_names)}.items():
        if name in record and not is_valid(record[name]):
            raise RecordError(f"its {name} is not {expected}")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


# ------------------------------------------------------------------------------ fields


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _MAX_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool) or _is_number(value) or _is_text(value)


def _is_list(value: Any, is_item: Callable[[Any], bool], length: int | None = None) -> bool:
    """Whether a value is a list of this length, or of any length up to 10,000."""
    return (
        isinstance(value, list)
        and (len(value) <= _MAX_ITEMS if length is None else len(value) == length)
        and all(map(is_item, value))
    )


def _is_setting(value: Any) -> bool:
    return value is None or _is_plain(value) or _is_list(value, _is_plain)


def _is_settings(value: Any) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch(r"[a-z]\w{0,60}", name, re.ASCII) and _is_setting(setting)
        for name, setting in value.items()
    )


def _is_dataset(value: Any) -> bool:
    """Whether a value describes a dataset as ``data.describe`` does."""
    return (
        _is_settings(value)
        and _is_text(value.get("name"))
        and _is_list(value.get("image_shape"), lambda size: _is_count(size) and size > 0, 3)
        and _is_count(value.get("num_train"))
        and _is_count(value.get("num_test"))
        and (value.get("class_names") is None or _is_list(value["class_names"], _is_text))
        and _is_list(value.get("value_range", [0, 255]), _is_number, 2)
    )


def _is_extension(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_count(value.get("num_epochs"))
        and isinstance(value.get("command"), str)
    )


def _is_folder(value: Any) -> bool:
    """Whether a value is None or a path on this machine, as opposed to a remote URL."""
    return value is None or (_is_text(value) and value.startswith("/") and "://" not in value)


def _is_best(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and _is_count(value.get("epoch"))
        and value["epoch"] > 0
        and _is_number(value.get("val_loss"))
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _files(names: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    def is_fact(fact: Any) -> bool:
        return (
            isinstance(fact, dict)
            and isinstance(fact.get("sha256"), str)
            and re.fullmatch(r"[0-9a-f]{64}", fact["sha256"]) is not None
            and _is_count(fact.get("bytes"))
            and (fact.get("epoch", "") is None or _is_count(fact.get("epoch")))
        )

    def is_files(value: Any) -> bool:
        return isinstance(value, dict) and all(
            name in names and isinstance(known, list) and all(map(is_fact, known))
            for name, known in value.items()
        )

    return is_files, "the checksums of a run's files"


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "run_name": (_is_text, "a name"),
    "status": (_is_text, "a word"),
    "started": (_is_text, "a time"),
    "command": (lambda value: isinstance(value, str), "a command"),
    "flags": (_is_settings, "flags and their values"),
    "dataset": (_is_dataset, "the description of a dataset"),
    "extensions": (lambda value: _is_list(value, _is_extension), "a list of commands"),
    "data_dir": (_is_folder, "null or the absolute path of a folder"),
    "num_train": (_is_count, "a count"),
    "num_parameters": (_is_count, "a count"),
    "device": (_is_text, "a name"),
    "versions": (_is_texts, "version numbers by name"),
    "strategy": (_is_text, "a name"),
    "num_replicas": (_is_count, "a count"),
    "loop": (_is_text, "a name"),
    "repeats": (
        lambda value: value in (BIT_FOR_BIT, UP_TO_ROUNDING),
        f'"{BIT_FOR_BIT}" or "{UP_TO_ROUNDING}"',
    ),
    "repeats_because": (_is_text, "a reason"),
    "best": (_is_best, "null or an epoch with its val_loss"),
    "epochs_done": (_is_count, "a count"),
    "diverged_in_step": (_is_count, "a count"),
    "seconds": (lambda value: _is_number(value) and value >= 0, "a number of at least 0"),
}
