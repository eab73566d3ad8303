"""Folders of images for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import data
from data.sources import folder

SIZE = (6, 4)  # height, width


def write(path: Path, level: int | np.ndarray = 0, mode: str = "L", **options: Any) -> Path:
    """Writes an image file of one gray level, or of an array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(SIZE, level, np.uint8) if isinstance(level, int) else level
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def fill(root: Path, name: str, levels: range, suffix: str = "png") -> None:
    """Writes one file per gray level, which is the file's name too."""
    for level in levels:
        write(root / name / f"{level:03}.{suffix}", level)


def describe(root: Path, **settings: Any) -> data.DatasetInfo:
    return data.describe(str(root), settings=settings)


def load(info: data.DatasetInfo, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    return folder.load(info, split)


def levels_of(info: data.DatasetInfo, split: str) -> list[int]:
    """Returns the gray level of each image of a split."""
    return load(info, split)[0][:, 0, 0, 0].tolist()
