"""The settings of a run, as train.py has them: flags not named are at their defaults."""

from __future__ import annotations

from typing import Any

import cli


def make_settings(**flags: Any) -> dict[str, Any]:
    """Returns what ``models.build`` takes, for ``--name value`` of each argument."""
    words = [f"--{name}={value}" for name, value in flags.items()]
    return cli.settings(cli.parse_train(["train.py", *words]))
