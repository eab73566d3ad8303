"""Rules and words that folders and array files of the user's own images share."""

from __future__ import annotations

from collections.abc import Sequence

from data import DataError

MOST_CLASSES = 2_000  # whose names stand in run.json


def check_path(path: str) -> None:
    """Raises DataError for a path that would control the terminal that it is printed on."""
    if not path.isprintable():
        raise DataError(f"{path} has characters that cannot be printed: rename it")


def make_printable(text: str) -> str:
    """Replaces the characters that cannot be printed by their numbers."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def count_classes(class_names: Sequence[str]) -> str:
    """Returns e.g. ``"12 classes"``."""
    count = len(class_names)
    return f"{count:,} class{'es' if count > 1 else ''}"


def note_conversions(
    size: tuple[int, int], is_resized: bool, is_gray: bool, had_color: bool
) -> list[str]:
    """Returns how images are converted, one line for each conversion.

    Args:
        size: (height, width) that they get.
        is_resized: whether any has another size before.
        is_gray: whether they get one channel.
        had_color: whether any has colors before.
    """
    notes = []
    if is_resized:
        notes.append(f"resized and cropped at the center to {size[0]}×{size[1]}")
    if is_gray == had_color:
        notes.append("converted to gray" if is_gray else "gray images converted to color")
    return notes
