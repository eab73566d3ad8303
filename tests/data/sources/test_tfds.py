"""Reading prepared TFDS folders, and downloads."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

import data
from data import labels as labels_module
from data import splits
from data.sources import tfds
from tests.data.sources.prepared_folders import (
    COUNTS,
    SHARD,
    error_of,
    example,
    load,
    lose_images,
    png,
    read_records,
    write_records,
)


@pytest.fixture
def folder(small_mnist, tmp_path):
    """A prepared folder of 12 + 5 images, which the catalog describes as MNIST."""
    return small_mnist(tmp_path, COUNTS)


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
