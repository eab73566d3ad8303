"""Whether a dataset fits in memory; no TensorFlow, so that it is known before a byte is read."""

from __future__ import annotations

import math
import os
from pathlib import Path

from data import DATASETS

# While the images are split and handed to TensorFlow they are there three times over.
PART = 4  # of the memory that is free, one in so many may be the training images


def choose_streaming(name: str, stream: str) -> tuple[bool, str]:
    """Returns whether to stream a dataset's training images, and why, in words.

    Args:
        name: a key of ``DATASETS``.
        stream: ``"1"`` or ``"0"``, as the user has it, or ``"auto"``.
    """
    info = DATASETS[name]
    if stream != "auto":
        return stream == "1", f"as --stream {stream} asks"
    size, free = info.num_train * math.prod(info.image_shape), available()
    if info.tfds_version is None or free is None:
        return False, f"{in_words(size)} decoded"
    streamed = size > free / PART
    return streamed, (
        f"{in_words(size)} decoded are {'more' if streamed else 'no more'} than a quarter of "
        f"the {in_words(free)} of memory available"
    )


def available() -> int | None:
    """Returns how many bytes this process may still take, or None where no one says."""
    known = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                known.append(1024 * int(value.split()[0]))
    except (OSError, ValueError):
        pass
    try:  # in a container
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            known.append(max(0, int(limit) - int((group / "memory.current").read_text())))
    except (OSError, ValueError):
        pass
    if not known:
        try:
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError, AttributeError):
            return None
    return min(known)


def in_words(size: float) -> str:
    """Returns a number of bytes, as 44.9 MiB or 22 GiB."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.3g} {units[0]}"
