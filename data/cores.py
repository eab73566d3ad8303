"""The processor cores that this process may use."""

from __future__ import annotations

import os


def count() -> int:
    """Returns how many cores this process may use; on macOS, which sets no limit, all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
