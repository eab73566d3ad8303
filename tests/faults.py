"""Injects faults of the disk and of the process, one at a time, at every possible step.

A program changes a folder through few functions of the operating system. Their calls are counted
here, and a chosen one fails: with an OSError, as on a full disk, or as if the process were killed,
after which nothing is written any more, not even during cleanup. A write that fails has written
half of its data.
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
    """Raised in place of SIGKILL; the program must not catch it."""


class Disk:
    """Counts the operations on files below a folder, and makes one of them fail.

    Args:
        folder: the folder.
        fail_at: index of the operation that fails, from 0; None for no fault.
        mode: the kind of fault, one of ``MODES``.

    Attributes:
        done: the operations so far, such as ``"replace run.json"``.
        dead: whether the process counts as killed.
    """

    def __init__(self, folder: Path, fail_at: int | None = None, mode: str = "killed"):
        self.folder = os.path.abspath(folder)
        self.fail_at = fail_at
        self.mode = mode
        self.done: list[str] = []
        self.dead = False

    def fails(self, what: str, path: Any) -> bool:
        """Records an operation; returns whether it must fail."""
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
        """Raises the fault of this mode."""
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
            return len(data)  # a killed process gets no error
        if self.disk.fails("write", self.opened_path):
            super().write(memoryview(data).cast("B")[: memoryview(data).nbytes // 2])
            self.disk.fail()
        return super().write(data)


@contextlib.contextmanager
def disk(folder: Path, fail_at: int | None = None, mode: str = "killed") -> Iterator[Disk]:
    """A context in which the operations on files below a folder are counted, and one fails."""
    watched = Disk(folder, fail_at, mode)

    def wrap(name: str, function: Callable) -> Callable:
        def wrapped(path, *args, **kwargs):
            # A rename or a link is recorded with its new name.
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
    """Returns the operations of a function on files below a folder."""
    with disk(folder) as watched:
        act()
    return watched.done
