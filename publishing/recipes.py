"""The recipes whose runs docs/results.md publishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cli


class Recipe(NamedTuple):
    """A flag file, and further flags for each of its runs."""

    name: str
    variants: tuple[tuple[str, ...], ...] = ((),)

    def settings(self, variant: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the settings of each run that train.py trains for a variant."""
        argv = ["train.py", f"--flagfile={cli.ROOT / 'configs' / self.name}.flags", *variant]
        flags = cli.parse_train(argv)
        each = [of_one for _, _, of_one in cli.parse_each(argv, flags)]
        return each or [cli.settings(flags)]
