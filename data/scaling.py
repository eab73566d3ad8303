"""Scales of arrays of images: which number becomes 255."""

from __future__ import annotations

import hashlib

import numpy as np

from data.array_files import ArrayError, Arrays

_LEVELS = (1, 255, 1023, 4095, 16_383, 65_535)  # largest values of integers that are understood
_LEAST = 32  # the largest value of floats in [0, 255]; below, floats are in [0, 1]
_ROUNDING = 1e-6  # by which floats in [0, 1] may be above 1


def to_bytes(rows: np.ndarray, highest: float) -> np.ndarray:
    """Scales numbers in 0..highest to uint8 in 0..255, of the same shape."""
    if rows.dtype.kind == "f":
        pixels = np.round(np.minimum(rows.astype(np.float64), highest) * (255 / highest))
        return pixels.astype(np.uint8)
    if highest == 255:
        return rows.astype(np.uint8)
    top = int(highest)
    return ((rows.astype(np.int64) * 255 + top // 2) // top).astype(np.uint8)


def find_scale(
    arrays: Arrays, keys: list[str], known: tuple[str, float] | None = None
) -> tuple[tuple[str, float], str, str]:
    """Reads all images once.

    Args:
        known: the scale of the images that a run was trained on, see ``DatasetInfo``. Numbers of
            the same kind get this scale, whatever their largest value.

    Returns:
        the scale; the scaling in words; a digest of the images.

    Raises:
        ArrayError: if a value is negative, NaN or too high; the message names the first one.
    """
    digest, highest = hashlib.sha256(), 0.0
    dtypes = {arrays.dtypes[key] for key in keys}
    kind = "float" if any(dtype.kind == "f" for dtype in dtypes) else "integer"
    is_float = kind == "float"
    limits: tuple[float, ...] = (1 + _ROUNDING, 255) if is_float else (_LEVELS[-1],)
    if known is not None and known[0] != kind:
        known = None
    if known is not None:
        limits = (known[1] + (_ROUNDING if is_float else 0),)
    above: dict[float, str] = {}  # limit → the first value above it
    for key in keys:
        digest.update(f"{arrays.dtypes[key].str} {arrays.shapes[key]}".encode())
        first = 0
        for part in arrays.read(key):
            digest.update(np.ascontiguousarray(part).data)
            if part.dtype.kind in "if" and not np.all(part >= 0):  # also true of NaN
                raise ArrayError(_place(part, ~(part >= 0), key, first) + _expected(is_float))
            largest = float(part.max()) if part.size else 0.0
            for limit in limits:
                if largest > limit and limit not in above:
                    above[limit] = _place(part, part > limit, key, first)
            highest = max(highest, largest)
            first += len(part)
    types = " and ".join(sorted(map(str, dtypes)))
    if known is not None:
        for place in above.values():
            raise ArrayError(f"{place}: expected {kind}s up to {known[1]:,g}, as the run's images")
        return known, f"{types}, of which {known[1]:,g} becomes white", digest.hexdigest()
    if is_float and highest <= 1 + _ROUNDING:
        return (kind, 1), f"{types} in [0, 1], rounded to 256 levels", digest.hexdigest()
    if is_float and _LEAST <= highest <= 255:
        return (kind, 255), f"{types} in [0, 255], rounded to 256 levels", digest.hexdigest()
    if above and (not is_float or highest < _LEAST or highest > 255):
        place = above.get(255) or next(iter(above.values()))
        raise ArrayError(place + _expected(is_float))
    top = next(level for level in _LEVELS if highest <= level)
    if top == 255:
        return (kind, 255), f"{types} in 0..255", digest.hexdigest()
    return (kind, top), f"{types} in 0..{top:,}, scaled to 256 levels", digest.hexdigest()


def _expected(is_float: bool) -> str:
    if is_float:
        return ": expected floats in [0, 1], or in [0, 255] with some above 32"
    return f": expected integers in 0..{_LEVELS[-1]:,}"


def _place(part: np.ndarray, wrong: np.ndarray, key: str, first: int) -> str:
    """Returns the first wrong value and its place."""
    place = np.argwhere(wrong)[0]
    value, indices = part[tuple(place)], [int(place[0]) + first, *map(int, place[1:])]
    name = key if key else "the array"
    return f"has the value {value:g} in {name} at {indices}"
