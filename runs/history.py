"""history.csv: a row an epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from runs.files import write_atomically

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


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows so far, losses in nats an image, with all their digits.

    ``accuracy`` is the part of the labelled images whose class the classifier finds.
    A model has the columns of ``COLUMNS`` that it has figures for.
    """
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    with write_atomically(path) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_history(path: Path) -> list[dict[str, float]]:
    """Returns the rows, every value a float; raises OSError or ValueError."""
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row is cut off, or too long")
    return [dict(zip(header, map(float, row), strict=True)) for row in rows]
