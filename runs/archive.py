"""Zip archives from strangers: what they may hold, checked before anything of it is read.

``.keras`` and ``.npz`` files are such archives. Python's and NumPy's own readers would allocate
what an archive claims; here a claim is measured against the bytes that are there.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

_MAX_MEMBERS = 100_000
_ENCRYPTED = 0x1 | 0x20 | 0x40  # or patched: flags of a member


class ArchiveError(ValueError):
    """An archive is not one of this program's; the message is part of a line for the user."""


def check_archive(file: BinaryIO, is_known: Callable[[str], bool]) -> zipfile.ZipFile:
    """Opens an archive and checks its table of contents.

    Every member must have a known name, once, and lie there uncompressed, so that nothing
    can be larger than the file itself.

    Raises:
        ArchiveError: if it is none, or holds anything else.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise ArchiveError(f"it is no archive ({_in_one_line(error)})") from error
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > _MAX_MEMBERS:
        raise ArchiveError(f"it has {len(names):,} members")
    for name in names:
        if not is_known(name):
            raise ArchiveError(f"it holds {_quote(name)}, which no such file of this program does")
    if len(set(names)) < len(names):
        raise ArchiveError("it holds a name twice")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ArchiveError(f"{_quote(member.filename)} in it is compressed")
        if member.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"{_quote(member.filename)} in it is encrypted")
    if sum(member.file_size for member in members) > size:
        raise ArchiveError("it claims to hold more than it does")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int | None = None) -> bytes:
    """Returns a member whose checksum is right; raises ArchiveError."""
    try:
        info = archive.getinfo(name)
        if max_bytes is not None and info.file_size > max_bytes:
            raise ArchiveError(f"{name} in it has {info.file_size:,} bytes")
        return archive.read(name)
    except KeyError:
        raise ArchiveError(f"it has no {name}") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(f"{name} in it cannot be read ({_in_one_line(error)})") from error


def read_arrays(file: BinaryIO, max_arrays: int = 10_000) -> dict[str, np.ndarray]:
    """Returns the arrays of an uncompressed ``.npz``, by name, of plain numbers alone.

    Raises:
        ArchiveError: if it is anything else; no array is allocated that is not there.
    """
    with check_archive(file, lambda name: name.endswith(".npy")) as archive:
        if len(archive.namelist()) > max_arrays:
            raise ArchiveError(f"it has {len(archive.namelist()):,} arrays")
        arrays = {}
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            arrays[name] = _parse_array(read_member(archive, member), name)
        return arrays


def _parse_array(content: bytes, name: str) -> np.ndarray:
    """Returns the array in the bytes of a ``.npy`` file, a copy of its own."""

    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header: Any = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
    except Exception as error:  # NumPy parses the header as Python would, with all its errors
        raise ArchiveError(f"{_quote(name)} in it is no array ({_in_one_line(error)})") from error
    # Only numbers: booleans, integers, floats. Objects would have to be unpickled.
    if dtype.kind not in "biuf" or dtype.hasobject:
        raise ArchiveError(f"{_quote(name)} in it holds {_quote(str(dtype))}, not numbers")
    if any(size < 0 for size in shape):
        raise ArchiveError(f"{_quote(name)} in it has the shape {shape}")
    count = math.prod(shape)
    if count * dtype.itemsize != len(content) - stream.tell():
        raise ArchiveError(f"{_quote(name)} in it claims another size than it has")
    values = np.frombuffer(content, dtype, count, stream.tell()).copy()
    return values.reshape(shape, order="F" if fortran else "C")


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _quote(name: str) -> str:
    return ascii(name if len(name) <= 60 else name[:60] + "…")
