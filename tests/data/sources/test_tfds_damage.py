"""Prepared TFDS folders that are damaged, or made by strangers."""

import dataclasses
import json
import os
import socket
import struct
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf

import data
from data import splits
from tests.data.sources.prepared_folders import (
    COUNTS,
    SHARD,
    error_of,
    example,
    load,
    lose_images,
    png,
    read_records,
    stream_test_images,
    write_records,
)


@pytest.fixture
def folder(small_mnist, tmp_path):
    """A prepared folder of 12 + 5 images, which the catalog describes as MNIST."""
    return small_mnist(tmp_path, COUNTS)


# -------------------------------------------------------------------------------- damage


def truncate(folder):
    path = folder / SHARD
    path.write_bytes(path.read_bytes()[:-100])


def flip_bytes(folder):
    path = folder / SHARD
    content = bytearray(path.read_bytes())
    content[500:504] = b"\0\0\0\0"
    path.write_bytes(content)


def claim_a_huge_record(folder):
    (folder / SHARD).write_bytes(struct.pack("<Q", 2**50) + bytes(1000))


def be_mostly_a_hole(folder):
    """A terabyte of zeros that takes no space: records of length 0 without end."""
    os.truncate(folder / SHARD, 2**40)


def have_a_huge_record(folder):
    with (folder / SHARD).open("wb") as file:
        file.write(struct.pack("<Q", 2**39))
        os.truncate(file.fileno(), 2**39 + 16)


def be_a_file(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder should be")


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_bytes,
        lose_images,
        claim_a_huge_record,
        be_mostly_a_hole,
        have_a_huge_record,
        be_a_file,
    ],
)
@pytest.mark.parametrize("read", [load, stream_test_images])
def test_a_damaged_folder_is_reported_with_what_to_remove(folder, damage, read):
    damage(folder)
    message = error_of(read, folder)
    assert message.startswith(f"mnist in {folder.parents[1]} cannot be read (")
    assert f"remove {folder.parent} to download it again" in message


@pytest.mark.parametrize("read", [load, stream_test_images])
def test_counts_that_differ_from_the_catalog_are_reported(folder, monkeypatch, read):
    expected = dataclasses.replace(data.DATASETS["mnist"], num_test=10_000)
    monkeypatch.setitem(data.DATASETS, "mnist", expected)
    assert "cannot be read (ValueError: it has 5 test images, not 10,000)" in error_of(read, folder)


# ------------------------------------------------------------- folders made by strangers


def test_no_class_that_the_folder_names_is_imported(folder, tmp_path, monkeypatch, make_images):
    """TFDS would import the module, which is why it is not used to read the folder."""
    module = tmp_path / "modules" / "hidden_code.py"
    module.parent.mkdir()
    module.write_text(f"open({str(tmp_path / 'it_ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(module.parent))
    feature = {"pythonClassName": "hidden_code.Feature", "jsonFeature": {"json": "{}"}}
    legacy = {"type": "hidden_code.Feature", "content": {}}
    for content in (feature, legacy, {"featuresDict": {"features": {"image": feature}}}):
        (folder / "features.json").write_text(json.dumps(content))
        np.testing.assert_array_equal(load(folder)[0], make_images(5)[0])
        stream_test_images(folder)
    assert "hidden_code" not in sys.modules
    assert not (tmp_path / "it_ran").exists()


def make_pipe(path):
    os.mkfifo(path)


def link_to_zeros(path):
    path.symlink_to("/dev/zero")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as opened:
        previous = os.getcwd()
        os.chdir(path.parent)  # the path may be longer than a socket's may be
        try:
            opened.bind(path.name)
        finally:
            os.chdir(previous)


SPECIAL = pytest.mark.parametrize(
    "make", [make_pipe, link_to_zeros, lambda path: path.mkdir(), make_socket]
)


@SPECIAL
@pytest.mark.parametrize("read", [load, stream_test_images])
def test_a_special_file_in_place_of_the_images_is_refused_at_once(folder, make, read):
    (folder / SHARD).unlink()
    make(folder / SHARD)
    message = error_of(read, folder)
    assert "is not a regular file" in message or "No such device" in message


@SPECIAL
@pytest.mark.parametrize("name", ["features.json", "dataset_info.json", "label.labels.txt"])
def test_special_files_beside_the_images_are_not_opened(folder, make, name, make_images):
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    assert data.is_prepared("mnist", str(folder.parents[1]))
    np.testing.assert_array_equal(load(folder)[0], make_images(5)[0])


def claim_size(height, width):
    content = bytearray(png())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(
    "image",
    [
        claim_size(100_000, 100_000),
        claim_size(28, 29),
        png(14, 56),
        png(channels=3),
        png(dtype=tf.uint16),
        tf.io.encode_jpeg(tf.zeros((28, 28, 1), tf.uint8)).numpy(),
        b"GIF89a" + bytes(100),
        b"",
    ],
    ids=["huge", "wide", "14x56", "color", "16 bits", "JPEG", "GIF", "empty"],
)
@pytest.mark.parametrize("read", [load, stream_test_images])
def test_an_image_of_another_size_or_format_is_never_decoded(folder, image, read):
    records = read_records(folder / SHARD)
    write_records(folder / SHARD, [*records[:3], example(image=image, label=0), records[4]])
    assert "image 3 is not a PNG of 28×28×1" in error_of(read, folder)


@pytest.mark.parametrize(
    ("label", "part"),
    [
        (90, "image 3 has a label outside 0…9"),
        (10, "image 3 has a label outside 0…9"),
        (-1, "image 3 has a label outside 0…9"),
        (3.0, "Data types don't match"),
        ([3, 4], "label"),
        (b"3", "Data types don't match"),
    ],
)
@pytest.mark.parametrize("read", [load, stream_test_images])
def test_a_label_outside_the_classes_is_reported(folder, label, part, read):
    records = read_records(folder / SHARD)
    write_records(folder / SHARD, [*records[:3], example(image=png(), label=label), records[4]])
    assert part in error_of(read, folder)


def test_damage_in_training_images_is_found_before_training_begins(folder):
    path = folder / "mnist-train.tfrecord-00000-of-00001"
    records = read_records(path)
    held_out = splits.positions("mnist", None)[1]
    place = next(place for place in range(12) if place not in held_out)
    records[place] = example(image=claim_size(10**5, 10**5), label=0)
    write_records(path, records)
    message = error_of(splits.stream_train_and_load_validation, "mnist", str(folder.parents[1]))
    assert f"image {place} is not a PNG" in message
