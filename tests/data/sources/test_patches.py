"""Patches of scikit-learn's photographs, against patches cut by plain indexing."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

import data
from data import loading, splits
from data.sources import patches

INFO = data.describe("patches")
SETTINGS = {
    "dataset": "patches",
    "num_validation": 166,
    "binarize": "none",
    "batch_size": 100,
    "seed": 0,
    "stream": False,
}


def cut(columns):
    """Cuts both photographs at the given columns of patches, one patch at a time."""
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    return [
        photograph[top : top + 16, left : left + 16].tobytes()
        for photograph in photographs
        for top in range(0, 26 * 16, 16)
        for left in range(16 * columns.start, 16 * columns.stop, 16)
    ]


@pytest.mark.parametrize(
    ("split", "columns", "count"), [("train", range(32), 1664), ("test", range(32, 40), 416)]
)
def test_the_patches_are_those_of_the_splits_part_of_the_photographs(split, columns, count):
    images, labels = patches.load(INFO, split)
    assert labels is None
    assert len(images) == INFO.num_images(split) == count
    found = [image.tobytes() for image in images]
    expected = cut(columns)
    assert found != expected  # the order is not that of the photographs
    assert sorted(found) == sorted(expected)


def test_no_pixel_is_in_both_splits(monkeypatch):
    """In photographs whose pixels are all different, no value is in both splits."""
    numbers = np.arange(427 * 640 * 3).reshape(427, 640, 3)
    photographs = {"china.jpg": numbers, "flower.jpg": numbers + numbers.size}
    monkeypatch.setattr("sklearn.datasets.load_sample_image", photographs.get)
    train, test = (patches.load(INFO, split)[0] for split in ("train", "test"))
    assert not np.intersect1d(train, test).size
    assert len(np.unique(train)) == train.size
    assert len(np.unique(test)) == test.size


def test_the_order_is_fixed_and_positions_select_from_it():
    images, _ = patches.load(INFO, "train")
    some, _ = patches.load(INFO, "train", None, np.array([7, 1663, 0]))
    np.testing.assert_array_equal(some, images[[7, 1663, 0]])


@pytest.mark.parametrize("binarize", ["none", "static", "dynamic"])
def test_splits_and_batches_work_without_labels(binarize):
    train, validation = splits.load_train_and_validation("patches", binarize=binarize)
    assert (len(train), len(validation)) == (1498, 166)
    assert train.labels is validation.labels is splits.load_test("patches").labels is None
    training, held_out, _ = loading.load_batches(SETTINGS | {"binarize": binarize}, None)
    for batches in (training, held_out):
        batch = batches.fetch(next(batches.epoch(0)), 0)
        assert batch.shape[1:] == (16, 16, 3)


def test_labels_that_do_not_exist_are_refused_in_one_line():
    with pytest.raises(data.DataError, match="patches has no labels: choose a --model"):
        loading.load_batches(SETTINGS, None, with_labels=True)


@pytest.mark.parametrize("stream", ["1", 1, None])
def test_stream_must_be_a_bool(stream):
    with pytest.raises(TypeError, match="expected True or False"):
        loading.load_batches(SETTINGS | {"stream": stream}, None)
