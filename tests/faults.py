"""Faults of the disk and of the process, one at a time, at every place where they can be.

What a program does to a folder passes through few functions of the system. Here they are
counted, and the one whose turn it is fails: with an OSError, as of a full disk, or as if the
process had been killed there, after which nothing reaches the disk any more, cleaning up
included. A write that fails has half of it done.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FUNCTIONS = ("replace", "link", "fsync", "unlink", "rmdir", "mkdir", "sendfile")
MODES = ("full disk", "killed")


class Killed(BaseException):
    """Nobody catches it, as nobody survives SIGKILL."""


class Disk:
    """Counts what is done to files below a folder, and lets one of it fail.

    Args:
        folder: whose files count.
        fail_at: which of them fails, from 0 on; None for none.
        mode: how, of ``MODES``.

    Attributes:
        done: what was done, such as ``"replace run.json"``.
        dead: whether the process counts as killed.
    """

    def __init__(self, folder: Path, fail_at: int | None = None, mode: str = "killed"):
        self.folder = os.path.abspath(folder)
        self.fail_at = fail_at
        self.mode = mode
        self.done: list[str] = []
        self.dead = False

    def fails(self, what: str, path: Any) -> bool:
        """Notes what is about to be done; returns whether it is to fail."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        path = os.path.abspath(path)
        if not path.startswith(self.folder):
            return False
        if self.dead:
            return True
        self.done.append(f"{what} {os.path.basename(path)}")
        return len(self.done) - 1 == self.fail_at

    def fail(self) -> None:
        """Fails, in the way of its mode."""
        if self.mode == "killed":
            self.dead = True
            raise Killed
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _File(io.FileIO):
    def __init__(self, path: Any, mode: str, disk: Disk):
        self.disk = disk
        self.opened_path = path
        super().__init__(path, mode)

    def write(self, data: Any) -> int:
        if self.disk.dead:
            return len(data)  # nobody is there to be told
        if self.disk.fails("write", self.opened_path):
            super().write(memoryview(data).cast("B")[: memoryview(data).nbytes // 2])
            self.disk.fail()
        return super().write(data)


@contextlib.contextmanager
def disk(folder: Path, fail_at: int | None = None, mode: str = "killed") -> Iterator[Disk]:
    """Counts, and fails, what is done to files below a folder."""
    watched = Disk(folder, fail_at, mode)

    def wrap(name: str, function: Callable) -> Callable:
        def wrapped(path, *args, **kwargs):
            # A rename, or a link, is told by the name that it makes.
            if watched.fails(name, args[0] if name in ("replace", "link") else path):
                watched.fail()
            return function(path, *args, **kwargs)

        return wrapped

    opened = builtins.open

    def open_file(path, mode="r", *args, **kwargs):
        if isinstance(path, int) or not set(mode) & set("wxa"):
            return opened(path, mode, *args, **kwargs)
        if watched.fails("open", path):
            watched.fail()
        if not os.path.abspath(path).startswith(watched.folder):
            return opened(path, mode, *args, **kwargs)
        file: Any = io.BufferedWriter(_File(path, mode.replace("b", "").replace("t", ""), watched))
        if "b" in mode:
            return file
        encoding = kwargs.get("encoding") or "utf-8"
        return io.TextIOWrapper(file, encoding=encoding, newline=kwargs.get("newline"))

    with pytest.MonkeyPatch.context() as patch:
        for name in FUNCTIONS:
            patch.setattr(os, name, wrap(name, getattr(os, name)))
        patch.setattr(builtins, "open", open_file)
        patch.setattr(io, "open", open_file)
        yield watched


def count(folder: Path, act: Callable[[], object]) -> list[str]:
    """Returns what an act does to files below a folder."""
    with disk(folder) as watched:
        act()
    return watched.done
