"""Archives from strangers are refused before anything in them is read or allocated."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import runs
from runs.archive import check_archive


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def claim(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    """Returns a .npy file with an arbitrary header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    stream.seek(0)
    return stream


def test_arrays_are_read_as_numpy_wrote_them():
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {
        "0000 a/kernel": rng.random((3, 4)).astype(np.float32),
        "turned": np.asfortranarray(rng.random((3, 4))),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 5), np.uint8),
        "state": np.array([1, 2], np.uint32),
        "half": np.array([1.5], np.float16),
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    found = runs.read_arrays(stream)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


class Trap:
    """Prints a word when it is unpickled."""

    def __reduce__(self):
        return (print, ("unpickled",))


BOMB = b"\0" * 10**8  # 97 kB when compressed
HOSTILE = {
    "no archive": (io.BytesIO(b"not a zip"), "not a zip archive"),
    "empty": (io.BytesIO(b""), "not a zip archive"),
    "cut": (
        io.BytesIO(archive({"a.npy": npy(np.zeros(99))}).getvalue()[:-30]),
        "not a zip archive",
    ),
    "bomb": (archive({"a.npy": BOMB}, zipfile.ZIP_DEFLATED), "compressed"),
    "bzip2 bomb": (archive({"a.npy": BOMB}, zipfile.ZIP_BZIP2), "compressed"),
    "foreign name": (archive({"a.py": b""}), "unknown member 'a.py'"),
    "pickle": (archive({"a.npy": npy(np.array([Trap()], object))}), "not numbers"),
    "bare pickle": (archive({"a.npy": pickle.dumps(Trap())}), "is not an array"),
    "text": (archive({"a.npy": npy(np.array(["x"]))}), "not numbers"),
    "record": (archive({"a.npy": npy(np.zeros(2, "f4,i4"))}), "not numbers"),
    "huge": (archive({"a.npy": claim("(1000000000000000,)")}), "another size than it has"),
    "huge product": (archive({"a.npy": claim("(10**9, 10**9)")}), "is not an array"),
    "larger than it is": (archive({"a.npy": claim("(3,)", data=b"\0" * 16)}), "another size"),
    "smaller than it is": (archive({"a.npy": claim("(1,)", data=b"\0" * 16)}), "another size"),
    "negative": (archive({"a.npy": claim("(-2, -1)", data=b"\0" * 16)}), "shape"),
    "code": (archive({"a.npy": claim("__import__('os').getcwd()")}), "is not an array"),
    "deep": (archive({"a.npy": claim("(" * 3000)}), "is not an array"),
    "version": (archive({"a.npy": b"\x93NUMPY\x09\x00" + b"\0" * 99}), "is not an array"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_of_arrays_is_refused_in_one_line_and_with_little_memory(name, capsys):
    stream, part = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(runs.ArchiveError) as error:
            runs.read_arrays(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert peak < 2_000_000
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "name", ["../../x.npy", "/etc/x.npy", "a\\..\\x.npy", "x\n.npy", "é" * 99 + ".py"]
)
def test_member_names_that_are_unknown_or_lead_out_of_the_folder_are_refused(name):
    with pytest.raises(runs.ArchiveError) as error:
        check_archive(archive({name: b""}), {"config.json"}.__contains__)
    assert "unknown member" in str(error.value)
    assert "\n" not in str(error.value)


def test_duplicate_member_names_are_refused():
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as made:
        warnings.simplefilter("ignore")
        for _ in range(2):
            made.writestr("a.npy", npy(np.zeros(1)))
    with pytest.raises(runs.ArchiveError, match="have the same name"):
        runs.read_arrays(stream)


def test_a_table_of_contents_that_contradicts_the_member_is_refused():
    content = bytearray(archive({"a.npy": npy(np.zeros(9))}).getvalue())
    place = content.rindex(b"PK\x01\x02")
    for field in (20, 24):  # the sizes, compressed and not
        content[place + field : place + field + 4] = (2**31).to_bytes(4, "little")
    with pytest.raises(runs.ArchiveError, match="claim more bytes"):
        runs.read_arrays(io.BytesIO(bytes(content)))


def test_a_member_whose_bytes_were_altered_is_refused():
    content = bytearray(archive({"a.npy": npy(np.ones(99))}).getvalue())
    content[400] ^= 1
    with pytest.raises(runs.ArchiveError, match="cannot be read"):
        runs.read_arrays(io.BytesIO(bytes(content)))


def test_an_encrypted_member_is_refused():
    content = bytearray(archive({"a.npy": npy(np.ones(9))}).getvalue())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(runs.ArchiveError, match="encrypted"):
        runs.read_arrays(io.BytesIO(bytes(content)))
