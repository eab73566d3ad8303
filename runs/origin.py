"""The origin of a run, for run.json: command, versions and commit."""

from __future__ import annotations

import contextlib
import datetime
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets")
_GIT_SECONDS = 10.0  # a repository on a slow disk may take longer


def describe_origin(argv: Sequence[str], program: Path) -> dict[str, Any]:
    """Returns ``started``, ``command``, ``versions`` and ``git_commit``.

    A version that cannot be found is omitted, and a commit is None: neither stops a training.

    Args:
        argv: of the script.
        program: the folder that holds the program.
    """
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        # Besides missing packages: damaged metadata can raise anything.
        with contextlib.suppress(Exception):
            versions[name] = str(metadata.version(name))
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(),
        "command": shlex.join(["python", *argv]),
        "versions": versions,
        "git_commit": _find_commit(program),
    }


def _find_commit(program: Path) -> str | None:
    """Returns the commit of the program, or None without git or a repository."""
    try:
        git = subprocess.run(
            ["git", "-C", str(program), "rev-parse", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return git.stdout.strip() or None if git.returncode == 0 else None
