"""Reading prepared TFDS folders, whole and damaged ones."""

import dataclasses
import sys

import numpy as np
import pytest

import data
from data import mnist, tfds_images

COUNTS = {"train": 12, "test": 5}


@pytest.fixture
def folder(small_mnist, tmp_path):
    """A prepared folder of 12 + 5 images, and a table that expects as many."""
    return small_mnist(tmp_path, COUNTS)


def error_of_loading(folder, split="test"):
    data_dir = folder.parents[1]
    with pytest.raises(data.DataError) as caught:
        tfds_images.load("mnist", split, str(data_dir))
    message = str(caught.value)
    assert "\n" not in message
    assert "--data_dir" in message
    return message


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_and_labels_come_in_the_order_in_which_they_are_stored(folder, make_images, split):
    images, labels = mnist.load(split, str(folder.parents[1]))
    expected_images, expected_labels = make_images(COUNTS[split])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(images, expected_images)
    np.testing.assert_array_equal(labels, expected_labels)


def test_the_environment_names_the_folder_where_the_flag_does_not(folder, make_images, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder.parents[1]))
    images, _ = mnist.load("test", None)
    np.testing.assert_array_equal(images, make_images(COUNTS["test"])[0])


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_read_a_second_time_are_the_same_and_come_without_tfds(folder, split, monkeypatch):
    first = mnist.load(split, str(folder.parents[1]))
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)  # cannot be imported
    second = mnist.load(split, str(folder.parents[1]))
    for found, expected in zip(second, first, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_a_folder_that_changed_is_read_anew(folder, capsys):
    mnist.load("test", str(folder.parents[1]))
    lose_images(folder)
    capsys.readouterr()
    error_of_loading(folder)
    assert "is out of date" in capsys.readouterr().out


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
