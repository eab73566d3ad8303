"""Settings of a run as in train.py, with defaults for flags that are not given."""

from __future__ import annotations

from typing import Any

import catalog.training
import cli


def make_settings(**flags: Any) -> dict[str, Any]:
    """Returns what ``models.build`` takes, for ``--name value`` of each argument."""
    types = {flag.name: flag.type for flag in (*catalog.RUN_FLAGS, catalog.training.SEED)}
    words = [f"--{name}={types[name].format(value)}" for name, value in flags.items()]
    return cli.settings(cli.parse_train(["train.py", *words]))
