"""Decoded images kept on disk: the same images, or made anew, and never in the way."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from data import cache

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (3, 4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, SHAPE).astype(np.uint8)
LABELS = np.array([7, 0, 9])


class Decoder:
    """Counts how often the images are decoded."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return IMAGES, LABELS


@pytest.fixture
def folder(tmp_path):
    prepared = tmp_path / "data" / "mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    (prepared / "mnist-train.tfrecord").write_bytes(b"records")
    return prepared


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The folder of the cache, not made yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "keras-vae"


@pytest.fixture
def decode():
    return Decoder()


def load(folder, decode, split="train", shape=SHAPE):
    images, labels = cache.load(folder, "mnist", split, shape, decode)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert images.flags.writeable == IMAGES.flags.writeable
    return images, labels


def test_what_was_decoded_once_is_read_the_second_time(folder, kept, decode, capsys):
    load(folder, decode)
    load(folder, decode)
    assert decode.calls == 1
    (file,) = kept.iterdir()
    assert file.name.startswith("mnist-train-")
    assert capsys.readouterr().out == ""


def test_the_cache_lies_in_the_home_folder_by_default(folder, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/reader")
    path = cache.path_for(folder, "mnist", "train")
    assert path.parent == Path("/home/reader/.cache/keras-vae")


def test_splits_and_folders_are_kept_apart(folder, kept, decode, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for _ in range(2):
        load(folder, decode)
        load(folder, decode, split="test")
        load(other, decode)
    assert decode.calls == 3
    assert len(list(kept.iterdir())) == 3


def add_a_file(folder):
    (folder / "features.json").write_text("{}")


def lengthen(folder):
    (folder / "mnist-train.tfrecord").write_bytes(b"records more")


def touch(folder):
    os.utime(folder / "mnist-train.tfrecord", ns=(1, 1))


def rename(folder):
    (folder / "mnist-train.tfrecord").rename(folder / "mnist-train.tfrecord-1")


@pytest.mark.parametrize("change", [add_a_file, lengthen, touch, rename])
def test_a_changed_source_is_decoded_anew_and_said(folder, kept, decode, change, capsys):
    load(folder, decode)
    change(folder)
    load(folder, decode)
    assert decode.calls == 2
    told = capsys.readouterr().out
    assert (told.count("\n"), "is out of date: decoding the images anew" in told) == (1, True)
    load(folder, decode)
    assert decode.calls == 2
    assert capsys.readouterr().out == ""


def test_another_shape_expected_is_another_source(folder, kept, decode):
    load(folder, decode)
    load(folder, decode, shape=(4, 4, 4, 1))
    assert decode.calls == 2


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_truncated_cache_is_made_anew_and_said(folder, kept, decode, length, capsys):
    load(folder, decode)
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:length])
    load(folder, decode)
    assert decode.calls == 2
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert told.startswith(f"{file} cannot be read (")
    load(folder, decode)
    assert decode.calls == 2


@pytest.mark.filterwarnings("default")  # NumPy's, of a header that is odd
def test_no_altered_byte_anywhere_gives_other_images(folder, kept, decode):
    load(folder, decode)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 0xFF
        file.write_bytes(altered)
        load(folder, decode)  # checks what comes back
        file.write_bytes(whole)
    assert decode.calls > len(whole) / 2


def test_an_altered_pixel_is_noticed(folder, kept, decode, capsys):
    load(folder, decode)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    assert IMAGES.tobytes() in content  # as they are: neither compressed nor pickled
    file.write_bytes(content.replace(IMAGES.tobytes(), bytes(IMAGES.size)))
    load(folder, decode)
    assert decode.calls == 2
    assert "Bad CRC-32" in capsys.readouterr().out


def test_pickled_objects_are_not_opened(folder, kept, decode, tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    load(folder, decode)
    (file,) = kept.iterdir()
    source = np.frombuffer(cache.fingerprint(folder, "train", SHAPE).encode(), np.uint8)
    np.savez(file, source=source, images=np.array([Trap()]), labels=LABELS)
    load(folder, decode)
    assert decode.calls == 2
    assert not (tmp_path / "sprung").exists()


def test_a_cache_that_cannot_be_made_is_said_and_in_nobodys_way(folder, kept, decode, capsys):
    kept.parent.write_text("a file where the folder should be")
    for calls in (1, 2):
        load(folder, decode)
        assert decode.calls == calls
        told = capsys.readouterr().out
        assert told.count("\n") == 1
        assert "the next start decodes the images again" in told


def test_a_folder_that_is_read_only_is_said_in_one_line(folder, kept, decode, monkeypatch, capsys):
    def mkstemp(**where):  # permissions do not stop the administrator, who may run the tests
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    load(folder, decode)
    told = capsys.readouterr().out
    assert "cannot be written (Read-only file system): the next start decodes" in told
    assert told.count("\n") == 1


def test_a_full_disk_is_said_and_leaves_nothing_behind(folder, kept, decode, monkeypatch, capsys):
    def savez(file, **arrays):
        file.write(b"a beginning")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", savez)
    load(folder, decode)
    told = capsys.readouterr().out
    assert "cannot be written (No space left on device)" in told
    assert told.count("\n") == 1
    assert list(kept.iterdir()) == []


def test_a_source_that_cannot_be_listed_is_left_to_the_decoder(tmp_path, kept, decode):
    load(tmp_path / "nowhere", decode)
    assert decode.calls == 1
    assert not kept.exists()


def test_a_user_without_a_home_has_no_cache(folder, decode, monkeypatch):
    def expanduser(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", expanduser)
    load(folder, decode)
    assert decode.calls == 1


def test_processes_that_decode_at_once_both_get_the_images_and_leave_one_file(folder, kept):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from data import cache\n"
        "images = np.arange(2000 * 784, dtype=np.uint8).reshape(2000, 28, 28, 1)\n"
        "path = cache.path_for(Path(sys.argv[1]), 'mnist', 'train')\n"
        "for _ in range(30):\n"
        "    cache.write(path, 'source', images, np.arange(2000))\n"
        "    found = cache.read(path, 'source')\n"
        "    assert found is not None and np.array_equal(found[0], images)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert (process.returncode, output) == (0, "")
    assert len(list(kept.iterdir())) == 1
