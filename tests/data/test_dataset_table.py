"""The table of datasets against what its modules really load."""

import importlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from data import DATASETS, digits


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_a_module_with_load(name):
    assert callable(importlib.import_module(f"data.{name}").load)


@pytest.mark.parametrize("name", DATASETS)
def test_the_default_validation_split_leaves_images_to_train_on(name):
    info = DATASETS[name]
    assert 0 < info.num_validation < info.num_train


@pytest.mark.parametrize("name", DATASETS)
def test_class_names_differ(name):
    names = DATASETS[name].class_names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_that_is_not_embedded_says_which_version_and_whence(name):
    info = DATASETS[name]
    assert (info.tfds_version is None) == (info.download_url is None)


@pytest.mark.parametrize("split", ["train", "test"])
def test_digits_has_the_counts_shapes_and_types_of_the_table(split):
    info = DATASETS["digits"]
    images, labels = digits.load(split)
    assert images.shape == ({"train": 1437, "test": 360}[split], 8, 8, 1)
    assert images.shape == (getattr(info, f"num_{split}"), *info.image_shape)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert labels.shape == (len(images),)
    assert labels.dtype == np.int64
    assert set(labels) == set(range(len(info.class_names)))


def test_digits_test_split_is_stratified():
    _, labels = digits.load("test")
    everywhere = np.bincount(load_digits().target)
    fair_share = everywhere * len(labels) / everywhere.sum()
    assert np.all(np.abs(np.bincount(labels) - fair_share) < 1)


def test_digits_splits_hold_every_original_image_once_with_its_label():
    original = load_digits()
    stretched = np.round(original.images * 255 / 16).astype(np.uint8)
    expected = {
        image.tobytes(): label for image, label in zip(stretched, original.target, strict=True)
    }
    assert len(expected) == 1797  # no two images are alike, so an image can stand for itself
    found = [
        (image.tobytes(), label)
        for split in ("train", "test")
        for image, label in zip(*digits.load(split), strict=True)
    ]
    assert len(found) == 1797
    assert dict(found) == expected
