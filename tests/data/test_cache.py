"""Decoded images cached on disk: the same images, or decoded again."""

import dataclasses
import errno
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from catalog.datasets import DatasetInfo
from data import cache

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (3, 4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, SHAPE).astype(np.uint8)
LABELS = np.array([7, 0, 9])
INFO = DatasetInfo(
    "mnist",
    "three images in each split",
    image_shape=SHAPE[1:],
    num_train=3,
    num_test=3,
    num_validation=1,
    class_names=tuple("0123456789"),
    source="tfds",
)


class Decoder:
    """A decode function that counts its calls."""

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
    """The folder of the cache, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "keras-vae"


@pytest.fixture
def decode():
    return Decoder()


def load(folder, decode, split="train", info=INFO):
    images, labels = cache.load(folder, info, split, decode)
    assert labels is not None
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert images.flags.writeable == IMAGES.flags.writeable
    return images, labels


def test_images_are_decoded_once_and_cached(folder, kept, decode, capsys):
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
def test_a_changed_source_is_decoded_again_with_a_message(folder, kept, decode, change, capsys):
    load(folder, decode)
    change(folder)
    load(folder, decode)
    assert decode.calls == 2
    printed = capsys.readouterr().out
    assert (printed.count("\n"), "is out of date: decoding the images again" in printed) == (
        1,
        True,
    )
    load(folder, decode)
    assert decode.calls == 2
    assert capsys.readouterr().out == ""


def test_another_expected_shape_is_another_source(folder, kept, decode):
    load(folder, decode)
    load(folder, decode, info=dataclasses.replace(INFO, num_train=4))
    assert decode.calls == 2


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_truncated_cache_is_decoded_again_with_a_message(folder, kept, decode, length, capsys):
    load(folder, decode)
    (file,) = kept.iterdir()
    file.write_bytes(file.read_bytes()[:length])
    load(folder, decode)
    assert decode.calls == 2
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith(f"{file} cannot be read (")
    load(folder, decode)
    assert decode.calls == 2


@pytest.mark.filterwarnings("default")  # NumPy's, of a header that is odd
def test_an_altered_byte_never_gives_different_images(folder, kept, decode):
    load(folder, decode)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    for position in range(len(content)):
        altered = bytearray(content)
        altered[position] ^= 0xFF
        file.write_bytes(altered)
        load(folder, decode)  # checks what comes back
        file.write_bytes(content)
    assert decode.calls > len(content) / 2


def test_an_altered_pixel_is_noticed(folder, kept, decode, capsys):
    load(folder, decode)
    (file,) = kept.iterdir()
    content = file.read_bytes()
    assert IMAGES.tobytes() in content  # as they are: neither compressed nor pickled
    file.write_bytes(content.replace(IMAGES.tobytes(), bytes(IMAGES.size)))
    load(folder, decode)
    assert decode.calls == 2
    assert "Bad CRC-32" in capsys.readouterr().out


def replace_arrays(folder, kept, split="train", **arrays):
    """Writes a cache file with correct checksums and fingerprint, and other arrays."""
    (file,) = kept.iterdir()
    with np.load(file) as content:
        source = {"source": content["source"]}
    arrays = {"images": IMAGES, "labels": LABELS} | arrays
    np.savez(file, **source, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"images": IMAGES[:2]}, "its images are uint8 (2, 4, 4, 1), not uint8 (3, 4, 4, 1)"),
        ({"images": IMAGES[..., 0]}, "its images are uint8 (3, 4, 4)"),
        ({"images": IMAGES / 255}, "its images are float64"),
        ({"images": np.concatenate([IMAGES, IMAGES])}, "its images are uint8 (6, 4, 4, 1)"),
        ({"images": np.asfortranarray(IMAGES)}, "its images are uint8"),
        ({"images": np.zeros(2**21, np.uint8)}, "it is too large"),
        ({"labels": LABELS[:2]}, "its labels are int64 (2,), not int64 (3,)"),
        ({"labels": np.array([7, 0, 10])}, "image 2 has label 10, of 10 classes"),
        ({"labels": np.array([-1, 0, 90])}, "image 0 has label -1, of 10 classes"),
        ({"labels": LABELS.astype(float)}, "its labels are float64"),
        ({"labels": LABELS[:, None]}, "its labels are int64 (3, 1)"),
        ({"labels": None}, "labels"),
        ({"images": None}, "images"),
    ],
)
def test_other_arrays_with_correct_checksums_are_decoded_again(
    folder, kept, decode, arrays, part, capsys
):
    load(folder, decode)
    replace_arrays(folder, kept, **arrays)
    load(folder, decode)
    printed = capsys.readouterr().out
    assert (decode.calls, printed.count("\n")) == (2, 1)
    assert part in printed
    load(folder, decode)
    assert decode.calls == 2


@pytest.mark.parametrize("change", ["black", "one pixel", "labels"])
def test_a_known_datasets_replaced_images_are_decoded_again(folder, kept, decode, change, capsys):
    digest = hashlib.sha256(IMAGES.tobytes() + LABELS.tobytes()).hexdigest()
    info = dataclasses.replace(INFO, sha256={"train": digest})
    load(folder, decode, info=info)
    load(folder, decode, info=info)
    assert (decode.calls, capsys.readouterr().out) == (1, "")
    images, labels = np.zeros_like(IMAGES), LABELS
    if change != "black":
        images = IMAGES.copy()
        images[1, 2, 3] ^= change == "one pixel"
        labels = LABELS[::-1] if change == "labels" else LABELS
    replace_arrays(folder, kept, images=images, labels=labels)
    load(folder, decode, info=info)
    assert decode.calls == 2
    assert "its images are not those of mnist" in capsys.readouterr().out


def test_images_that_differ_from_the_published_ones_are_reported_and_not_cached(
    folder, kept, decode, capsys
):
    info = dataclasses.replace(INFO, sha256={"train": "0" * 64}, version="3.0.1")
    load(folder, decode, info=info)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "has other train images than mnist 3.0.1 was published with" in printed
    assert not kept.exists()


@pytest.mark.parametrize("kind", ["pipe", "zeros", "folder"])
def test_a_special_file_in_the_cache_is_not_read(folder, kept, decode, kind, capsys):
    load(folder, decode)
    (file,) = kept.iterdir()
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "zeros":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    load(folder, decode)
    assert decode.calls == 2
    assert "is not a regular file" in capsys.readouterr().out


def test_images_without_labels_are_cached(folder, kept):
    calls = []

    def decode():
        calls.append(1)
        return IMAGES, None

    info = dataclasses.replace(INFO, class_names=None)
    for _ in range(2):
        images, labels = cache.load(folder, info, "train", decode, np.array([2, 0]))
        np.testing.assert_array_equal(images, IMAGES[[2, 0]])
        assert labels is None
    assert calls == [1]


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


def test_a_cache_that_cannot_be_made_is_reported_and_does_no_harm(folder, kept, decode, capsys):
    kept.parent.write_text("a file where the folder should be")
    for calls in (1, 2):
        load(folder, decode)
        assert decode.calls == calls
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1
        assert "the next start decodes the images again" in printed


def test_a_read_only_folder_is_reported_in_one_line(folder, kept, decode, monkeypatch, capsys):
    def mkstemp(**arguments):  # permissions do not stop root, who may run the tests
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    load(folder, decode)
    printed = capsys.readouterr().out
    assert "cannot be written (Read-only file system): the next start decodes" in printed
    assert printed.count("\n") == 1


def test_a_full_disk_is_reported_and_leaves_no_file(folder, kept, decode, monkeypatch, capsys):
    def savez(file, **arrays):
        file.write(b"a beginning")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", savez)
    load(folder, decode)
    printed = capsys.readouterr().out
    assert "cannot be written (No space left on device)" in printed
    assert printed.count("\n") == 1
    assert list(kept.iterdir()) == []


def test_a_source_that_cannot_be_listed_is_decoded_without_the_cache(tmp_path, kept, decode):
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
        "from catalog.datasets import DatasetInfo\n"
        "from data import cache\n"
        "images = np.arange(2000 * 784, dtype=np.uint8).reshape(2000, 28, 28, 1)\n"
        "path = cache.path_for(Path(sys.argv[1]), 'mnist', 'train')\n"
        "info = DatasetInfo('mnist', '', (28, 28, 1), 2000, 1, 1, ('0',), 'tfds')\n"
        "for _ in range(30):\n"
        "    cache.write(path, 'source', images, np.zeros(2000, int))\n"
        "    found = cache.read(path, 'source', info, 'train')\n"
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
