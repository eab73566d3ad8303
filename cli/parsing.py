"""Reading a command line: flag files, booleans, near misses, and one-line errors.

Built on absl, without its global flags. No TensorFlow.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from absl import flags as absl

from catalog.flags import Flag
from catalog.values import Several, Value
from cli.near_misses import suggest

_MAX_CHARACTERS = 10**6  # of a flag file


class UsageError(Exception):
    """A bad command line; the message is one line for the user."""


class _Parser(absl.ArgumentParser):
    """Parses by the type of a flag.

    Args:
        type_: the flag's type.
        sweep: the name of the flag if it can be swept, else empty.
    """

    def __init__(self, type_: Value, sweep: str):
        self.type, self.sweep = type_, sweep

    def parse(self, argument: Any) -> Any:
        try:
            return self.type.parse(argument)
        except ValueError as error:
            if not self.sweep or "," not in argument or isinstance(self.type, Several):
                raise
            parts = [part.strip() for part in argument.split(",")]
            for part in parts:
                self.type.parse(part)
            sweep = f"--sweep {self.sweep}={','.join(parts)}"
            raise ValueError(f"{error}; to train one run for each, type {sweep}") from None


class _Flag(absl.Flag):
    """A flag of absl that knows its position among those given; the last one counts."""

    _positions = itertools.count(1)
    position = 0

    def parse(self, argument: Any) -> None:
        super().parse(argument)
        self.position = next(self._positions)


def parse(
    argv: Sequence[str],
    flags: Iterable[Flag],
    sweepable: Collection[str] = (),
    of_other_script: Collection[str] = (),
) -> absl.FlagValues:
    """Returns the values of ``flags`` in a command line.

    Args:
        argv: the script's name, then its arguments.
        flags: every flag of the script.
        sweepable: names of flags that ``--sweep`` accepts.
        of_other_script: names of the other script's flags, for the message on an unknown flag.

    Raises:
        UsageError: for a bad command line.
    """
    values = absl.FlagValues()
    booleans = set()
    for flag in flags:
        is_boolean = flag.type.may_be_alone
        if is_boolean:
            booleans.add(flag.name)
        parser = _Parser(flag.type, flag.name if flag.name in sweepable else "")
        serializer: absl.ArgumentSerializer = absl.ArgumentSerializer()
        values[flag.name] = _Flag(
            parser, serializer, flag.name, None, flag.help, boolean=is_boolean
        )
        values[flag.name].value = flag.default
    script = Path(argv[0]).name
    lists = f"python {script} --help all lists the flags"
    try:
        words = _join_booleans(_read_flag_files(argv[1:]), booleans)
        rest = values([argv[0], *words])[1:]
    except absl.UnrecognizedFlagError as error:
        hint = suggest(error.flagname, script, list(values), of_other_script)
        name = " ".join(error.flagname.split())
        raise UsageError(f"unknown flag --{name}{hint} ({lists})") from None
    except absl.Error as error:
        raise UsageError(" ".join(str(error).split())) from None
    if rest:
        raise UsageError(
            f"unexpected argument {rest[0]!r}: flags are written --name value ({lists})"
        )
    return values


def _read_flag_files(words: Sequence[str], reading: tuple[Path, ...] = ()) -> list[str]:
    """Replaces each ``--flagfile`` with the words of the file, nested files included.

    absl's reader is not used: it only warns of what is an error here, and does not stop if a file
    includes itself. Its ``--undefok``, which accepts unknown flags, is refused.

    Args:
        words: of the command line, or of a file.
        reading: the files that led here, outermost first.
    """
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if re.match(r"--?undefok(=|$)", word):
            raise UsageError("flag --undefok: unknown flags are always errors; leave it out")
        match = re.fullmatch(r"--?flagfile(=.*)?", word, re.DOTALL)
        if word == "--":
            return [*found, word, *rest]
        if match is None:
            found.append("--help" if word == "-h" else word)
            continue
        name = next(rest, "") if match[1] is None else match[1][1:]
        if not name:
            raise UsageError(f"{word} without a file: type --flagfile=configs/NAME.flags")
        path = Path(os.path.abspath(os.path.expanduser(name)))
        if path in reading:
            raise UsageError(f"the flag file {path} reads itself: remove --flagfile from it")
        found += _read_flag_files(_read_words(path), (*reading, path))
    return found


def _read_words(path: Path) -> list[str]:
    """Returns the words of a flag file, which has a flag and its value per line."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the flag file {path} is not UTF-8 text ({error})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the flag file {path} cannot be read ({reason}): type --flagfile=configs/NAME.flags"
        ) from None
    if len(text) > _MAX_CHARACTERS:
        raise UsageError(f"the flag file {path} exceeds {_MAX_CHARACTERS:,} characters")
    words: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", "//")):
            continue
        match = re.fullmatch(r"(--?\w+)\s+(\S.*)", line)
        words += match.groups() if match else [line]
    return words


def _join_booleans(words: Sequence[str], booleans: Collection[str]) -> list[str]:
    """Rewrites ``--flag 0`` to ``--flag=0`` for boolean flags.

    absl takes a boolean without ``=`` as true and leaves the value that follows.

    Raises:
        UsageError: for ``--noflag=value``.
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
        name, equals, _ = word.lstrip("-").partition("=")
        if equals and name.removeprefix("no") in booleans and name not in booleans:
            raise UsageError(f"flag {word}: expected --{name} alone, or --{name[2:]} 0")
    return joined
