"""Flags of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from catalog.values import Value

# The headings of --help, in its order.
GROUPS = {
    "data": "Data",
    "model": "Model",
    "training": "Training",
    "running": "Running",
    "output": "Output",
    "results": "Results",
    "run": "Which run",
    "settings": "Settings of the results",
}


class Flag(NamedTuple):
    """One flag of the command line.

    Attributes:
        name: without dashes.
        type: parses its text.
        default: its value if it is not given; None if it has none, or several.
        help: what it sets.
        abbreviation: precedes the value in a run's name if the value is not the default; empty
            if the flag does not change the result, or is part of every name.
        group: a key of ``GROUPS``.
        is_common: whether ``--help`` lists it; ``--help all`` lists every flag.
        only: the flag and the value that it belongs to, such as ``("strategy", "mirrored")``.
    """

    name: str
    type: Value
    default: Any
    help: str
    abbreviation: str = ""
    group: str = "model"
    is_common: bool = False
    only: tuple[str, str] | None = None

    def with_default(self, default: Any) -> Flag:
        """Returns the same flag with another default."""
        return self._replace(default=default)


def describe(table: Mapping[str, Any]) -> str:
    """Returns the names of a table and the descriptions of its rows, for a help text."""
    return "; ".join(f"{name}: {row.description}" for name, row in table.items())
