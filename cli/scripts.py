"""Runs a script: one-line errors and exit statuses."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from cli import environment
from cli.parsing import UsageError


def run_script(main: Callable[[list[str]], None], errors: tuple[type[Exception], ...]) -> None:
    """Runs a script's ``main(argv)``; an error is one line on stderr and an exit status.

    The status is 2 for a bad command line, 1 for other errors, 130 for Ctrl-C.

    Args:
        main: takes ``sys.argv``.
        errors: exceptions whose messages are meant for the user: status 1.
    """
    script = Path(sys.argv[0]).name
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # paths may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        environment.prepare(sys.argv)
        main(sys.argv)
    except UsageError as error:
        print(f"{script}: {on_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except errors as error:
        print(f"{script}: {on_one_line(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"\n{script}: interrupted", file=sys.stderr)
        sys.exit(130)


def on_one_line(error: Exception) -> str:
    """Returns an error's message on one line, without control characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
