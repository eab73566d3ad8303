"""scikit-learn's digits: a fixed split of the original images."""

import numpy as np
from sklearn.datasets import load_digits

import data
from data.sources import digits

INFO = data.describe("digits")


def test_the_test_split_is_stratified():
    _, labels = digits.load(INFO, "test")
    everywhere = np.bincount(load_digits().target)
    fair_share = everywhere * len(labels) / everywhere.sum()
    assert np.all(np.abs(np.bincount(labels) - fair_share) < 1)


def test_the_splits_hold_every_original_image_once_with_its_label():
    original = load_digits()
    stretched = np.round(original.images * 255 / 16).astype(np.uint8)
    expected = {
        image.tobytes(): label for image, label in zip(stretched, original.target, strict=True)
    }
    assert len(expected) == 1797  # no two images are equal, so an image identifies itself
    found = [
        (image.tobytes(), label)
        for split in ("train", "test")
        for image, label in zip(*digits.load(INFO, split), strict=True)
    ]
    assert len(found) == 1797
    assert dict(found) == expected
