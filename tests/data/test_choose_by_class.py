"""The choice of the test images that are drawn."""

import numpy as np
import pytest

from data.labels import choose_by_class
from tests.evaluation.sessions import load_digits

LABELS = np.array([2, 0, 0, 1, 2, 0, 1, 2, 2])


def test_the_first_of_each_class_come_first_in_the_order_of_the_classes():
    assert choose_by_class(len(LABELS), LABELS, 3).tolist() == [1, 3, 0]


def test_then_the_second_of_each_class_and_so_on():
    assert choose_by_class(len(LABELS), LABELS, 6).tolist() == [1, 3, 0, 2, 6, 4]


def test_an_exhausted_class_is_skipped():
    # Class 1 has two images, class 0 three, class 2 four.
    assert choose_by_class(len(LABELS), LABELS, 9).tolist() == [1, 3, 0, 2, 6, 4, 5, 7, 8]


def test_a_count_above_the_number_of_images_gives_every_image_once():
    assert sorted(choose_by_class(len(LABELS), LABELS, 100)) == list(range(9))


def test_a_missing_class_is_skipped():
    assert choose_by_class(3, np.array([7, 3, 7]), 3).tolist() == [1, 0, 2]


@pytest.mark.parametrize("count", [1, 7, 10, 11, 25, 349, 350, 351, 360, 1000])
def test_any_count_of_real_labels_is_balanced_and_without_repeats(count):
    _, labels = load_digits("test")
    chosen = choose_by_class(len(labels), labels, count)
    assert len(chosen) == len(set(chosen)) == min(count, 360)
    counts = np.bincount(labels[chosen], minlength=10)
    used_up = counts == np.bincount(labels)
    assert np.all(counts.max() - counts[~used_up] <= 1)


def test_a_smaller_count_gives_the_first_images_of_a_larger_one():
    _, labels = load_digits("test")
    np.testing.assert_array_equal(
        choose_by_class(len(labels), labels, 40)[:15], choose_by_class(len(labels), labels, 15)
    )


def test_without_labels_the_order_of_the_dataset_is_kept():
    assert choose_by_class(9, None, 4).tolist() == [0, 1, 2, 3]
    assert choose_by_class(3, None, 4).tolist() == [0, 1, 2]
