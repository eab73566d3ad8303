"""What a run's folder holds."""

from __future__ import annotations

import runs


def epochs_of_files(run: runs.Run) -> dict[str, int | None]:
    """Returns of which epoch each file is, all of them whole."""
    found = {}
    for name in run.read_record()["files"]:
        with runs.open_file(run, name) as opened:
            found[name] = opened.epoch
    return found
