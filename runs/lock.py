"""Locks a run, so that one process at a time trains it.

The lock is an ``flock`` on a file in the run's folder. The operating system releases it when
the process ends in any way, so the file of a killed process does not block the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from runs.run import LOCK, Run, RunError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def locked(run: Run) -> Iterator[None]:
    """Locks a run while it is trained; creates its folder if necessary.

    Raises:
        RunError: if another process has locked it, or the lock file is not a regular file.
    """
    is_new = not run.folder.exists()
    run.folder.mkdir(parents=True, exist_ok=True)
    handle = _take(run)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(run.folder / LOCK)  # still locked, so it is this process's file
        os.close(handle)
        if is_new:
            with contextlib.suppress(OSError):  # the run has files
                run.folder.rmdir()


def check_unlocked(run: Run) -> None:
    """Raises RunError if a process has locked the run; changes nothing."""
    path = run.folder / LOCK
    try:
        handle = _open(path, os.O_RDONLY)
    except OSError:
        return  # not locked
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(_describe_holder(run, handle)) from None
    except OSError:
        return
    finally:
        os.close(handle)


def _open(path: Path, flags: int) -> int:
    """Opens a lock file; raises RunError if it is a link or another special file."""
    problem = RunError(f"{path} is not a regular file: remove it")
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise problem from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise problem
    return handle


def _take(run: Run) -> int:
    path = run.folder / LOCK
    while True:
        handle = _open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = _describe_holder(run, handle)
            os.close(handle)
            raise RunError(message) from None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                os.close(handle)
                raise
            print(
                f"{path}: this file system has no locks ({error.strerror}): make sure that no "
                "other process trains this run",
                flush=True,
            )
        if _is_at(path, handle):
            break
        os.close(handle)  # its holder has just ended and removed it
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": sys.argv}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)
    return handle


def _is_at(path: Path, handle: int) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    return False


def _describe_holder(run: Run, handle: int) -> str:
    who, stop = "another process", "stop it"
    try:
        holder = json.loads(os.pread(handle, 10_000, 0))
        pid, host = int(holder["pid"]), str(holder["host"])
        command = shlex.join(map(str, holder["command"]))
    except (ValueError, KeyError, TypeError):
        pass  # the holder has not written it yet
    else:
        who = f"process {pid} on {host} (python {command})"
        stop = f"stop it with kill {pid}"
        if host != socket.gethostname():
            stop += f" on {host}"
    return (
        f"{run.folder} is being trained by {who}: wait until it ends, {stop}, or type "
        "--run_name NAME to train another run"
    )
