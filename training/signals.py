"""Ctrl-C and SIGTERM: stop at the next place from which the run can go on."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from types import FrameType


class Stopped(Exception):
    """The user or the system asked to stop; the run is saved. ``status``: to exit with."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class StopSignals:
    """While entered, notes SIGINT and SIGTERM instead of dying of them.

    Attributes:
        received: the signal's number, 0 if there was none.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def take_back(self) -> None:
        """Notes them again, after a library has put its own handlers in the place of these."""
        for number in self._before:
            signal.signal(number, self._note)

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number

    def stop_if_received(self) -> None:
        """Raises Stopped if there was a signal."""
        if self.received:
            raise Stopped(self.received)


def command_to_resume(argv: Sequence[str], resume: bool, overwrite: bool, rewound: bool) -> str:
    """Returns the command that goes on where ``argv`` was stopped.

    Args:
        argv: the script's name, then its arguments.
        resume, overwrite: whether these flags are on in it.
        rewound: whether it went on from an older checkpoint, as the next must not again.
    """
    words = ["python", *argv]
    words += ["--overwrite=0"] if overwrite else []
    words += [] if resume else ["--resume"]
    words += ["--resume_from=last"] if rewound else []
    return shlex.join(words)
