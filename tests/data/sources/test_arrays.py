"""Array files: which arrays are found, how they are scaled and divided, and what is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import data
from data import array_files, memory, own_images
from data.sources import arrays

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (40, 6, 5)).astype(np.uint8)
COLOR = RNG.integers(0, 256, (40, 6, 5, 3)).astype(np.uint8)


def save(path: Path, one: np.ndarray | None = None, **named: Any) -> str:
    """Writes an .npy or .npz file; returns its path."""
    if one is not None:
        np.save(path, one)
    else:
        np.savez(path, **named)
    return str(path)


def describe(path: str, **settings: Any) -> data.DatasetInfo:
    return data.describe(path, settings=settings)


def all_images(info: data.DatasetInfo) -> np.ndarray:
    """Returns the images of both splits in the order of the file's first array."""
    opened = arrays._open(info.path or "", tuple(info.options.items()))
    rows = np.concatenate([opened.rows["train"], opened.rows["test"]])
    images = np.concatenate([arrays.load(info, split)[0] for split in ("train", "test")])
    return images[np.argsort(rows)]


def refusal(path: str, **settings: Any) -> str:
    with pytest.raises(data.DataError) as error:
        describe(path, **settings)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith((path, "there is no file"))
    return message


# ------------------------------------------------------------------ arrays and their names


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GRAY, GRAY[..., None]),
        (GRAY[..., None], GRAY[..., None]),
        (COLOR, COLOR),
        (np.moveaxis(COLOR, -1, 1), COLOR),  # as in pythae
        (np.asfortranarray(COLOR), COLOR),
        (GRAY[:, None], GRAY[..., None]),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_layouts(tmp_path, images, expected, suffix):
    path = tmp_path / f"x.{suffix}"
    info = describe(save(path, images) if suffix == "npy" else save(path, data=images))
    assert info.image_shape == expected.shape[1:]
    assert np.array_equal(all_images(info), expected)
    assert (info.num_train, info.num_test, info.num_validation) == (36, 4, 4)
    assert info.class_names is None


def test_kerass_mnist_npz(tmp_path):
    labels = RNG.integers(0, 10, 40)
    parts: dict[str, Any] = {
        "x_train": GRAY[:30],
        "y_train": labels[:30],
        "x_test": GRAY[30:],
        "y_test": labels[30:],
    }
    info = describe(save(tmp_path / "mnist.npz", **parts))
    assert (info.num_train, info.num_test, info.has_validation) == (30, 10, False)
    assert info.class_names == tuple(str(label) for label in np.unique(labels))
    for split, images, of_images in (
        ("train", GRAY[:30], labels[:30]),
        ("test", GRAY[30:], labels[30:]),
    ):
        found, classes = arrays.load(info, split)
        assert classes is not None
        names = [int(info.class_names[each]) for each in classes]
        pairs = sorted(zip(found.reshape(len(found), -1).tolist(), names, strict=True))
        expected = sorted(zip(images.reshape(len(images), -1).tolist(), of_images, strict=True))
        assert pairs == expected


def test_validation_images_of_the_file_are_the_last_of_the_training_split(tmp_path):
    parts = {"train_images": GRAY[:20], "val_images": GRAY[20:25], "test_images": GRAY[25:]}
    info = describe(save(tmp_path / "medmnist.npz", **parts))
    assert (info.num_train, info.num_validation, info.has_validation) == (25, 5, True)
    images = arrays.load(info, "train", None, np.arange(20, 25))[0][..., 0]
    assert sorted(images.tolist()) == sorted(GRAY[20:25].tolist())


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.arange(40) % 3 + 5, ("5", "6", "7")),
        ((np.arange(40) % 2)[:, None], ("0", "1")),
        (np.eye(4)[np.arange(40) % 4], ("0", "1", "2", "3")),
        ((np.arange(40) % 2).astype(float), ("0", "1")),
        (np.array(["cat", "dog"])[np.arange(40) % 2], ("cat", "dog")),
        (np.array([b"cat", b"dog"])[np.arange(40) % 2], ("cat", "dog")),
        (np.zeros(40, int), ("0",)),
        (np.arange(40) % 2 == 0, ("0", "1")),
    ],
)
def test_labels(tmp_path, labels, names):
    info = describe(save(tmp_path / "x.npz", images=GRAY, labels=labels))
    assert info.class_names == names
    images, found = arrays.load(info, "train")
    assert found is not None
    assert found.dtype == np.int64
    values = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.ravel()
    expected = np.unique(values, return_inverse=True)[1]
    where = [np.flatnonzero((image[..., 0] == GRAY).all(axis=(1, 2)))[0] for image in images]
    assert found.tolist() == expected[where].tolist()


def test_keys_can_be_named(tmp_path):
    path = save(tmp_path / "x.npz", photos=COLOR, kinds=np.arange(40) % 2, images=GRAY)
    assert describe(path).image_shape == (6, 5, 1)
    info = describe(path, image_key="photos", label_key="kinds")
    assert (info.image_shape, info.class_names) == ((6, 5, 3), ("0", "1"))
    path = save(tmp_path / "y.npz", images=GRAY, labels=np.arange(40) % 2)
    assert describe(path, label_key="none").class_names is None


def test_the_fingerprint_depends_on_the_pixels(tmp_path):
    changed = GRAY.copy()
    changed[3, 2, 1] ^= 1
    prints = {
        describe(save(tmp_path / f"{number}.npy", images)).fingerprint
        for number, images in enumerate((GRAY, changed, GRAY.copy()))
    }
    assert len(prints) == 2


# ---------------------------------------------------------------------------- scaling


@pytest.mark.parametrize(
    ("images", "scale", "says"),
    [
        (GRAY, 1, "uint8 in 0..255"),
        (GRAY.astype(np.int64), 1, "int64 in 0..255"),
        (GRAY // 128, 255, "uint8 in 0..1,"),
        (GRAY > 100, 255, "bool in 0..1,"),
        (GRAY.astype(np.uint16) * 257, 1 / 257, "uint16 in 0..65,535"),
        (GRAY.astype(np.uint16) * 16, 255 / 4095, "uint16 in 0..4,095"),
        (GRAY / 255, 255, "float64 in [0, 1]"),
        ((GRAY / 255).astype(np.float16), 255, "float16 in [0, 1]"),
        (GRAY.astype(np.float32), 1, "float32 in [0, 255]"),
        (GRAY.astype(">f4"), 1, ">f4 in [0, 255]"),
    ],
)
def test_values_are_scaled_by_their_type_and_range(tmp_path, images, scale, says):
    info = describe(save(tmp_path / "x.npy", images))
    assert info.notes[0].startswith(says)
    found = all_images(info)[..., 0]
    assert found.dtype == np.uint8
    assert np.abs(found - images.astype(np.float64) * scale).max() <= 0.51


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        (np.float32, np.nan, "expected floats in [0, 1]"),
        (np.float32, -0.25, "expected floats in [0, 1]"),
        (np.float32, np.inf, "expected floats in [0, 1]"),
        (np.float32, 1.5, "expected floats in [0, 1]"),
        (np.float32, 300, "expected floats in [0, 1]"),
        (np.int16, -7, "expected integers in 0..65,535"),
        (np.int32, 70_000, "expected integers in 0..65,535"),
    ],
)
@pytest.mark.parametrize("key", ["x_train", "x_test"])
def test_a_value_out_of_range_is_refused_with_its_place(tmp_path, dtype, value, says, key):
    parts = {name: np.ones((5, 3, 4), dtype) for name in ("x_train", "x_test")}
    parts[key][2:, 1, 3] = value
    message = refusal(save(tmp_path / "x.npz", **parts))
    assert f"has the value {value:g} in {key} at [2, 1, 3]: {says}" in message


def test_the_place_is_right_when_an_array_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "_BYTES_AT_ONCE", 100)
    images = GRAY.astype(np.float32)
    images[33, 5, 2] = np.nan
    assert "in the array at [33, 5, 2]" in refusal(save(tmp_path / "x.npy", images))
    info = describe(save(tmp_path / "y.npy", GRAY))
    assert np.array_equal(all_images(info)[..., 0], GRAY)


def test_floats_a_rounding_error_above_1_are_accepted(tmp_path):
    images = np.full((9, 3, 3), 1 + 1e-7)
    assert (all_images(describe(save(tmp_path / "x.npy", images))) == 255).all()


def test_sizes_and_colors_are_converted(tmp_path):
    levels = np.full((9, 6, 8, 3), (200, 100, 50), np.uint8)
    path = save(tmp_path / "x.npy", levels)
    info = describe(path, image_size=(3, 5), grayscale=True)
    found = all_images(info)
    assert found.shape == (9, 3, 5, 1)
    assert np.abs(found.astype(float) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)).max() <= 1
    assert describe(save(tmp_path / "y.npy", GRAY), grayscale=False).image_shape == (6, 5, 3)


def test_transparent_pixels_are_put_on_white(tmp_path):
    images = np.zeros((9, 2, 2, 4), np.uint8)
    images[..., 3] = 51
    info = describe(save(tmp_path / "x.npy", images))
    assert info.image_shape == (2, 2, 3)
    assert (all_images(info) == 204).all()


# ---------------------------------------------------------------------------- refusals


def test_unknown_names_and_shapes_are_asked_for(tmp_path):
    path = save(tmp_path / "x.npz", a=GRAY, b=np.zeros(3))
    assert "type --image_key NAME; it has a uint8 (40, 6, 5), b float64 (3,)" in refusal(path)
    assert "has no array c: it has a" in refusal(path, image_key="c")
    assert "has the array b float64 (3,): expected" in refusal(path, image_key="b")
    assert "has no array c" in refusal(path, image_key="a", label_key="c")
    assert "b float64 (3,) for 40 images" in refusal(path, image_key="a", label_key="b")
    for shape in ((40, 24), (4, 5, 6, 7), (40, 0, 4)):
        assert "expected numbers of shape" in refusal(
            save(tmp_path / "y.npz", data=np.zeros(shape))
        )
    path = save(tmp_path / "z.npz", x_train=GRAY, x_test=COLOR)
    assert "images of several shapes" in refusal(path)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.arange(39), "for 40 images"),
        (np.full(40, 0.5), "are not integers"),
        (np.full(40, np.nan), "are not integers"),
        (np.ones((40, 3)), "several labels per image"),
        (np.zeros(40, complex), "expected integers or texts"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path, labels, says):
    message = refusal(save(tmp_path / "x.npz", images=GRAY, labels=labels))
    assert says in message
    assert "--label_key" in message


def test_more_classes_than_run_json_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(own_images, "MOST_CLASSES", 5)
    message = refusal(save(tmp_path / "x.npz", images=GRAY, labels=np.arange(40)))
    assert "has 40 different labels in labels: expected at most 5" in message


class Stranger:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_nothing_is_unpickled(tmp_path):
    trap = tmp_path / "executed"
    objects = np.empty((9, 3, 3), object)
    objects[0, 0, 0] = Stranger(trap)
    for name in ("x.npy", "y.npz"):
        path = tmp_path / name
        if name == "x.npy":
            np.save(path, objects, allow_pickle=True)
        else:
            np.savez(path, images=objects)
        assert "expected numbers" in refusal(str(path))
    labels = np.array([Stranger(trap)] * 40, object)
    path = save(tmp_path / "z.npz", images=GRAY, labels=labels)
    assert "Python objects in labels, which are never loaded" in refusal(path)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Stranger(trap)))
    assert "cannot be read" in refusal(str(tmp_path / "raw.npy"))
    assert not trap.exists()


def test_damaged_files(tmp_path):
    path = Path(save(tmp_path / "x.npy", GRAY))
    path.write_bytes(path.read_bytes()[:-5])
    assert "is truncated" in refusal(str(path))
    (tmp_path / "y.npz").write_bytes(b"no archive")
    assert "cannot be read" in refusal(str(tmp_path / "y.npz"))
    path = Path(save(tmp_path / "z.npz", images=GRAY))
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)
    assert "cannot be read (Bad CRC" in refusal(str(path))
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert "it has no arrays" in refusal(str(tmp_path / "w.npz"))
    assert "there is no file" in refusal(str(tmp_path / "none.npz"))
    (tmp_path / "v.npz").mkdir()
    assert "is not a regular file" in refusal(str(tmp_path / "v.npz"))


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    info = describe(save(tmp_path / "x.npy", GRAY))
    monkeypatch.setattr(memory, "available", lambda: 100)
    with pytest.raises(data.DataError, match="write the images as files into a folder"):
        arrays.load(info, "train")
