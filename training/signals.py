"""SIGINT (Ctrl-C) and SIGTERM: the training saves a checkpoint and stops."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from types import FrameType


class Stopped(Exception):
    """Raised after a signal, with the run saved.

    Attributes:
        status: exit status of the process.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class StopSignals:
    """A context in which SIGINT and SIGTERM are recorded instead of ending the process.

    Attributes:
        received: number of the first signal received, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._handlers[number] = signal.signal(number, self._record)
        return self

    def reinstall(self) -> None:
        """Installs the handlers again, after a library has installed its own."""
        for number in self._handlers:
            signal.signal(number, self._record)

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _record(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number

    def stop_if_received(self) -> None:
        """Raises Stopped if a signal was received."""
        if self.received:
            raise Stopped(self.received)


def command_to_resume(argv: Sequence[str], resume: bool, overwrite: bool, rewound: bool) -> str:
    """Returns the command that resumes a run which the command ``argv`` trained until it stopped.

    Args:
        argv: the script's name, then its arguments.
        resume, overwrite: the values of these flags in ``argv``.
        rewound: whether ``argv`` resumed from an older checkpoint; the new command must not.
    """
    words = ["python", *argv]
    words += ["--overwrite=0"] if overwrite else []
    words += [] if resume else ["--resume"]
    words += ["--resume_from=last"] if rewound else []
    return shlex.join(words)
