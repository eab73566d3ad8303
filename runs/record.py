"""What run.json may hold: checked before any of it is used, as it may be a stranger's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MAX_BYTES = 2**20
_MAX_TEXT = 10_000
_MAX_COUNT = 2**53

# What another training with the same flags on the same machine comes to: the same bits, or
# the same but for the order in which numbers were added up.
BIT_FOR_BIT, UP_TO_ROUNDING = "bit for bit", "up to the order of sums"


class RecordError(ValueError):
    """A run.json is none; the message is part of a line for the user."""


def parse_record(path: Path, file_names: tuple[str, ...]) -> dict[str, Any]:
    """Returns what a run.json holds.

    Args:
        path: of the file.
        file_names: those of which it may have checksums.

    Raises:
        RecordError: if it is not JSON, or a field that is used has not the type or the range
            that it must have.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise RecordError(f"it has more than {_MAX_BYTES:,} bytes")
    try:
        record = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(" ".join(str(error).split())) from error
    if not isinstance(record, dict):
        raise RecordError("it is no JSON object")
    for name, (is_right, expected) in {**_FIELDS, "files": _files(file_names)}.items():
        if name in record and not is_right(record[name]):
            raise RecordError(f"its {name} is not {expected}")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


# ------------------------------------------------------------------------------ fields


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _MAX_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf


def _is_flags(value: Any) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch(r"[a-z]\w{0,60}", name, re.ASCII)
        and (value is None or isinstance(value, bool) or _is_number(value) or _is_text(value))
        for name, value in value.items()
    )


def _is_folder(value: Any) -> bool:
    """A path of this machine: another machine's would be asked for what lies there."""
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
    "flags": (_is_flags, "flags and their values"),
    "data_dir": (_is_folder, "null or the absolute path of a folder"),
    "num_train": (_is_count, "a count"),
    "num_parameters": (_is_count, "a count"),
    "device": (_is_text, "a name"),
    "versions": (_is_texts, "versions by name"),
    "strategy": (_is_text, "a name"),
    "num_replicas": (_is_count, "a count"),
    "loop": (_is_text, "a name"),
    "repeats": (
        lambda value: value in (BIT_FOR_BIT, UP_TO_ROUNDING),
        f'"{BIT_FOR_BIT}" or "{UP_TO_ROUNDING}"',
    ),
    "repeats_because": (_is_text, "a reason"),
    "best": (_is_best, "null or an epoch and its val_loss"),
    "epochs_done": (_is_count, "a count"),
    "diverged_in_step": (_is_count, "a count"),
    "seconds": (lambda value: _is_number(value) and value >= 0, "a number of at least 0"),
}
