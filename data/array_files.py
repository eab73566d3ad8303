"""Array files that may come from strangers: read without pickle, a part at a time."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from data.regular_files import open_regular

_BYTES_AT_ONCE = 2**24
_MAX_ARRAYS = 1_000


class ArrayError(ValueError):
    """An array file cannot be used; the message is a reason to follow the file's name."""


class Arrays:
    """The arrays in an open ``.npz`` or ``.npy`` file; that of an ``.npy`` file has the name "".

    Attributes:
        shapes: of the arrays, by name.
        dtypes: of the arrays, by name.
    """

    def __init__(self, file: BinaryIO, is_archive: bool):
        self._file = file
        self._archive = zipfile.ZipFile(file) if is_archive else None
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype] = {}
        names = [""]
        if self._archive is not None:
            members = [name for name in self._archive.namelist() if name.endswith(".npy")]
            names = [name.removesuffix(".npy") for name in members[:_MAX_ARRAYS]]
        for name in names:
            with self._opened(name) as member:
                self.shapes[name], _, self.dtypes[name] = _read_header(member)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        if self._archive is None:
            self._file.seek(0)
            yield self._file
            return
        with self._archive.open(f"{name}.npy") as member:
            yield member

    def describe(self, names: Iterable[str] | None = None) -> str:
        """Returns the names, types and shapes of some arrays, or of the first ten."""
        chosen = list(self.shapes if names is None else names)
        texts = [f"{name} {self.dtypes[name]} {self.shapes[name]}".strip() for name in chosen[:10]]
        return (", ".join(texts) or "no arrays") + (", …" if len(chosen) > 10 else "")

    def read(self, name: str) -> Iterator[np.ndarray]:
        """Yields the rows of an array, some at a time.

        Raises:
            ArrayError: if it holds Python objects, or the file is truncated.
        """
        with self._opened(name) as member:
            shape, in_columns, dtype = _read_header(member)
            if dtype.hasobject:
                raise ArrayError(
                    f"has Python objects in {name or 'its array'}, which are never loaded: save "
                    "one array of numbers for all images"
                )
            length, *row_shape = shape or (1,)
            if in_columns and len(shape) > 1:  # stored by column: no row can be read alone
                content = _read_exactly(member, math.prod(shape) * dtype.itemsize)
                yield np.frombuffer(content, dtype).reshape(shape, order="F")
                return
            size = math.prod(row_shape) * dtype.itemsize
            at_once = max(1, _BYTES_AT_ONCE // max(1, size))
            for first in range(0, length, at_once):
                count = min(at_once, length - first)
                content = _read_exactly(member, count * size)
                yield np.frombuffer(content, dtype).reshape(count, *row_shape)


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Returns shape, whether it is stored by column, and type of a ``.npy`` file."""
    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ArrayError(f"is of version {version} of the array format: save it again")
    shape, in_columns, dtype = read(member)
    return shape, in_columns, dtype


def _read_exactly(member: IO[bytes], size: int) -> bytes:
    content = member.read(size)
    if len(content) < size:
        raise ArrayError("is truncated")
    return content


@contextlib.contextmanager
def open_arrays(path: Path) -> Iterator[Arrays]:
    """Opens an array file.

    Raises:
        ArrayError: if it is damaged, or of another kind.
        OSError: if it cannot be opened, or is not a regular file.
    """
    file, _ = open_regular(path)
    with file:
        try:
            yield Arrays(file, path.suffix == ".npz")
        except (ArrayError, OSError):
            raise
        except MemoryError:
            raise ArrayError("does not fit into memory") from None
        except (
            ValueError,
            EOFError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise ArrayError(f"cannot be read ({' '.join(str(error).split())[:200]})") from error
        except Exception as error:
            if type(error).__module__ != "zlib":  # of the compressed data
                raise
            raise ArrayError(f"cannot be read ({error})") from error
