"""How a run came about: the command, the versions and the commit, for run.json."""

from __future__ import annotations

import datetime
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets")


def describe_origin(argv: Sequence[str], program: Path) -> dict[str, Any]:
    """Returns ``started``, ``command``, ``versions`` and ``git_commit`` (None if there is none).

    Args:
        argv: of the script.
        program: the folder that the program lies in.
    """
    git = subprocess.run(
        ["git", "-C", str(program), "rev-parse", "HEAD"], capture_output=True, text=True
    )
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(),
        "command": shlex.join(["python", *argv]),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES},
        },
        "git_commit": git.stdout.strip() or None,
    }
