"""Metadata and records of TFDS datasets that are damaged, or made by strangers."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import data
from data import splits
from data.sources import tfds
from tests.data.sources.prepared_folders import example, png, read_records, write_records
from tests.data.sources.tfds_datasets import draw, prepare

SHARD = "mini-train.tfrecord-00000-of-00001"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    from tensorflow_datasets import features

    rows = [{"image": image, "label": n % 3} for n, image in enumerate(draw(20, 8, 8, 1))]
    return prepare(
        tmp_path_factory.mktemp("original"),
        "mini",
        {"train": rows},
        {
            "image": features.Image(shape=(8, 8, 1)),
            "label": features.ClassLabel(names=["a", "b", "c"]),
        },
    )


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy of a dataset of 20 images and 3 classes, to damage."""
    return Path(shutil.copytree(original, tmp_path / "mini" / "1.0.0"))


def describe(folder: Path, **options: Any) -> data.DatasetInfo:
    return data.describe("mini", str(folder.parents[1]), options)


def error_of(function, *arguments, **options) -> str:
    with pytest.raises(data.DataError) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    return message


def change(path: Path, *keys: Any, to: Any) -> None:
    """Replaces a value in a JSON file."""
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    path.write_text(json.dumps(content))


IMAGE = ("featuresDict", "features", "image")
SIZES = (*IMAGE, "image", "shape", "dimensions")


@pytest.mark.parametrize(
    ("keys", "value", "part"),
    [
        (("featuresDict",), [], "does not describe its features"),
        (("featuresDict", "features"), {}, "has no images among its features"),
        (("featuresDict", "features"), {"text": {"text": {}}}, "has no images among its features"),
        ((*IMAGE, "image"), "none", "does not describe its image"),
        ((*IMAGE, "image", "dtype"), "float32", "has float32 images: expected uint8 or uint16"),
        (SIZES, ["8", "8"], "that are not (height, width, channels)"),
        (SIZES, ["8", "8", "2"], "has images of 8×8×2: expected 1, 3 or 4 channels"),
        (SIZES, ["100000", "100000", "1"], "at most 100,000,000 pixels"),
        (SIZES, ["9" * 5000, "8", "1"], " as a size of its images: expected -1 to 100,000"),
        (SIZES, ["0", "8", "1"], "has images of 0×8×1"),
        (("featuresDict", "features", "label", "classLabel", "numClasses"), "4", "3 class names "),
        (
            ("featuresDict", "features", "label", "classLabel", "numClasses"),
            "5000",
            "has 5,000 classes: expected at most 2,000; type --label_key none",
        ),
    ],
)
def test_features_that_cannot_be_used_are_one_line(folder, keys, value, part):
    change(folder / "features.json", *keys, to=value)
    message = error_of(describe, folder)
    assert message.startswith(f"mini in {folder.parents[1]} has ") or "does not" in message
    assert part in message


@pytest.mark.parametrize(
    ("keys", "value", "part"),
    [
        (("splits",), [], "names no splits"),
        (("splits", 0, "name"), "../train", "has a split called ../train"),
        (("splits", 0, "name"), "\x1b[2J", "has a split called \\x1b[2J"),
        (("splits", 0, "shardLengths"), ["-1"], "has -1 as a number of train images"),
        (("splits", 0, "shardLengths"), ["3"], "has 3 train images: expected at least 4"),
        (("splits", 0, "shardLengths"), "many", "does not say how many images"),
        (("splits", 0, "shardLengths"), ["10", "10"], "cannot be read (No such file"),
        (("splits", 0, "filepathTemplate"), "/etc/passwd", "has files called /etc/passwd"),
        (("splits", 0, "filepathTemplate"), "{DATASET}/{SPLIT}", "which this program cannot find"),
        (("splits", 0, "filepathTemplate"), "{__class__}", "which this program cannot find"),
        (("fileFormat",), "parquet", "is stored as parquet: expected tfrecord"),
    ],
)
def test_splits_that_cannot_be_used_are_one_line(folder, keys, value, part):
    change(folder / "dataset_info.json", *keys, to=value)
    assert part in error_of(describe, folder)


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"],
    ids=["empty", "cut", "list", "binary", "deep", "digits"],
)
def test_files_that_are_not_json_objects_are_one_line(folder, name, content):
    (folder / name).write_bytes(content)
    error_of(describe, folder)


@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "label.labels.txt"])
def test_special_and_huge_metadata_files_are_refused_at_once(folder, name):
    path = folder / name
    path.unlink()
    os.mkfifo(path)
    assert "is not a regular file" in error_of(describe, folder)
    path.unlink()
    path.touch()
    os.truncate(path, 2**40)
    assert f"bytes in {name}, more than" in error_of(describe, folder)


def test_no_class_that_the_metadata_names_is_imported(folder, tmp_path, monkeypatch):
    module = tmp_path / "modules" / "hidden_code.py"
    module.parent.mkdir()
    module.write_text(f"open({str(tmp_path / 'it_ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(module.parent))
    change(folder / "features.json", *IMAGE, "pythonClassName", to="hidden_code.Feature")
    change(folder / "features.json", "pythonClassName", to="hidden_code.Feature")
    change(folder / "dataset_info.json", "moduleName", to="hidden_code")
    tfds.load(describe(folder), "train", str(folder.parents[1]))
    assert "hidden_code" not in sys.modules
    assert not (tmp_path / "it_ran").exists()


def test_class_names_that_cannot_be_printed_are_escaped(folder):
    (folder / "label.labels.txt").write_text("a\n\x1b[2Jb\nc" + "c" * 1000)
    assert describe(folder).class_names == ("a", "\\x1b[2Jb", "c" * 255)


def test_without_class_names_they_are_numbers(folder):
    (folder / "label.labels.txt").unlink()
    assert describe(folder).class_names == ("0", "1", "2")


# --------------------------------------------------------------------------------- records


def read(folder: Path) -> None:
    """Reads the images as a run in memory does."""
    tfds.load(describe(folder), "train", str(folder.parents[1]))


def stream(folder: Path) -> None:
    """Reads the images as a streamed run does."""
    from data.streaming import StreamedBatches

    info, data_dir = describe(folder), str(folder.parents[1])
    encoded, positions, _ = splits.stream_train_and_load_validation(info, data_dir)
    list(StreamedBatches(encoded, positions, 5, seed=0).epoch(1))


READ = pytest.mark.parametrize("read", [read, stream])


@READ
@pytest.mark.parametrize(
    ("record", "part"),
    [
        (example(image=b"RIFF", label=0), "image 3 is not a PNG, JPEG, GIF or BMP file"),
        (example(image=b"", label=0), "image 3 is not a PNG, JPEG, GIF or BMP file"),
        (example(image=png(8, 8), label=3), "image 3 has a label outside 0…2"),
        (example(image=png(8, 8), label=-1), "image 3 has a label outside 0…2"),
        (example(label=0), "image"),
        (example(image=png(9, 8), label=0), "an image has 9×8 pixels, and the images looked at"),
        (example(image=png(8, 8)[:45], label=0), "an image cannot be decoded ("),
        (example(image=png(8, 8)[:10] + b"x" * 50, label=0), "an image cannot be decoded ("),
    ],
    ids=["kind", "empty", "label", "negative", "missing", "size", "cut", "damaged"],
)
def test_a_record_that_cannot_be_used_is_one_line(folder, record, part, read):
    records = read_records(folder / SHARD)
    write_records(folder / SHARD, [*records[:3], record, *records[4:]])
    assert part in error_of(read, folder)


@READ
def test_files_of_another_length_than_the_metadata_says_are_refused(folder, read):
    records = read_records(folder / SHARD)
    write_records(folder / SHARD, records[:-1])
    assert f"{SHARD} has 19 images, not 20" in error_of(read, folder)
    with (folder / SHARD).open("r+b") as file:
        file.truncate((folder / SHARD).stat().st_size - 5)
    assert "is truncated or damaged in record 18" in error_of(read, folder)


def test_a_link_to_a_file_is_followed(folder):
    """Datasets are often linked from a larger disk."""
    target = folder.parents[1] / "elsewhere"
    (folder / SHARD).rename(target)
    (folder / SHARD).symlink_to(target)
    images, _ = tfds.load(describe(folder), "train", str(folder.parents[1]))
    assert len(images) == 18
