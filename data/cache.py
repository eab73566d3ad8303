"""Decoded images kept on disk, so that only the first start decodes them.

There is one file per split, in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``):
an uncompressed ``.npz``, read without pickle, in which every array has a checksum. It also holds
a fingerprint of the files that the images were decoded from. The file is used only if this
fingerprint is still right, if the arrays have the expected types, shapes and range of labels,
and, for datasets whose images are known, if their SHA-256 is the one in the catalog. (The
checksums in the file detect accidents; whoever replaces the images can replace those too.)
Otherwise the images are decoded again, with a message. If the folder cannot be written, the next
start takes longer, and nothing else changes.

This file does not import TensorFlow, so that cached images can be read without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from catalog.datasets import DatasetInfo, short_name
from data import labels as labels_module
from data import memory
from data.regular_files import open_regular

Arrays = tuple[np.ndarray, np.ndarray | None]  # images and labels, if there are any

_FORMAT = 1  # of the file; raised when an older one would be misread
_ROWS_AT_ONCE = 1000
_OVERHEAD = 2**20  # bytes that a file may have beside its arrays
_COUNTS = range(1_000, 2**22)  # numbers of images for which a file pays
_MOST_BYTES = 2**32  # of their pixels


def pays(info: DatasetInfo, split: str) -> bool:
    """Whether to cache a split of a dataset that may be tiny, or too large for the disk."""
    count = info.num_images(split)
    return count in _COUNTS and count * math.prod(info.image_shape) <= _MOST_BYTES


def load(
    folder: Path,
    info: DatasetInfo,
    split: str,
    decode: Callable[[], Arrays],
    positions: np.ndarray | None = None,
) -> Arrays:
    """Returns images and labels of a split, from the cache if possible, else decoded and cached.

    Args:
        folder: the prepared dataset.
        info: its description.
        split: ``"train"`` or ``"test"``.
        decode: reads all images and labels of the split from the folder.
        positions: of the images wanted, in that order; None for all. From the cache, no others
            are read into memory.
    """
    if info.fingerprint is not None and not pays(info, split):
        return _pick(decode(), positions)
    kind = f"-{'x'.join(map(str, info.image_shape))}" if info.options else ""
    try:
        path = path_for(folder, f"{info.name}{kind}", split)
        # Before the folder is read: if it changes meanwhile, the next start will notice.
        shape = (info.num_images(split), *info.image_shape)
        source = fingerprint(folder, split, shape, info.options)
    except OSError:
        return _pick(decode(), positions)
    cached = read(path, source, info, split, positions)
    if cached is not None:
        return cached
    decoded = decode()
    if info.sha256.get(split) in (None, _sha256(*decoded)):
        write(path, source, *decoded)
    else:
        print(
            f"{folder} has other {split} images than {info.name} {info.version} was published "
            "with, or another order: results cannot be compared with other runs",
            flush=True,
        )
    return _pick(decoded, positions)


def _pick(arrays: Arrays, positions: np.ndarray | None) -> Arrays:
    images, labels = arrays
    if positions is None:
        return arrays
    return images[positions], None if labels is None else labels[positions]


def _sha256(images: np.ndarray, labels: np.ndarray | None) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    if labels is not None:
        digest.update(labels.astype("<i8").data)
    return digest.hexdigest()


def fingerprint(
    folder: Path,
    split: str,
    shape: tuple[int, ...],
    options: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Returns a text that changes when the files of a split may have changed.

    Args:
        folder: the prepared dataset; the names, sizes and times of its files count.
        split: ``"train"`` or ``"test"``.
        shape: expected shape of its images, (num_images, height, width, channels).
        options: the flags by which they are converted.

    Raises:
        OSError: if the folder cannot be read.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        facts = path.stat()
        files[path.name] = [facts.st_size, facts.st_mtime_ns]
    source = {"format": _FORMAT, "split": split, "shape": shape, "files": files}
    if options:
        source["options"] = dict(options)
    return json.dumps(source, sort_keys=True)


def path_for(folder: Path, name: str, split: str) -> Path:
    """Returns the path of the cached images of a prepared dataset's split.

    Two folders that hold the same dataset have separate files.

    Raises:
        OSError: if the user has no home folder.
    """
    place = zlib.crc32(os.fsencode(folder))
    return own_folder() / f"{short_name(name)}-{split}-{place:08x}.npz"


def own_folder() -> Path:
    """Returns the program's folder in the user's cache; it need not exist.

    Raises:
        OSError: if the user has no home folder.
    """
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return root / "keras-vae"


def read(
    path: Path,
    source: str,
    info: DatasetInfo,
    split: str,
    positions: np.ndarray | None = None,
) -> Arrays | None:
    """Returns images and labels, or None if there is no cache file that can be used.

    Prints the reason, in one line, if a file exists and cannot be used.

    Args:
        path: as ``path_for`` returns it.
        source: as ``fingerprint`` returns it.
        info: the dataset's description.
        split: ``"train"`` or ``"test"``.
        positions: of the images wanted; None for all.
    """
    count = info.num_images(split)
    try:
        opened, size = open_regular(path)
        with opened:
            if size > count * (math.prod(info.image_shape) + 8) + _OVERHEAD:
                raise ValueError("it is too large")
            with np.load(opened, allow_pickle=False) as file:
                if sum(member.file_size for member in file.zip.infolist()) > size:
                    raise ValueError("it is compressed")
                if file["source"].tobytes().decode() != source:
                    print(f"{path} is out of date: decoding the images again", flush=True)
                    return None
                labels = file["labels"] if info.class_names is not None else None
                labels_module.check(labels, count, info.class_names)
                chosen = np.arange(count) if positions is None else positions
                digest = hashlib.sha256()
                with file.zip.open("images.npy") as images:
                    rows = _read_rows(images, (count, *info.image_shape), chosen, digest.update)
                if labels is not None:
                    digest.update(labels.astype("<i8").data)
                if info.sha256.get(split) not in (None, digest.hexdigest()):
                    raise ValueError(f"its images are not those of {info.name}")
                return rows, None if labels is None else labels[chosen]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"{path} cannot be read ({reason}): decoding the images again", flush=True)
        return None


def _read_rows(
    file: IO[bytes],
    shape: tuple[int, ...],
    rows: np.ndarray,
    note: Callable[[bytes], None],
) -> np.ndarray:
    """Returns some rows of a uint8 array of a given shape, reading a part of it at a time.

    Args:
        file: a ``.npy`` file.
        shape: expected of the array.
        rows: positions of the rows wanted.
        note: is called with all content, part by part.
    """
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it is of another format")
    found_shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if (found_shape, in_columns, dtype) != (shape, False, np.uint8):
        raise ValueError(f"its images are {dtype} {found_shape}, not uint8 {shape}")
    length, *row_shape = shape
    if not np.all((rows >= 0) & (rows < length)):
        raise ValueError("it does not have all images")
    found = memory.make_array((len(rows), *row_shape))
    order = np.argsort(rows)
    ascending = rows[order]
    for first in range(0, length, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, length - first)
        content = file.read(count * math.prod(row_shape))
        note(content)
        part = np.frombuffer(content, np.uint8).reshape(count, *row_shape)
        begin, end = np.searchsorted(ascending, [first, first + count])
        found[order[begin:end]] = part[ascending[begin:end] - first]
    if file.read(1):  # at the end, the checksum is compared
        raise ValueError("it is longer than its header says")
    return found


def write(path: Path, source: str, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Writes images and labels to the cache; prints the reason in one line if it cannot.

    They are written to a temporary file that is then renamed: a process that reads or writes
    the same file at the same time finds a complete one. It is not flushed to the disk first: if
    a crash truncates it, the checksums do not match.
    """
    arrays: dict[str, Any] = {"images": images}
    if labels is not None:
        arrays["labels"] = labels
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(suffix=".npz", prefix=f".{path.stem}.", dir=path.parent)
        try:
            with open(handle, "wb") as file:
                np.savez(file, source=np.frombuffer(source.encode(), np.uint8), **arrays)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        reason = error.strerror or error
        print(f"{path} cannot be written ({reason}): the next start decodes the images again")
