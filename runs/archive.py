"""Reads zip archives from strangers: ``.keras`` and ``.npz`` files.

The readers of Python and NumPy allocate whatever size an archive claims. Here each claim is
checked against the size of the file first.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

_MAX_MEMBERS = 100_000
_ENCRYPTED = 0x1 | 0x20 | 0x40  # flags of encrypted or patched members


class ArchiveError(ValueError):
    """An archive was not written by this program; the message is part of a line for the user."""


def check_archive(file: BinaryIO, is_known: Callable[[str], bool]) -> zipfile.ZipFile:
    """Opens an archive after checking its table of contents.

    Every member must have a known, unique name and be stored without compression, so that no
    member can be larger than the file.

    Raises:
        ArchiveError: if it is not an archive, or has other members.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise ArchiveError(f"it is not a zip archive ({_in_one_line(error)})") from error
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > _MAX_MEMBERS:
        raise ArchiveError(f"it has {len(names):,} members")
    for name in names:
        if not is_known(name):
            raise ArchiveError(f"it has an unknown member {_quote(name)}")
    if len(set(names)) < len(names):
        raise ArchiveError("two of its members have the same name")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise ArchiveError(f"its member {_quote(member.filename)} is compressed")
        if member.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"its member {_quote(member.filename)} is encrypted")
    if sum(member.file_size for member in members) > size:
        raise ArchiveError("its members claim more bytes than it has")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int | None = None) -> bytes:
    """Returns a member after checking its checksum; raises ArchiveError."""
    try:
        info = archive.getinfo(name)
        if max_bytes is not None and info.file_size > max_bytes:
            raise ArchiveError(f"its member {name} has {info.file_size:,} bytes, too many")
        return archive.read(name)
    except KeyError:
        raise ArchiveError(f"its member {name} is missing") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(f"its member {name} cannot be read ({_in_one_line(error)})") from error


def read_arrays(file: BinaryIO, max_arrays: int = 10_000) -> dict[str, np.ndarray]:
    """Returns the arrays of an uncompressed ``.npz`` file by name.

    Raises:
        ArchiveError: if it is not such a file, or an array holds anything but numbers. Only
            memory for data that the file really has is allocated.
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
    """Returns a copy of the array in the contents of a ``.npy`` file."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header: Any = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
    except Exception as error:  # NumPy parses the header as Python would, with all its errors
        raise ArchiveError(f"its {_quote(name)} is not an array ({_in_one_line(error)})") from error
    # Only numbers: booleans, integers, floats. Objects would have to be unpickled.
    if dtype.kind not in "biuf" or dtype.hasobject:
        raise ArchiveError(f"its array {_quote(name)} holds {_quote(str(dtype))}, not numbers")
    if any(size < 0 for size in shape):
        raise ArchiveError(f"its array {_quote(name)} has the shape {shape}")
    count = math.prod(shape)
    if count * dtype.itemsize != len(content) - stream.tell():
        raise ArchiveError(f"its array {_quote(name)} claims another size than it has")
    values = np.frombuffer(content, dtype, count, stream.tell()).copy()
    return values.reshape(shape, order="F" if fortran else "C")


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _quote(name: str) -> str:
    return ascii(name if len(name) <= 60 else name[:60] + "…")
