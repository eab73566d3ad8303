"""Datasets of TFDS that the catalog does not know: described by the metadata of their folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import data
from catalog.datasets import SOURCES, TFDS
from catalog.tfds_names import TFDS_NAMES
from data import cache, decoding, splits
from data.sources import tfds
from tests.data.sources.tfds_datasets import draw, encode, prepare

ROOT = Path(__file__).resolve().parents[3]
LETTERS = [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]
SIZES = [(10, 12), (16, 9), (9, 9), (30, 20)]


def describe(data_dir: Path, name: str, **options: Any) -> data.DatasetInfo:
    return data.describe(name, str(data_dir), options)


def load(data_dir: Path, info: data.DatasetInfo, split: str):
    return tfds.load(info, split, str(data_dir))


def stream(data_dir: Path, info: data.DatasetInfo, split: str) -> np.ndarray:
    """Reads the images of a split as streamed training images are read."""
    encoded = tfds.open_stream(info, split, str(data_dir))
    records = encoded.records(0, encoded.num_images)
    return np.array([encoded.decode(record["image"]) for record in records])


def digests(images: np.ndarray) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(image).data).hexdigest() for image in images]


def pairs(images: np.ndarray, labels: Any) -> set[tuple[str, int]]:
    return set(zip(digests(images), map(int, labels), strict=True))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder with several datasets that TFDS has written."""
    from tensorflow_datasets import features

    folder = tmp_path_factory.mktemp("prepared")
    gray, color = features.Image(shape=(8, 8, 1)), features.Image(shape=(None, None, 3))
    gray_rows = [
        {"image": image, "label": number % 10} for number, image in enumerate(draw(40, 8, 8, 1))
    ]
    letters = features.ClassLabel(names=LETTERS)
    prepare(
        folder,
        "mini",
        {"train": gray_rows[:30], "test": gray_rows[30:]},
        {"image": gray, "label": features.ClassLabel(num_classes=10)},
    )
    prepare(
        folder,
        "alphabet",
        {
            part: [
                {"image": image, "label": number % 62}
                for number, image in enumerate(draw(count, 4, 6, 1))
            ]
            for part, count in {"train": 130, "test": 62, "validation": 31, "extra": 3}.items()
        },
        {"image": gray_of(4, 6), "label": letters},
        configuration="letters",
        supervised=("image", "label"),
    )
    photos = [draw(1, *size, 3)[0] for size in SIZES * 5]
    prepare(
        folder,
        "photos",
        {
            "train": [
                {"image": encode(image, "JPEG" if number % 2 else "PNG")}
                for number, image in enumerate(photos)
            ]
        },
        {"image": color},
    )
    deep = draw(20, 5, 5, 1, np.uint16)
    prepare(
        folder,
        "deep",
        {"test": [{"scan": image} for image in deep]},
        {"scan": features.Image(shape=(5, 5, 1), dtype=np.uint16)},
    )
    return folder


def gray_of(height: int, width: int):
    from tensorflow_datasets import features

    return features.Image(shape=(height, width, 1))


# ------------------------------------------------------------------ images, labels, splits


def test_images_and_labels_are_those_that_were_written(prepared):
    info = describe(prepared, "mini")
    assert (info.image_shape, info.num_train, info.num_test) == ((8, 8, 1), 30, 10)
    assert (info.num_validation, info.has_validation) == (3, False)
    assert info.class_names == tuple(LETTERS[:10])
    assert (info.name, info.version, info.path) == ("mini", "1.0.0", None)
    images, labels = draw(40, 8, 8, 1), np.arange(40) % 10
    for split, rows in (("train", slice(30)), ("test", slice(30, 40))):
        found, found_labels = load(prepared, info, split)
        assert (found.dtype, found_labels.dtype) == (np.uint8, np.int64)
        assert pairs(found, found_labels) == pairs(images[rows], labels[rows])
        np.testing.assert_array_equal(stream(prepared, info, split), found)


def test_the_order_is_that_of_tfds(prepared):
    import tensorflow_datasets

    builder = tensorflow_datasets.builder_from_directory(prepared / "mini" / "1.0.0")
    (expected,) = builder.as_dataset(split="train", batch_size=30).as_numpy_iterator()
    images, labels = load(prepared, describe(prepared, "mini"), "train")
    np.testing.assert_array_equal(images, expected["image"])
    np.testing.assert_array_equal(labels, expected["label"])


def test_a_configuration_with_all_splits_and_62_classes(prepared):
    info = describe(prepared, "alphabet/letters")
    assert (info.name, info.class_names) == ("alphabet/letters", tuple(LETTERS))
    assert (info.num_train, info.num_test) == (130 + 31, 62)
    assert (info.num_validation, info.has_validation) == (31, True)
    assert "splits ignored: extra" in info.notes
    train, validation = splits.load_train_and_validation(info, str(prepared))
    test = splits.load_test(info, str(prepared))
    for split, count in ((train, 130), (validation, 31), (test, 62)):
        images, labels = draw(count, 4, 6, 1), np.arange(count) % 62
        assert pairs(split.images, split.labels) == pairs(images, labels)
    _, positions, streamed = splits.stream_train_and_load_validation(info, str(prepared))
    assert len(positions) == 130
    np.testing.assert_array_equal(streamed.images, validation.images)


def test_without_a_test_split_a_tenth_is_held_out(prepared):
    info = describe(prepared, "photos", image_size=(8, 8))
    assert (info.num_train, info.num_test, info.class_names) == (18, 2, None)
    assert any(note.startswith("no test images of its own: 2 drawn") for note in info.notes)
    assert "no labels" in info.notes
    train, labels = load(prepared, info, "train")
    assert labels is None
    test, _ = load(prepared, info, "test")
    expected = [
        decoding.decode(encode(draw(1, *size, 3)[0], kind).getvalue(), (8, 8, 3), True, False)
        for size in SIZES
        for kind in ("PNG", "JPEG")
    ]
    assert set(digests(np.concatenate([train, test]))) <= set(digests(np.array(expected)))
    np.testing.assert_array_equal(stream(prepared, info, "train"), train)
    np.testing.assert_array_equal(stream(prepared, info, "test"), test)
    resident = splits.load_train_and_validation(info, str(prepared))[1]
    streamed = splits.stream_train_and_load_validation(info, str(prepared))[2]
    np.testing.assert_array_equal(streamed.images, resident.images)


def test_images_of_several_sizes_need_a_size(prepared):
    with pytest.raises(data.DataError, match=r"several sizes: type --image_size HEIGHT,WIDTH"):
        describe(prepared, "photos")


def test_sizes_and_gray_apply_as_for_folders(prepared):
    info = describe(prepared, "mini", image_size=(4, 6), grayscale=False)
    assert info.image_shape == (4, 6, 3)
    found, _ = load(prepared, info, "test")
    original, _ = load(prepared, describe(prepared, "mini"), "test")
    for image, gray in zip(found, original, strict=True):
        content = encode(gray, "PNG").getvalue()
        expected = decoding.decode(content, (4, 6, 3), True, False)
        np.testing.assert_array_equal(image, expected)
    assert {"resized and cropped at the center to 4×6", "gray images converted to color"} <= set(
        info.notes
    )


def test_16_bits_are_scaled_and_a_single_split_is_divided(prepared):
    info = describe(prepared, "deep")
    assert (info.image_shape, info.num_train, info.num_test) == ((5, 5, 1), 18, 2)
    found = np.concatenate([load(prepared, info, split)[0] for split in ("train", "test")])
    expected = (draw(20, 5, 5, 1, np.uint16).astype(np.int64) * 255 + 32_767) // 65_535
    assert set(digests(found)) == set(digests(expected.astype(np.uint8)))


def test_decoded_images_are_cached_by_size(prepared, monkeypatch, capsys):
    monkeypatch.setattr(cache, "_COUNTS", range(5, 1000))
    sizes = [None, (4, 4)]
    first = [load(prepared, describe(prepared, "mini", image_size=size), "train") for size in sizes]
    monkeypatch.setattr(decoding, "decode", None)
    for size, (images, labels) in zip(sizes, first, strict=True):
        info = describe(prepared, "mini", image_size=size)
        again = tfds.load(info, "train", str(prepared), np.array([5, 2]))
        np.testing.assert_array_equal(again[0], images[[5, 2]])
        np.testing.assert_array_equal(again[1], labels[[5, 2]])
    assert not capsys.readouterr().out


# ------------------------------------------------------------------ which images and labels


def test_the_labels_are_chosen_by_name(prepared):
    assert describe(prepared, "mini", label_key="none").class_names is None
    assert describe(prepared, "mini", label_key="label").class_names == tuple(LETTERS[:10])
    for option, part in (
        ({"label_key": "kind"}, "has no labels kind: type --label_key none, or one of label"),
        ({"image_key": "kind"}, "has no images kind: type --image_key with one of image"),
    ):
        with pytest.raises(data.DataError, match=part):
            describe(prepared, "mini", **option)


def test_the_newest_version_is_read_unless_another_is_asked_for(prepared, tmp_path):
    for version in ("1.0.0", "1.9.0", "1.10.0"):
        shutil.copytree(prepared / "mini" / "1.0.0", tmp_path / "mini" / version)
    assert describe(tmp_path, "mini").version == "1.10.0"
    info = describe(tmp_path, "mini:1.0.0")
    assert (info.name, info.version) == ("mini", "1.0.0")
    assert len(load(tmp_path, info, "test")[0]) == 10


def test_a_missing_configuration_is_answered_with_those_there_are(prepared):
    for name in ("alphabet", "alphabet/digits"):
        with pytest.raises(data.DataError) as caught:
            describe(prepared, name)
        assert "has the configuration letters: type --dataset alphabet/letters" in str(caught.value)


# ----------------------------------------------------------------------- run.json


def test_a_run_finds_its_dataset_again(prepared, tmp_path):
    shutil.copytree(prepared / "mini", tmp_path / "mini")
    info = describe(tmp_path, "mini", label_key="none")
    flags = {"dataset": "mini", "label_key": "none"}
    record = json.loads(json.dumps({"flags": flags, "dataset": data.to_record(info)}))
    assert data.from_record(record, "mini", str(tmp_path)) == info
    described = data.read_description(record["dataset"], "mini", flags)
    assert dataclasses.replace(described, notes=info.notes) == info
    shutil.copytree(tmp_path / "mini" / "1.0.0", tmp_path / "mini" / "2.0.0")
    assert data.from_record(record, "mini", str(tmp_path)).version == "1.0.0"
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "mini" / "1.0.0", other / "mini" / "2.0.0")
    with pytest.raises(data.DataError, match=r"mini:1\.0\.0 is not prepared in"):
        data.from_record(record, "mini", str(other))


def test_other_images_of_the_same_name_are_refused(prepared, tmp_path):
    info = describe(prepared, "mini")
    record = {"flags": {"dataset": "mini"}, "dataset": data.to_record(info)}
    shutil.copytree(prepared / "mini", tmp_path / "mini")
    path = tmp_path / "mini" / "1.0.0" / "mini-test.tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes() + bytes(16))
    with pytest.raises(data.DataError, match="describes another dataset than mini: its fingerpri"):
        data.from_record(record, "mini", str(tmp_path))


# ------------------------------------------------------------------------- TFDS itself


def test_the_names_are_those_of_tfds():
    import tensorflow_datasets

    assert set(TFDS_NAMES) <= set(tensorflow_datasets.list_builders())
    assert len(TFDS_NAMES) == len(set(TFDS_NAMES)) == 120
    assert SOURCES["cifar10"] is SOURCES["emnist/letters"] is SOURCES[TFDS]


def test_describing_a_prepared_dataset_imports_neither_tensorflow_nor_tfds(prepared):
    code = (
        "import sys, data\n"
        f"data.describe('alphabet/letters', {str(prepared)!r})\n"
        "print({'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("emnist", "type --dataset emnist/CONFIGURATION with one of byclass, bymerge, balanced"),
        ("emnist/lettres", "type --dataset emnist/CONFIGURATION with one of byclass"),
        ("cifar10/large", "cifar10 has no configurations"),
        ("cifar10:9.9.9", "9.9.9"),
    ],
)
def test_tfds_is_asked_for_a_dataset_of_its_own(name, part, tmp_path, capsys):
    with pytest.raises(data.DataError) as caught:
        data.describe(name, str(tmp_path))
    message = str(caught.value)
    assert message.startswith(f"{name} is not in {tmp_path} and cannot be downloaded (")
    assert part in message
    assert "\n" not in message
    assert "downloading it" in capsys.readouterr().out


def test_a_downloaded_dataset_is_described(prepared, tmp_path, monkeypatch):
    from data import tfds_folder

    def run(command, **_):
        assert command[-2:] == ["cifar10", str(tmp_path)]
        source = prepared / "mini" / "1.0.0"
        target = tmp_path / "cifar10" / "3.0.2"
        shutil.copytree(source, target)
        for path in target.glob("mini-*"):
            path.rename(path.with_name(path.name.replace("mini", "cifar10")))
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(tfds_folder.subprocess, "run", run)
    info = describe(tmp_path, "cifar10")
    assert (info.name, info.version, info.num_train) == ("cifar10", "3.0.2", 30)
    assert len(load(tmp_path, info, "test")[0]) == 10
