"""Lists as the command line has them: ``"512,256"``."""

from __future__ import annotations

from typing import Any


def split(text: Any, count: int = 1) -> list[Any]:
    """Takes ``"512,256"`` apart; one alone stands for ``count`` alike; ``"none"`` for none.

    What is written as a whole number becomes one; other words, such as activations, stay.
    """
    if isinstance(text, list | tuple):
        return list(text) * count if len(text) == 1 else list(text)
    words = [] if text == "none" else str(text).split(",")
    values: list[Any] = [int(word) if word.isdecimal() else word for word in words]
    return values * count if len(values) == 1 else values
