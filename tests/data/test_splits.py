"""Training, validation and test images, gray and binarized."""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import data
from data import splits
from data.sources import digits

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def as_set(images):
    return {image.tobytes() for image in images}


def binarized_and_gray(name):
    """Returns the same images binarized and gray, in the same order."""
    if name == "test":
        return splits.load_test("digits", binarize="static"), splits.load_test("digits")
    position = ("train", "validation").index(name)
    binary = splits.load_train_and_validation("digits", binarize="static")[position]
    return binary, splits.load_train_and_validation("digits")[position]


def test_training_validation_and_test_images_do_not_overlap():
    train, validation = splits.load_train_and_validation("digits")
    test = splits.load_test("digits")
    together = as_set(train.images) | as_set(validation.images) | as_set(test.images)
    assert (len(train), len(validation), len(test)) == (1437 - 144, 144, 360)
    assert len(together) == 1797


def test_training_and_validation_images_are_the_official_training_images():
    official = digits.load(data.describe("digits"), "train")
    expected = {image.tobytes(): label for image, label in zip(*official, strict=True)}
    found = {
        image.tobytes(): label
        for split in splits.load_train_and_validation("digits")
        for image, label in zip(split.images, np.array(split.labels), strict=True)
    }
    assert found == expected


def test_validation_holds_every_class():
    _, validation = splits.load_train_and_validation("digits")
    assert set(np.array(validation.labels)) == set(range(10))


@pytest.mark.parametrize("num_validation", [0, 1, 500, 1436])
def test_as_many_images_are_held_out_as_asked_for(num_validation):
    train, validation = splits.load_train_and_validation("digits", num_validation=num_validation)
    assert (len(train), len(validation)) == (1437 - num_validation, num_validation)
    assert not as_set(train.images) & as_set(validation.images)


def test_splits_and_their_binarized_images_are_those_of_every_earlier_run():
    """Results are compared across runs: a change here makes all earlier ones incomparable."""
    found = {}
    for binarize in ("none", "static"):
        train, validation = splits.load_train_and_validation("digits", binarize=binarize)
        test = splits.load_test("digits", binarize=binarize)
        for name, split in (("train", train), ("validation", validation), ("test", test)):
            content = split.images.tobytes() + np.array(split.labels).tobytes()
            found[f"{name}, binarize {binarize}"] = hashlib.sha256(content).hexdigest()
    assert found == json.loads((GOLDEN / "digits_splits.json").read_text())


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_static_binarization_gives_black_and_white_and_repeats(name):
    once, _ = binarized_and_gray(name)
    again, _ = binarized_and_gray(name)
    assert once.images.dtype == np.uint8
    assert set(np.unique(once.images)) == {0, 255}
    np.testing.assert_array_equal(once.images, again.images)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_static_binarization_keeps_labels_and_pixels_that_are_black_or_white(name):
    binary, gray = binarized_and_gray(name)
    np.testing.assert_array_equal(binary.labels, gray.labels)
    extreme = (gray.images == 0) | (gray.images == 255)
    np.testing.assert_array_equal(binary.images[extreme], gray.images[extreme])


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_static_binarization_turns_a_pixel_white_as_often_as_it_is_gray(name):
    binary, gray = binarized_and_gray(name)
    for value in np.unique(gray.images)[1:-1]:
        white = binary.images[gray.images == value] == 255
        probability = value / 255
        standard_error = np.sqrt(probability * (1 - probability) / white.size)
        assert abs(white.mean() - probability) < 5 * standard_error, value


def test_static_noise_differs_between_splits(monkeypatch):
    """The same gray pixels in two splits must not be binarized alike."""

    def load(info, split, data_dir, positions=None):
        count = info.num_images(split) if positions is None else len(positions)
        return np.full((count, 8, 8, 1), 128, np.uint8), np.zeros(count, np.int64)

    monkeypatch.setattr(digits, "load", load)
    train, validation = splits.load_train_and_validation("digits", binarize="static")
    test = splits.load_test("digits", binarize="static")
    binary = [split.images[:144] for split in (train, validation, test)]
    for first, second in itertools.combinations(binary, 2):
        assert 0.4 < (first == second).mean() < 0.6


def test_dynamic_binarization_leaves_training_images_gray_for_the_batches_to_draw():
    train, _ = splits.load_train_and_validation("digits", binarize="dynamic")
    gray, _ = splits.load_train_and_validation("digits", binarize="none")
    np.testing.assert_array_equal(train.images, gray.images)


def test_dynamic_binarization_fixes_validation_and_test_images():
    """The images that models are selected and measured by are the same in all epochs and runs."""
    for _ in range(2):
        _, dynamic = splits.load_train_and_validation("digits", binarize="dynamic")
        _, static = splits.load_train_and_validation("digits", binarize="static")
        np.testing.assert_array_equal(dynamic.images, static.images)
        np.testing.assert_array_equal(
            splits.load_test("digits", binarize="dynamic").images,
            splits.load_test("digits", binarize="static").images,
        )
