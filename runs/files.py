"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

# What is being written, beside its place: its name, the machine, the process, its ending.
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64]
_PARTIAL = re.compile(r"\..+\.partial-(?P<host>[A-Za-z0-9-]*)-(?P<pid>[0-9]{1,10})(\.\w+)?")


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Gives a path to write to; the file takes the place of ``path`` when all went well.

    It is written beside its place, with the same ending, flushed to the disk and renamed, and
    the folder is flushed: a reader, or a crash, finds the old file or the new one.
    """
    beside = path.with_name(f".{path.stem}.partial-{_HOST}-{os.getpid()}{path.suffix}")
    try:
        yield beside
        flush(beside)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong first is what is told
            beside.unlink(missing_ok=True)
        raise
    flush(path.parent)


def flush(path: Path) -> None:
    """Has the disk take what was written to a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not (path.is_dir() and error.errno == errno.EINVAL):
            raise  # some network file systems flush no folders: they have no use for it
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> list[Path]:
    """Removes what processes that died here while they wrote have left half written.

    Only files that ``write_atomically`` names so, on this machine, by a process that is no
    more.

    Returns:
        what was removed.
    """
    removed = []
    for path in sorted(folder.glob(".*")):
        match = _PARTIAL.fullmatch(path.name)
        if match and match["host"] == _HOST and not _is_alive(int(match["pid"])):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                path.unlink()
                removed.append(path)
    return removed


def is_partial(path: Path) -> bool:
    """Whether ``write_atomically`` gives such a name to what is being written."""
    return _PARTIAL.fullmatch(path.name) is not None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    return True
