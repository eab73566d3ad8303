"""Reads and writes history.csv, which has one row per epoch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from catalog.metrics import name_columns
from runs.files import open_regular

COLUMNS = name_columns()

_REQUIRED = ("epoch", "loss", "val_loss")
_MAX_BYTES = 2**28  # a million epochs
_MAX_VALUE = 1e30  # larger finite values cannot be drawn


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows of the epochs so far, with all digits.

    The columns are those of ``COLUMNS`` for which any row has a value; ``catalog/metrics.py``
    describes them.

    Raises:
        ValueError: if a row has a value that is not one of ``COLUMNS``.
    """
    unknown = {name for row in rows for name in row} - set(COLUMNS)
    if unknown:
        raise ValueError(f"catalog/metrics.py declares no metric {', '.join(sorted(unknown))}")
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def read_history(source: Path | BinaryIO) -> list[dict[str, float]]:
    """Returns the rows, in which every value is a float.

    A value may be infinite or NaN, as after a divergence.

    Args:
        source: the path of the file, or the file as ``open_file`` opened it.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not a history, or has values too large to be drawn.
    """
    if isinstance(source, Path):
        with open_regular(source, _MAX_BYTES) as file:
            return read_history(file)
    text = source.read(_MAX_BYTES).decode()
    try:
        header, *rows = list(csv.reader(text.splitlines(), strict=True)) or [[]]
    except csv.Error as error:
        raise ValueError(error) from error
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        raise ValueError(f"unknown column {unknown[0][:60]!a}")
    missing = [name for name in _REQUIRED if header and name not in header]
    if missing:
        raise ValueError(f"the column {missing[0]} is missing")
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row has too few or too many values")
    read = [dict(zip(header, map(float, row), strict=True)) for row in rows]
    if any(_MAX_VALUE < abs(value) < math.inf for row in read for value in row.values()):
        raise ValueError(f"a value is larger than {_MAX_VALUE:g}")
    return read
