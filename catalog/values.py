"""Types of flag values: each parses text, formats a value, and says what it accepts."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import re
from collections.abc import Collection
from typing import Any

MAX_LEVELS = 5  # of a hierarchy
MAX_NAME_BYTES = 255  # of a folder's name, on common file systems
ARRAY_SUFFIXES = (".npz", ".npy")
# A dataset of TFDS: its name, a configuration if it has any, and a version if one is wanted.
TFDS_NAME = re.compile(
    r"[a-z][a-z0-9_]{0,99}(/[A-Za-z0-9][\w.+-]{0,99})?(:\d{1,9}\.\d{1,9}\.\d{1,9})?", re.ASCII
)


def counted(number: int, noun: str) -> str:
    """Returns e.g. ``"1 epoch"`` or ``"12,000 steps"``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def join_or(names: Collection[str]) -> str:
    """Returns ``"a, b or c"``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def to_levels(latent_dim: Any) -> tuple[int, ...]:
    """Returns the dimensions of each level of latent variables, of which most models have one."""
    return tuple(latent_dim) if isinstance(latent_dim, list | tuple) else (latent_dim,)


class Value:
    """A type of value.

    Attributes:
        accepted: what is accepted, to follow the word "expected".
        syntax: a short form of it for ``--help``.
        may_be_alone: whether the flag without a value means true.
    """

    accepted = ""
    syntax = ""
    may_be_alone = False

    def parse(self, text: str) -> Any:
        """Returns the value; raises ValueError, whose message says what is accepted."""
        raise NotImplementedError

    def format(self, value: Any) -> str:
        """Returns the text that parses to the value."""
        return str(value)

    def _refuse(self) -> ValueError:
        return ValueError(f"expected {self.accepted}")


@dataclasses.dataclass(frozen=True)
class Boolean(Value):
    """True or false."""

    accepted = "true or false, or 1 or 0"
    syntax = "1|0"
    may_be_alone = True

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word not in ("true", "t", "1", "false", "f", "0"):
            raise self._refuse()
        return word in ("true", "t", "1")

    def format(self, value: Any) -> str:
        return "1" if value else "0"


@dataclasses.dataclass(frozen=True)
class Auto(Boolean):
    """True, false, or None for ``auto``."""

    accepted = "auto, 1 or 0"
    syntax = "auto|1|0"
    may_be_alone = False

    def parse(self, text: str) -> Any:
        return None if text == "auto" else super().parse(text)

    def format(self, value: Any) -> str:
        return "auto" if value is None else super().format(value)


@dataclasses.dataclass(frozen=True)
class Number(Value):
    """A finite number within bounds.

    Args:
        kind: ``int`` or ``float``.
        low, high: the bounds.
        above: whether ``low`` itself is excluded.
    """

    kind: type = float
    low: float = 0
    high: float = math.inf
    above: bool = False

    @property
    def accepted(self) -> str:  # type: ignore[override]
        noun = "an integer" if self.kind is int else "a number"
        bound = f"above {self.low}" if self.above else f"of at least {self.low}"
        return f"{noun} {bound}" + (f", at most {self.high}" if self.high < math.inf else "")

    @property
    def syntax(self) -> str:  # type: ignore[override]
        return "integer" if self.kind is int else "number"

    def parse(self, text: str) -> Any:
        try:
            number = self.kind(text)
        except (TypeError, ValueError, OverflowError):
            raise self._refuse() from None
        too_low = number <= self.low if self.above else number < self.low
        if not math.isfinite(number) or too_low or number > self.high:
            raise self._refuse()
        return number


@dataclasses.dataclass(frozen=True)
class Spacing(Number):
    """A number of steps, or ``log`` for growing distances."""

    @property
    def accepted(self) -> str:  # type: ignore[override]
        return f"{super().accepted}, or log"

    @property
    def syntax(self) -> str:  # type: ignore[override]
        return "integer|log"

    def parse(self, text: str) -> Any:
        return text if text == "log" else super().parse(text)


@dataclasses.dataclass(frozen=True)
class Choice(Value):
    """One of a few names; errors suggest the closest ones."""

    names: tuple[str, ...]

    @property
    def accepted(self) -> str:  # type: ignore[override]
        return join_or(self.names)

    @property
    def syntax(self) -> str:  # type: ignore[override]
        return "|".join(self.names)

    def parse(self, text: str) -> str:
        if text not in self.names:
            raise ValueError(f"expected {self.accepted}{self.suggest(text, self.names)}")
        return text

    def suggest(self, text: str, names: Collection[str], cutoff: float = 0.5) -> str:
        """Returns the end of a message: the closest of some names; empty if none is close."""
        close = difflib.get_close_matches(text, names, n=2, cutoff=cutoff)
        return f"; did you mean {join_or(close)}?" if close else ""


@dataclasses.dataclass(frozen=True)
class Dataset(Choice):
    """The name of a dataset, or the path of a folder of images or of an array file.

    A text that is no known name is a path if it is an existing file or folder or ends in ``.npz``
    or ``.npy``; otherwise the name of a dataset of TFDS if it looks like one; otherwise a path if
    it contains a separator. Paths are parsed to absolute ones. Whether TFDS has a dataset of that
    name is not known here, as it may be one that the user has prepared.
    """

    @property
    def accepted(self) -> str:  # type: ignore[override]
        return (
            f"{join_or(self.names)}, another image dataset of TFDS such as cifar10 or "
            "emnist/letters, or the path of a folder of images or of an .npz or .npy file"
        )

    @property
    def syntax(self) -> str:  # type: ignore[override]
        return f"{super().syntax}|name|path"

    def parse(self, text: str) -> str:
        if text in self.names or not text or "\0" in text:
            return super().parse(text)
        is_path = text.endswith(ARRAY_SUFFIXES) or os.path.isdir(text)
        if not is_path and TFDS_NAME.fullmatch(text) and not os.path.exists(text):
            return text
        if not is_path and os.sep not in text:
            return super().parse(text)
        path = os.path.abspath(os.path.expanduser(text))
        if path == os.path.dirname(path):  # the root of all files
            raise self._refuse()
        return path


@dataclasses.dataclass(frozen=True)
class Several(Value):
    """A tuple of values, written with commas between them.

    Args:
        item: the type of each.
        words: names accepted in place of an item.
        may_be_empty: whether ``none`` stands for no value at all.
    """

    item: Value
    words: tuple[str, ...] = ()
    may_be_empty: bool = False

    @property
    def accepted(self) -> str:  # type: ignore[override]
        words = [*self.words, *(["none"] if self.may_be_empty else [])]
        others = f", or {join_or(words)}" if words else ""
        return f"{self.item.accepted}, or several with commas between them{others}"

    @property
    def syntax(self) -> str:  # type: ignore[override]
        words = [*self.words, *(["none"] if self.may_be_empty else [])]
        return f"{'|'.join([self.item.syntax, *words])},..."

    def parse(self, text: str) -> tuple[Any, ...]:
        if self.may_be_empty and text == "none":
            return ()
        parts = [part.strip() for part in text.split(",")]
        try:
            return tuple(part if part in self.words else self.item.parse(part) for part in parts)
        except ValueError as error:
            hint = str(error) if isinstance(self.item, Choice) else f"expected {self.accepted}"
            raise ValueError(hint) from None

    def format(self, value: Any) -> str:
        return ",".join(map(str, value)) or "none"


@dataclasses.dataclass(frozen=True)
class Levels(Several):
    """A number; or several, one for each level of a hierarchy, parsed to a tuple."""

    @property
    def accepted(self) -> str:  # type: ignore[override]
        return f"{self.item.accepted}, or one for each of up to {MAX_LEVELS} levels with commas"

    def parse(self, text: str) -> Any:
        values = super().parse(text)
        if len(values) > MAX_LEVELS:
            raise self._refuse()
        return values if len(values) > 1 else values[0]

    def format(self, value: Any) -> str:
        return super().format(to_levels(value))


@dataclasses.dataclass(frozen=True)
class Paths(Several):
    """Paths with commas between them; the path of an existing file may contain commas itself."""

    def parse(self, text: str) -> tuple[Any, ...]:
        path = os.path.expanduser(text)
        if text and "\0" not in text and os.path.exists(path):
            return (path,)
        return tuple(map(os.path.expanduser, super().parse(text)))


@dataclasses.dataclass(frozen=True)
class ImageSize(Several):
    """Height and width in pixels; one number stands for both."""

    accepted = "a height and a width with a comma between them, or one number for both"
    syntax = "height,width"

    def parse(self, text: str) -> tuple[Any, ...]:
        try:
            height, width = super().parse(text if "," in text else f"{text},{text}")
        except ValueError:
            raise self._refuse() from None
        return height, width


@dataclasses.dataclass(frozen=True)
class Text(Value):
    """Text that matches a pattern.

    Args:
        pattern: a regular expression for the complete text.
        accepted, syntax: see ``Value``.
        max_bytes: of its UTF-8 form.
    """

    pattern: str
    accepted: str = ""
    syntax: str = "text"
    max_bytes: int = 10_000

    def parse(self, text: str) -> str:
        fits = re.fullmatch(self.pattern, text)
        if not fits or len(text.encode(errors="surrogateescape")) > self.max_bytes:
            raise self._refuse()
        return text


@dataclasses.dataclass(frozen=True)
class Sweep(Value):
    """``flag=value,value,…``: one run for each value; parsed to (flag, texts of the values)."""

    accepted = "a flag and its values, such as latent_dim=2,4,8"
    syntax = "flag=value,..."

    def parse(self, text: str) -> tuple[str, tuple[str, ...]]:
        match = re.fullmatch(r"(?:--)?([a-z]\w*)=(.+)", text)
        if not match:
            raise self._refuse()
        # A semicolon separates values that contain commas: hidden_dim=500;512,256.
        texts = tuple(part.strip() for part in re.split(";" if ";" in match[2] else ",", match[2]))
        if len(set(texts)) < len(texts) or "" in texts:
            raise ValueError("expected each value once")
        return match[1], texts

    def format(self, value: Any) -> str:
        flag, texts = value
        return f"{flag}={(';' if any(',' in text for text in texts) else ',').join(texts)}"


class Pairs(Value):
    """Pairs of texts, ``A,B`` or ``A,B;C,D``; parsed to a tuple of pairs."""

    accepted = (
        "two test images by number, or two image files, with a comma between them, such as 3,17 "
        "or a.png,b.png; several pairs with semicolons"
    )
    syntax = "A,B"

    def parse(self, text: str) -> tuple[tuple[str, str], ...]:
        pairs = [[part.strip() for part in pair.split(",")] for pair in text.split(";")]
        if "\0" in text or any(len(pair) != 2 or "" in pair for pair in pairs):
            raise self._refuse()
        return tuple((first, second) for first, second in pairs)

    def format(self, value: Any) -> str:
        return ";".join(map(",".join, value))


COUNT = Number(int, 1, 10**9)
SIZE = Number(int, 1, 10**6)  # of a layer
PATH = Text(r"[^\0]+", "a path", "path")
RUN_NAME = Text(
    r"[^\W_][\w.,=+ -]{0,150}",
    "a folder's name: a letter or digit, then up to 150 letters, digits, spaces or any of "
    f"_ . , = + -, in {MAX_NAME_BYTES} bytes at most",
    "name",
    MAX_NAME_BYTES,
)
RUN_NAMES = Text(
    r"[\w.=+* ?-]+(,[\w.=+* ?-]+)*",
    "names of runs in trained_model/, with commas between them; * stands for any characters, ? for "
    "one",
    "names",
)
CLASS = Text(r"[^\n\r]{1,50}", "the name or number of a class", "class")
