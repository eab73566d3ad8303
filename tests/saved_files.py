"""The files in the folder of a run."""

from __future__ import annotations

import runs


def epochs_of_files(run: runs.Run) -> dict[str, int | None]:
    """Returns the epoch of each file, after verifying all of them."""
    found = {}
    for name in run.read_record()["files"]:
        with runs.open_file(run, name) as opened:
            found[name] = opened.epoch
    return found
