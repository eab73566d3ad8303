"""Opens files safely, and writes them atomically."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Temporary file next to the final one: name, machine, process, suffix.
_HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64]
_PARTIAL = re.compile(r"\..+\.partial-(?P<host>[A-Za-z0-9-]*)-(?P<pid>[0-9]{1,10})(\.\w+)?")
_NEW, _OLD = ".new", ".old"  # suffixes of temporary folders


@contextlib.contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path; the file written there replaces ``path`` if nothing fails.

    The temporary file is in the same folder and has the same suffix. It is flushed to the disk
    and renamed, and then the folder is flushed, so that readers find the old or the new file,
    even after a crash.
    """
    beside = path.with_name(f".{path.stem}.partial-{_HOST}-{os.getpid()}{path.suffix}")
    try:
        yield beside
        flush(beside)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            beside.unlink(missing_ok=True)
        raise
    flush(path.parent)


@contextlib.contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside ``path``, which takes its place if nothing fails.

    Its files are flushed to the disk first. A crash between the two renames may leave no folder
    ``path``, but never an unfinished one.
    """
    new, old = (
        path.with_name(f".{path.name}.partial-{_HOST}-{os.getpid()}{suffix}")
        for suffix in (_NEW, _OLD)
    )
    try:
        new.mkdir()
        yield new
        for each in (*new.rglob("*"), new):
            flush(each)
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.rename(path)
        raise
    finally:
        for folder in (new, old):
            shutil.rmtree(folder, ignore_errors=True)
    flush(path.parent)


def open_regular(path: Path, max_bytes: int) -> BinaryIO:
    """Opens a regular file for reading; refuses anything that could be read forever.

    A pipe without a writer would block when it is opened, a device such as /dev/zero has no
    end, and a sparse file can claim any size.

    Args:
        path: the file; links to regular files are followed.
        max_bytes: the largest size accepted.

    Raises:
        OSError: if there is no such file, it is not a regular file, or it is larger.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device without a driver
            raise OSError(errno.EINVAL, "not a regular file", str(path)) from None
        raise
    status = os.fstat(handle)
    problem = None
    if not stat.S_ISREG(status.st_mode):
        problem = OSError(errno.EINVAL, "not a regular file", str(path))
    elif status.st_size > max_bytes:
        reason = f"{status.st_size:,} bytes, more than the {max_bytes:,} accepted"
        problem = OSError(errno.EFBIG, reason, str(path))
    if problem:
        os.close(handle)
        raise problem
    return os.fdopen(handle, "rb")


def flush(path: Path) -> None:
    """Flushes a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not (path.is_dir() and error.errno == errno.EINVAL):
            raise  # some network file systems cannot flush folders, and need not
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> list[Path]:
    """Removes the temporary files and folders of crashed processes from a folder.

    Only those named by ``write_atomically`` and ``replace_folder`` on this machine, by a process
    that no longer exists, are removed.

    Returns:
        the paths that were removed.
    """
    removed = []
    for path in sorted(folder.glob(".*")):
        match = _PARTIAL.fullmatch(path.name)
        if match and match["host"] == _HOST and not _is_alive(int(match["pid"])):
            if match[3] in (_NEW, _OLD) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path)
                continue
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                path.unlink()
                removed.append(path)
    return removed


def is_partial(path: Path) -> bool:
    """Whether a path is named like a temporary file of ``write_atomically``."""
    return _PARTIAL.fullmatch(path.name) is not None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # a process of another user
    return True
