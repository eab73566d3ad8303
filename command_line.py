"""How a command line is read: checked values, flag files, booleans, help, and one-line errors.

Over absl: no TensorFlow, no global flags. What flags there are is in ``options.py``.
"""

from __future__ import annotations

import difflib
import io
import math
import os
import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from cli import environment

LONGEST_NAME = 255  # bytes, of a folder's name on the file systems there are


class UsageError(Exception):
    """A bad command line; the message is one line for the user."""


# --------------------------------------------------------------------------- values


class Number(flags.ArgumentParser):
    """A finite number within bounds."""

    def __init__(self, kind: type, low: float, high: float = math.inf, above: bool = False):
        self.kind, self.low, self.high, self.above = kind, low, high, above
        noun = "a whole number" if kind is int else "a number"
        bound = f"above {low}" if above else f"of at least {low}"
        self.accepted = f"{noun} {bound}" + (f", at most {high}" if high < math.inf else "")

    def parse(self, argument: Any) -> Any:
        try:
            number = self.kind(argument)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"expected {self.accepted}") from None
        too_low = number <= self.low if self.above else number < self.low
        if not math.isfinite(number) or too_low or number > self.high:
            raise ValueError(f"expected {self.accepted}")
        return number

    def flag_type(self) -> str:
        return self.accepted


class Numbers(flags.ArgumentParser):
    """Whole numbers and words with commas between them; their text is the value."""

    def __init__(self, low: int, words: Collection[str] = ()):
        self.low, self.words = low, words
        others = f", or {_either(list(words))}" if words else ""
        self.accepted = f"whole numbers of at least {low}, with commas between them{others}"

    def parse(self, argument: Any) -> str:
        parts = [part.strip() for part in str(argument).split(",")]
        for part in parts:
            is_number = re.fullmatch(r"[0-9]{1,6}", part) and int(part) >= self.low
            if not is_number and part not in self.words:
                raise ValueError(f"expected {self.accepted}")
        return ",".join(part if part in self.words else str(int(part)) for part in parts)

    def flag_type(self) -> str:
        return "numbers"


class Several(flags.ArgumentParser):
    """One value, as ``one`` reads it; or a tuple of different ones, with commas between them."""

    def __init__(self, one: flags.ArgumentParser):
        self.one = one

    def parse(self, argument: Any) -> Any:
        parts = [part.strip() for part in str(argument).split(",")]
        try:
            found = tuple(self.one.parse(part) for part in parts)
        except ValueError as error:
            raise ValueError(f"{error}; or several, with commas between them") from None
        if len(set(found)) < len(found):
            raise ValueError("expected each value once")
        return found if len(found) > 1 else found[0]

    def flag_type(self) -> str:
        return f"{self.one.flag_type()}; or several"


class Choice(flags.ArgumentParser):
    """One of a few names; a near miss is answered with the closest."""

    def __init__(self, names: Collection[str]):
        self.names = list(names)

    def parse(self, argument: Any) -> str:
        if argument not in self.names:
            close = difflib.get_close_matches(str(argument), self.names, n=2, cutoff=0.5)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise ValueError(f"expected {_either(self.names)}{hint}")
        return argument

    def flag_type(self) -> str:
        return "|".join(self.names)


class Choices(flags.ArgumentParser):
    """Some of a few names, with commas between them; their text is the value."""

    def __init__(self, names: Collection[str]):
        self.one = Choice(names)

    def parse(self, argument: Any) -> str:
        return ",".join(self.one.parse(part.strip()) for part in str(argument).split(","))

    def flag_type(self) -> str:
        return self.one.flag_type() + ",..."


class Folder(flags.ArgumentParser):
    """A path, not empty."""

    def parse(self, argument: Any) -> str:
        if not argument or "\0" in argument:
            raise ValueError("expected a path")
        return argument

    def flag_type(self) -> str:
        return "path"


class ClassName(flags.ArgumentParser):
    """A class of a dataset, by its name or number; which there are the run says."""

    def parse(self, argument: Any) -> str:
        if not re.fullmatch(r"[^\n\r]{1,50}", argument):
            raise ValueError("expected a class's name or number")
        return argument

    def flag_type(self) -> str:
        return "class"


class RunName(flags.ArgumentParser):
    """The name of a folder in trained_model/."""

    def parse(self, argument: Any) -> str:
        fits = re.fullmatch(r"[^\W_][\w.,=+ -]{0,150}", argument)
        if not fits or len(argument.encode()) > LONGEST_NAME:
            raise ValueError(
                "expected a folder's name: a letter or digit, then up to 150 letters, digits, "
                f"spaces or any of _ . , = + -, in {LONGEST_NAME} bytes at most"
            )
        return argument

    def flag_type(self) -> str:
        return "name"


class RunNames(flags.ArgumentParser):
    """Names of runs or patterns of them, with commas between them; their text is the value."""

    def parse(self, argument: Any) -> str:
        if not re.fullmatch(r"[\w.,=+* ?-]+", argument) or "" in argument.split(","):
            raise ValueError(
                "expected names of runs in trained_model/, with commas between them; * and ? "
                "stand for any letters and any one"
            )
        return argument

    def flag_type(self) -> str:
        return "names"


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


class Option(NamedTuple):
    """One flag. ``letters`` stand before its value in a run's name when it is not at its
    default; a flag without them does not change the result, or shows in every name. ``only``
    is the flag and the value that it belongs to, such as ``("network", "conv")``."""

    name: str
    parser: flags.ArgumentParser | None  # None: a boolean
    default: Any
    help: str
    letters: str = ""
    only: tuple[str, str] | None = None


# -------------------------------------------------------------------------- parsing

_LONGEST_FLAG_FILE = 10**6  # letters
_TRUE_OR_FALSE = ("true", "false", "t", "f", "1", "0")


def parse(argv: list[str], options: list[Option], purpose: str) -> flags.FlagValues:
    """Returns the values of ``options`` in ``argv``; prints and exits for ``--help``.

    Args:
        argv: the script's name, then its arguments.
        options: every flag there is.
        purpose: the first line of ``--help``.

    Raises:
        UsageError: for a bad command line.
    """
    values = flags.FlagValues()
    for option in options:
        if option.parser is None:
            flags.DEFINE_boolean(option.name, option.default, option.help, flag_values=values)
        else:
            serializer: flags.ArgumentSerializer = flags.ArgumentSerializer()
            flags.DEFINE(option.parser, option.name, None, option.help, values, serializer)
            values[option.name].value = option.default  # trusted: not put through the check
    script = Path(argv[0]).name
    try:
        booleans = {option.name for option in options if option.parser is None}
        words = _join_booleans(_read_flag_files(argv[1:]), booleans)
        left = values([argv[0], *words])[1:]
    except flags.Error as error:
        message = " ".join(str(error).split())
        raise UsageError(f"{message} (python {script} --help lists the flags)") from None
    if left:
        raise UsageError(
            f"unexpected argument {left[0]!r}: flags are written --name value "
            f"(python {script} --help lists them)"
        )
    if values["help"].value:
        print(_help_text(script, purpose, options))
        sys.exit(0)
    return values


def _read_flag_files(words: list[str], reading: tuple[Path, ...] = ()) -> list[str]:
    """Puts the lines of flag files in the place of ``--flagfile``, those within them too.

    absl's reader is not used: it warns where we raise, and reads for ever where a file names
    itself. Nor is absl's ``--undefok``, which lets flags through that nobody knows.

    Args:
        words: of the command line, or of a file.
        reading: the files that led here, outermost first.
    """
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if re.match(r"--?undefok(=|$)", word):
            raise UsageError("flag --undefok: no flag is let through unread here; leave it out")
        match = re.fullmatch(r"--?flagfile(=.*)?", word, re.DOTALL)
        if word == "--":
            return [*found, word, *rest]
        if match is None:
            found.append(word)
            continue
        name = next(rest, "") if match[1] is None else match[1][1:]
        if not name:
            raise UsageError(f"{word} with no argument: name a file")
        path = Path(os.path.abspath(os.path.expanduser(name)))
        if path in reading:
            raise UsageError(f"flag file {path} reads itself: take --flagfile out of it")
        found += _read_flag_files(_read_words(path), (*reading, path))
    return found


def _read_words(path: Path) -> list[str]:
    """Returns the words of a flag file, a flag and its value a line."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_FLAG_FILE + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the flag file {path} is not UTF-8 text ({error})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the flag file {path} cannot be read ({reason}): type --flagfile=configs/NAME.flags"
        ) from None
    if len(text) > _LONGEST_FLAG_FILE:
        raise UsageError(f"the flag file {path} is longer than a million letters, so none of ours")
    words: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", "//")):
            continue
        match = re.fullmatch(r"(--?\w+)\s+(\S.*)", line)
        words += match.groups() if match else [line]
    return words


def _join_booleans(words: list[str], booleans: Collection[str]) -> list[str]:
    """Rewrites ``--flag 0`` to ``--flag=0`` for boolean flags, as for any other.

    absl takes a boolean without ``=`` as true and leaves its value over.

    Raises:
        UsageError: if the value is neither true nor false.
    """
    joined: list[str] = []
    previous = ""
    for word in words:
        if previous.lstrip("-") in booleans and previous.startswith("-") and word[:1] != "-":
            joined[-1] = word = f"{previous}={word}"
            previous = ""
        else:
            joined.append(word)
            previous = word
        name, equals, value = word.lstrip("-").partition("=")
        if equals and name.removeprefix("no") in booleans and name not in booleans:
            raise UsageError(f"flag {word}: expected --{name} alone, or --{name[2:]} 0")
        if equals and name in booleans and value.lower() not in _TRUE_OR_FALSE:
            raise UsageError(f"flag --{name}={value}: expected true or false, or 1 or 0")
    return joined


def _help_text(script: str, purpose: str, options: list[Option]) -> str:
    lines = [purpose, "", f"python {script} [--flagfile=configs/NAME.flags] [--flag value] ...", ""]
    for option in options:
        kind = "1|0" if option.parser is None else option.parser.flag_type()
        default = "" if option.default in (None, False) else f" (default {option.default})"
        lines.append(f"  --{option.name} <{kind}>")
        belongs = f"; with --{option.only[0]} {option.only[1]}" if option.only else ""
        lines.append(f"      {option.help}{belongs}{default}")
    return "\n".join(lines)


def run_script(main: Callable[[list[str]], None], errors: tuple[type[Exception], ...]) -> None:
    """Runs a script's ``main(argv)``; a mistake is one line on stderr and an exit status.

    Args:
        main: takes ``sys.argv``.
        errors: exceptions whose messages are meant for the user: status 1.
    """
    script = Path(sys.argv[0]).name
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may hold what the terminal cannot show
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
    """Returns what an error says, on one line and with nothing that steers a terminal."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
