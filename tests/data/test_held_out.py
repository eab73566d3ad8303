"""Dividing of images into training, validation and test images."""

from __future__ import annotations

import numpy as np
import pytest

from data import held_out


@pytest.mark.parametrize("train", [4, 10, 99, 1000])
@pytest.mark.parametrize("validation", [0, 1, 30])
@pytest.mark.parametrize("test", [0, 2, 50])
def test_each_image_is_used_once_and_own_images_stay_in_their_part(train, validation, test):
    found = held_out.divide({"train": train, "validation": validation, "test": test})
    everything = np.concatenate([found.train, found.test])
    assert sorted(everything) == list(range(train + validation + test))
    if test:
        assert sorted(found.test) == list(range(train + validation, train + validation + test))
    else:
        assert len(found.test) == max(2, round(train / 10))
        assert found.test.max() < train
    assert found.has_validation == (validation > 0)
    if validation:
        own = found.train[len(found.train) - found.num_validation :]
        assert sorted(own) == list(range(train, train + validation))
    else:
        assert found.num_validation == max(1, round(len(found.train) / 10))


def test_at_most_10_000_images_are_held_out():
    found = held_out.divide({"train": 500_000})
    assert (len(found.test), found.num_validation) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"train": 3}, "has 3 train images: expected at least 4, of which validation and test"),
        ({"train": 1, "test": 5}, "has 1 train image: expected at least 2, of which validation"),
        ({"train": 2, "validation": 5}, "expected at least 3, of which test images are held out"),
        ({"train": 9, "validation": 5, "test": 1}, "has 1 test image: expected at least 2"),
    ],
)
def test_too_few_images(sizes, says):
    with pytest.raises(ValueError, match="expected at least") as error:
        held_out.divide(sizes)
    assert says in str(error.value)
