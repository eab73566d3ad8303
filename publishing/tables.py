"""Markdown tables, and the numbers in their cells."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from catalog.metrics import METRICS

MISSING = "not run"

Row = Sequence[object]


def make_table(header: Row, rows: Sequence[Row]) -> str:
    """Returns a table in Markdown; its last line has a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def shown(value: float | None, digits: int = 2) -> str:
    """Returns a number with this many digits after the point, or ``MISSING``."""
    return MISSING if value is None else f"{value:.{digits}f}"


def judged(value: float | None, target: float | None, metric: str, digits: int = 2) -> str:
    """Returns a number, in bold if it does not reach the target for this metric."""
    if value is None or target is None:
        return shown(value, digits)
    missed = value < target if METRICS[metric].higher_is_better else value > target
    return f"**{value:.{digits}f}**" if missed else f"{value:.{digits}f}"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Returns " ± " and the standard deviation; nothing for a single value."""
    return f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
