"""Reading prepared TFDS folders, whole and damaged ones. The folders are written by hand."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import data
from data import mnist, tfds_images

COUNTS = {"train": 12, "test": 5}


def make_split(split):
    rng = np.random.default_rng(len(split))
    images = rng.integers(0, 256, (COUNTS[split], 28, 28, 1)).astype(np.uint8)
    return images, rng.integers(0, 10, COUNTS[split])


def write_folder(folder):
    """Writes a prepared MNIST as TFDS would: PNG images in TFRecords, and their description."""
    folder.mkdir(parents=True)
    splits = []
    for split, count in COUNTS.items():
        path = folder / f"mnist-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for image, label in zip(*make_split(split), strict=True):
                png = tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
                feature = {
                    "image": tf.train.Feature(bytes_list=png),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
        splits.append(
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split,
                "numBytes": str(path.stat().st_size),
                "shardLengths": [str(count)],
            }
        )
    info = {"name": "mnist", "version": "3.0.1", "fileFormat": "tfrecord", "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(info))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A prepared folder of 12 + 5 images, and a table that expects as many."""
    small = dataclasses.replace(data.DATASETS["mnist"], num_train=12, num_test=5)
    monkeypatch.setitem(data.DATASETS, "mnist", small)
    prepared = tmp_path / "mnist" / "3.0.1"
    write_folder(prepared)
    return prepared


def error_of_loading(folder, split="test"):
    data_dir = folder.parents[1]
    with pytest.raises(data.DataError) as caught:
        tfds_images.load("mnist", split, str(data_dir))
    message = str(caught.value)
    assert "\n" not in message
    assert "--data_dir" in message
    return message


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_and_labels_come_in_the_order_in_which_they_are_stored(folder, split):
    images, labels = mnist.load(split, str(folder.parents[1]))
    expected_images, expected_labels = make_split(split)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(labels, expected_labels)


def test_the_environment_names_the_folder_where_the_flag_does_not(folder, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder.parents[1]))
    images, _ = mnist.load("test", None)
    np.testing.assert_array_equal(images, make_split("test")[0])


def truncate(folder):
    path = folder / "mnist-test.tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-100])


def flip_bytes(folder):
    path = folder / "mnist-test.tfrecord-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[500:504] = b"\0\0\0\0"
    path.write_bytes(content)


def lose_images(folder):
    (folder / "mnist-test.tfrecord-00000-of-00001").unlink()


def garble_description(folder):
    (folder / "dataset_info.json").write_text("{nonsense")


def empty_description(folder):
    (folder / "dataset_info.json").write_text("{}")


@pytest.mark.parametrize(
    "damage", [truncate, flip_bytes, lose_images, garble_description, empty_description]
)
def test_a_damaged_folder_is_said_to_be_damaged_and_what_to_remove(folder, damage):
    damage(folder)
    message = error_of_loading(folder)
    assert message.startswith(f"mnist in {folder.parents[1]} ")
    assert f"remove {folder.parent} to download it again" in message


def test_a_folder_with_other_counts_is_said_to_be_damaged(folder, monkeypatch):
    expected = dataclasses.replace(data.DATASETS["mnist"], num_test=10_000)
    monkeypatch.setitem(data.DATASETS, "mnist", expected)
    message = error_of_loading(folder)
    assert "cannot be read (its test images are (5, 28, 28, 1), not (10000, 28, 28, 1))" in message


def test_a_failed_download_is_one_line_with_its_reason(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    class Unreachable:
        def download_and_prepare(self):
            raise ConnectionError("no route to host\nand a long story")

    monkeypatch.setattr(tfds, "builder", lambda *args, **kwargs: Unreachable())
    message = error_of_loading(tmp_path / "mnist" / "3.0.1")
    assert message.startswith(f"mnist is not in {tmp_path} and cannot be downloaded (")
    assert "ConnectionError: no route to host)" in message
    assert "long story" not in message
