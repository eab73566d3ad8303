"""Prepared TFDS folders: intact, damaged and malicious ones."""

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
from data import labels as labels_module
from data import splits
from data.sources import tfds

COUNTS = {"train": 12, "test": 5}
SHARD = "mnist-test.tfrecord-00000-of-00001"


@pytest.fixture
def folder(small_mnist, tmp_path):
    """A prepared folder of 12 + 5 images, which the catalog describes as MNIST."""
    return small_mnist(tmp_path, COUNTS)


def load(folder, split="test"):
    return tfds.load(data.describe("mnist"), split, str(folder.parents[1]))


def error_of(function, *args):
    with pytest.raises(data.DataError) as caught:
        function(*args)
    message = str(caught.value)
    assert "\n" not in message
    assert "--data_dir" in message
    return message


def stream_test_images(folder):
    """Reads the test images as training images are read that stay on disk."""
    info = data.describe("mnist")
    encoded = tfds.open_stream(info, "test", str(folder.parents[1]))
    try:
        for record in encoded.records(0, 5):
            encoded.decode(record["image"])
    except Exception as error:
        raise tfds.damaged(info, str(folder.parents[1]), error) from error


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_and_labels_come_in_the_order_in_which_they_are_stored(folder, make_images, split):
    images, labels = load(folder, split)
    expected_images, expected_labels = make_images(COUNTS[split])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(labels, expected_labels)


def test_the_environment_names_the_folder_if_the_flag_does_not(folder, make_images, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder.parents[1]))
    images, _ = tfds.load(data.describe("mnist"), "test", None)
    np.testing.assert_array_equal(images, make_images(COUNTS["test"])[0])


def test_a_prepared_folder_is_read_without_tfds(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # cannot be imported
    first = load(folder)
    for found, expected in zip(load(folder), first, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_a_folder_that_changed_is_read_again(folder, capsys):
    load(folder)
    lose_images(folder)
    capsys.readouterr()
    error_of(load, folder)
    assert "is out of date" in capsys.readouterr().out


def test_tfds_reads_the_same_images(folder):
    """TFDS's own reader as the oracle; it needs the description of the features."""
    import tensorflow_datasets

    features = tensorflow_datasets.features.FeaturesDict(
        {
            "image": tensorflow_datasets.features.Image(shape=(28, 28, 1)),
            "label": tensorflow_datasets.features.ClassLabel(num_classes=10),
        }
    )
    features.save_config(folder)
    builder = tensorflow_datasets.builder_from_directory(folder)
    (expected,) = builder.as_dataset(split="train", batch_size=12).as_numpy_iterator()
    images, labels = load(folder, "train")
    np.testing.assert_array_equal(images, expected["image"])
    np.testing.assert_array_equal(labels, expected["label"])


# -------------------------------------------------------------- records in several files


def write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def read_records(path):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def split_into_three(folder):
    """Distributes the test images over three files of 2, 0 and 3 records."""
    records = read_records(folder / SHARD)
    (folder / SHARD).unlink()
    for number, some in enumerate((records[:2], [], records[2:])):
        write_records(folder / f"mnist-test.tfrecord-{number:05}-of-00003", some)


def test_several_files_are_read_in_order(folder, make_images):
    split_into_three(folder)
    images, labels = load(folder)
    np.testing.assert_array_equal(images, make_images(5)[0])
    np.testing.assert_array_equal(labels, make_images(5)[1])


@pytest.mark.parametrize(("first", "stop"), [(0, 5), (1, 2), (1, 4), (2, 5), (4, 5)])
def test_a_range_of_records_begins_in_the_right_file(folder, make_images, first, stop):
    split_into_three(folder)
    encoded = tfds.open_stream(data.describe("mnist"), "test", str(folder.parents[1]))
    found = [encoded.decode(record["image"]) for record in encoded.records(first, stop)]
    np.testing.assert_array_equal(found, make_images(5)[0][first:stop])


def test_a_missing_file_of_several_is_reported(folder):
    split_into_three(folder)
    (folder / "mnist-test.tfrecord-00001-of-00003").unlink()
    assert "mnist-test.tfrecord-00000-of-00003 is not file 0 of 2" in error_of(load, folder)


# -------------------------------------------------------------------------------- damage


def truncate(folder):
    path = folder / SHARD
    path.write_bytes(path.read_bytes()[:-100])


def flip_bytes(folder):
    path = folder / SHARD
    content = bytearray(path.read_bytes())
    content[500:504] = b"\0\0\0\0"
    path.write_bytes(content)


def lose_images(folder):
    (folder / SHARD).unlink()


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
def test_other_counts_than_the_catalogs_are_reported(folder, monkeypatch, read):
    expected = dataclasses.replace(data.DATASETS["mnist"], num_test=10_000)
    monkeypatch.setitem(data.DATASETS, "mnist", expected)
    assert "cannot be read (ValueError: it has 5 test images, not 10,000)" in error_of(read, folder)


# ------------------------------------------------------------- folders made by strangers


def test_no_class_that_the_folder_names_is_imported(folder, tmp_path, monkeypatch, make_images):
    """TFDS would import the module: this is why TFDS does not read the folder."""
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


def example(**features):
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    message = tf.train.Example()
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        getattr(message.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return message.SerializeToString()


def png(height=28, width=28, channels=1, dtype=tf.uint8):
    return tf.io.encode_png(tf.zeros((height, width, channels), dtype)).numpy()


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
def test_a_label_that_is_none_of_the_classes_is_reported(folder, label, part, read):
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


# ---------------------------------------------------------------------- without labels


def test_a_dataset_without_classes_needs_no_labels(folder, make_images, monkeypatch):
    plain = dataclasses.replace(data.DATASETS["mnist"], class_names=None)
    monkeypatch.setitem(data.DATASETS, "mnist", plain)
    for split, count in COUNTS.items():
        path = folder / f"mnist-{split}.tfrecord-00000-of-00001"
        images = make_images(count)[0]
        write_records(path, [example(image=tf.io.encode_png(one).numpy()) for one in images])
    for _ in range(2):  # decoded, then from the cache
        images, labels = load(folder)
        np.testing.assert_array_equal(images, make_images(5)[0])
        assert labels is None
    resident = splits.load_train_and_validation("mnist", str(folder.parents[1]))
    _, positions, validation = splits.stream_train_and_load_validation(
        "mnist", str(folder.parents[1])
    )
    assert len(positions) == len(resident[0])
    assert validation.labels is resident[1].labels is None
    np.testing.assert_array_equal(validation.images, resident[1].images)


@pytest.mark.parametrize("classes", [1, 2, 300])
def test_any_number_of_classes_works(folder, classes, monkeypatch):
    names = tuple(map(str, range(classes)))
    many = dataclasses.replace(data.DATASETS["mnist"], class_names=names)
    monkeypatch.setitem(data.DATASETS, "mnist", many)
    expected = np.arange(5) * 61 % classes
    path = folder / SHARD
    write_records(path, [example(image=png(), label=int(label)) for label in expected])
    labels = load(folder)[1]
    np.testing.assert_array_equal(labels, expected)
    assert (labels_module.hide(labels, 3, seed=0) >= 0).sum() == 3


# ---------------------------------------------------------------------------- downloads


def test_a_failed_download_is_one_line_with_its_reason(tmp_path, monkeypatch):
    import tensorflow_datasets

    class Unreachable:
        def __init__(self, data_dir, version):
            assert version == "3.0.1"

        def download_and_prepare(self):
            raise ConnectionError("no route to host\nand a long story")

    monkeypatch.setattr(tensorflow_datasets, "builder_cls", lambda name: Unreachable)
    message = error_of(load, tmp_path / "mnist" / "3.0.1")
    assert message.startswith(f"mnist is not in {tmp_path} and cannot be downloaded (")
    assert "ConnectionError: no route to host)" in message
    assert "long story" not in message


def test_a_downloaded_dataset_is_read_like_a_prepared_one(
    small_mnist, make_images, tmp_path, monkeypatch, capsys
):
    import tensorflow_datasets

    class Builder:
        def __init__(self, data_dir, version):
            self.data_dir = data_dir

        def download_and_prepare(self):
            small_mnist(self.data_dir, COUNTS)

    monkeypatch.setattr(tensorflow_datasets, "builder_cls", lambda name: Builder)
    info = dataclasses.replace(data.describe("mnist"), num_train=12, num_test=5, sha256={})
    for _ in range(2):
        images, _ = tfds.load(info, "test", str(tmp_path))
        np.testing.assert_array_equal(images, make_images(5)[0])
    assert capsys.readouterr().out.count("downloading it") == 1
