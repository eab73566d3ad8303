"""One process on a run at a time.

The lock is the system's own (``flock``) on a file in the run's folder: it ends with the
process that holds it, however that ends. A file left by a process that was killed is
therefore no lock, and the next one takes it over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from runs.run import LOCK, Run, RunError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def locked(run: Run) -> Iterator[None]:
    """Holds a run while it is trained; makes its folder, if there is none.

    Raises:
        RunError: if another process holds it.
    """
    is_new = not run.folder.exists()
    run.folder.mkdir(parents=True, exist_ok=True)
    handle = _take(run)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(run.folder / LOCK)  # held to the end: no other can have made it anew
        os.close(handle)
        if is_new:
            with contextlib.suppress(OSError):  # it has files: the run's
                run.folder.rmdir()


def check_unlocked(run: Run) -> None:
    """Raises RunError if a process holds the run; changes nothing."""
    try:
        handle = os.open(run.folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return  # no lock, or none of ours
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(_describe_holder(run, handle)) from None
    except OSError:
        return
    finally:
        os.close(handle)


def _take(run: Run) -> int:
    path = run.folder / LOCK
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
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
                f"{path}: this file system has no locks ({error.strerror}): take care that no "
                "other process trains this run",
                flush=True,
            )
        if _is_at(path, handle):
            break
        os.close(handle)  # its holder has just ended, and removed it
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
        pass  # not written yet
    else:
        who = f"process {pid} on {host} (python {command})"
        stop = f"stop it with kill {pid}"
        if host != socket.gethostname():
            stop += f" there, on {host}"
    return (
        f"{run.folder} is being trained by {who}: wait for its end, {stop}, or type "
        "--run_name NAME for a run of its own"
    )
