"""history.csv: a row an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

COLUMNS = (
    "epoch",
    "loss",
    "reconstruction",
    "kl",
    "classification",
    "accuracy",
    "objective",
    "val_loss",
    "val_reconstruction",
    "val_kl",
    "val_classification",
    "val_accuracy",
    "seconds",
    "images_per_second",
)

_ALWAYS = ("epoch", "loss", "val_loss")
_MAX_BYTES = 2**28  # of a file: a million epochs


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows so far, losses in nats an image, with all their digits.

    ``accuracy`` is the part of the labelled images whose class the classifier finds.
    A model has the columns of ``COLUMNS`` that it has figures for.
    """
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def read_history(source: Path | BinaryIO) -> list[dict[str, float]]:
    """Returns the rows, every value a float; raises OSError or ValueError.

    Args:
        source: the file, or what ``open_file`` opened.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return read_history(file)
    text = source.read(_MAX_BYTES).decode()
    try:
        header, *rows = list(csv.reader(text.splitlines(), strict=True)) or [[]]
    except csv.Error as error:
        raise ValueError(error) from error
    if header and not set(_ALWAYS) <= set(header) <= set(COLUMNS):
        raise ValueError("its columns are not those of a history")
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row is cut off, or too long")
    return [dict(zip(header, map(float, row), strict=True)) for row in rows]
