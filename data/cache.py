"""Decoded images kept on disk, so that only the first start decodes them.

One file for each split, in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``).
It is an uncompressed ``.npz``, read without pickle, in which every array has a checksum. With
the arrays lies a fingerprint of the files that they were decoded from: where those change, or
the cache does, it is made anew. Nothing is lost with it, so that a folder that cannot be
written costs time at the next start and no more.

No TensorFlow here: it is what a start waits for that need not.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from data import memory

Arrays = tuple[np.ndarray, np.ndarray]  # images and labels

_FORMAT = 1  # of the file; raised when an older one would be misread
_ROWS_AT_ONCE = 1000


def load(
    folder: Path,
    name: str,
    split: str,
    shape: tuple[int, ...],
    decode: Callable[[], Arrays],
    positions: np.ndarray | None = None,
) -> Arrays:
    """Returns images and labels of a split: those kept, or else decoded now, kept from then.

    Args:
        folder: the prepared dataset.
        name: the dataset's name.
        split: ``"train"`` or ``"test"``.
        shape: that its images are to have, (num_images, height, width, channels).
        decode: reads all of them from the folder.
        positions: of the images wanted, in that order; None for all. No others are held in
            memory where they are kept.
    """
    try:
        path = path_for(folder, name, split)
        # Before the folder is read: if it changes meanwhile, the next start will notice.
        source = fingerprint(folder, split, shape)
    except OSError:
        return _pick(decode(), positions)
    kept = read(path, source, positions)
    if kept is not None:
        return kept
    decoded = decode()
    write(path, source, *decoded)
    return _pick(decoded, positions)


def _pick(arrays: Arrays, positions: np.ndarray | None) -> Arrays:
    images, labels = arrays
    return arrays if positions is None else (images[positions], labels[positions])


def fingerprint(folder: Path, split: str, shape: tuple[int, ...]) -> str:
    """Returns what tells whether a split is still the one that was decoded.

    Args:
        folder: the prepared dataset; the names, sizes and times of its files count.
        split: ``"train"`` or ``"test"``.
        shape: that its images are to have, (num_images, height, width, channels).

    Raises:
        OSError: if the folder cannot be read.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        facts = path.stat()
        files[path.name] = [facts.st_size, facts.st_mtime_ns]
    source = {"format": _FORMAT, "split": split, "shape": shape, "files": files}
    return json.dumps(source, sort_keys=True)


def path_for(folder: Path, name: str, split: str) -> Path:
    """Returns where the decoded images of a prepared dataset's split are kept.

    Two folders that hold the same dataset have a cache each.

    Raises:
        OSError: if the user has no home folder.
    """
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    place = zlib.crc32(os.fsencode(folder))
    return root / "keras-vae" / f"{name}-{split}-{place:08x}.npz"


def read(path: Path, source: str, positions: np.ndarray | None = None) -> Arrays | None:
    """Returns images and labels, or None where there are none to be trusted.

    Says in one line why a file that is there is not used.

    Args:
        path: of ``path_for``.
        source: of ``fingerprint``.
        positions: of the images wanted; None for all.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if file["source"].tobytes().decode() != source:
                print(f"{path} is out of date: decoding the images anew", flush=True)
                return None
            labels = file["labels"]
            chosen = np.arange(len(labels)) if positions is None else positions
            with file.zip.open("images.npy") as images:
                return _read_rows(images, chosen), labels[chosen]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # a damaged file raises whatever its damage leads to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"{path} cannot be read ({reason}): decoding the images anew", flush=True)
        return None


def _read_rows(file: IO[bytes], rows: np.ndarray) -> np.ndarray:
    """Returns some rows of a uint8 array, a part of which is in memory at a time."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is of another format")
    (length, *shape), in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if in_columns or dtype != np.uint8 or not np.all((rows >= 0) & (rows < length)):
        raise ValueError("it holds other arrays")
    found = memory.make_array((len(rows), *shape))
    order = np.argsort(rows)
    ascending = rows[order]
    for first in range(0, length, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, length - first)
        part = np.frombuffer(file.read(count * math.prod(shape)), np.uint8).reshape(count, *shape)
        begin, end = np.searchsorted(ascending, [first, first + count])
        found[order[begin:end]] = part[ascending[begin:end] - first]
    if file.read(1):  # at the end, the checksum is compared
        raise ValueError("it is longer than it says")
    return found


def write(path: Path, source: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Keeps the images and labels; says so in one line where that cannot be done.

    They are written beside their place and renamed: whoever reads, and whoever writes the
    same at once, finds a whole file. It is not flushed to the disk first: what a crash takes
    from it, its checksums miss.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(suffix=".npz", prefix=f".{path.stem}.", dir=path.parent)
        try:
            with open(handle, "wb") as file:
                text = np.frombuffer(source.encode(), np.uint8)
                np.savez(file, source=text, images=images, labels=labels)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        reason = error.strerror or error
        print(f"{path} cannot be written ({reason}): the next start decodes the images again")
