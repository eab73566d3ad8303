"""Opening of files whose kind is not known: only regular files, without waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """Opens a file for reading and returns it with its size in bytes.

    A named pipe would block its reader, and a device may never end.

    Raises:
        OSError: if the file cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is not a regular file")
    return os.fdopen(descriptor, "rb"), facts.st_size
