"""The progress of a long evaluation."""

from __future__ import annotations

import sys
import time

_SECONDS = 60.0  # between lines in a file


class Progress:
    """Prints lines, each in the place of the one before; into a file, one line per minute."""

    def __init__(self) -> None:
        self._printed = time.monotonic()

    def show(self, text: str, is_last: bool) -> None:
        """Prints a line of at most 79 characters; on a terminal, the last one stays."""
        if sys.stdout.isatty():
            print(f"\r{text:<79}", end="\n" if is_last else "", flush=True)
        elif time.monotonic() - self._printed > _SECONDS:
            print(text, flush=True)
            self._printed = time.monotonic()
