"""Batches for training and validation."""

import itertools

import numpy as np
import pytest

from data.batches import evaluation_batches, training_batches

NUM_IMAGES = 23
GREY = np.array([0, 64, 128, 255], np.uint8)


@pytest.fixture(scope="module")
def numbered():
    """Images whose pixels all say which image it is."""
    return np.tile(np.arange(NUM_IMAGES, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 1))


def take(batches, count):
    return [batch.numpy() for batch in batches.take(count)]


def numbers(batches):
    """Which images the batches hold, in order."""
    return np.round(np.concatenate(batches)[:, 0, 0, 0] * 255).astype(int).tolist()


def grey_images(count):
    return np.tile(GREY.reshape(1, 2, 2, 1), (count, 1, 1, 1))


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_epoch_holds_every_image_once(numbered, batch_size):
    steps = -(-NUM_IMAGES // batch_size)
    batches = take(training_batches(numbered, batch_size, seed=0), 3 * steps)
    for epoch in range(3):
        found = numbers(batches[epoch * steps : (epoch + 1) * steps])
        assert sorted(found) == list(range(NUM_IMAGES))


def test_the_last_batch_of_an_epoch_holds_what_is_left(numbered):
    batches = take(training_batches(numbered, 5, seed=0), 10)
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3] * 2


def test_a_batch_larger_than_the_dataset_is_the_whole_dataset(numbered):
    batches = take(training_batches(numbered, 100, seed=0), 2)
    assert [len(batch) for batch in batches] == [NUM_IMAGES] * 2


def test_epochs_come_in_different_orders(numbered):
    epochs = [tuple(numbers([batch])) for batch in take(training_batches(numbered, 100, 0), 4)]
    assert len({tuple(range(NUM_IMAGES)), *epochs}) == 5


@pytest.mark.parametrize("binarize", ["none", "dynamic"])
def test_a_seed_repeats_and_another_differs(binarize):
    images = np.arange(NUM_IMAGES * 16, dtype=np.uint8).reshape(NUM_IMAGES, 4, 4, 1)
    once, again, other, far = (
        np.concatenate(take(training_batches(images, 5, seed, binarize), 10))
        for seed in (3, 3, 4, 2**31 - 1)
    )
    np.testing.assert_array_equal(once, again)
    assert np.any(once != other)
    assert np.any(once != far)


def test_the_order_does_not_depend_on_the_batch_size(numbered):
    small = numbers(take(training_batches(numbered, 4, seed=1), 6))
    large = numbers(take(training_batches(numbered, 23, seed=1), 1))
    assert small == large


@pytest.mark.parametrize("binarize", ["none", "dynamic"])
def test_a_batch_depends_on_its_position_alone(binarize):
    images = np.arange(NUM_IMAGES * 4, dtype=np.uint8).reshape(NUM_IMAGES, 2, 2, 1)
    from_the_start = take(training_batches(images, 5, 0, binarize), 9)[7:]
    skipped = take(training_batches(images, 5, 0, binarize).skip(7), 2)
    for expected, found in zip(from_the_start, skipped, strict=True):
        np.testing.assert_array_equal(expected, found)


def test_pixels_are_float32_from_0_to_1():
    (batch,) = take(training_batches(grey_images(3), 3, seed=0), 1)
    assert batch.dtype == np.float32
    assert batch.shape == (3, 2, 2, 1)
    np.testing.assert_allclose(batch, grey_images(3) / 255, rtol=1e-7)
    assert (batch.min(), batch.max()) == (0, 1)


def test_dynamic_binarisation_draws_white_as_often_as_a_pixel_is_grey():
    count, epochs = 2000, 3
    batches = take(training_batches(grey_images(count), 500, 0, "dynamic"), 4 * epochs)
    drawn = np.concatenate(batches)
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {0, 1}
    expected = GREY / 255
    standard_error = np.sqrt(expected * (1 - expected) / (count * epochs))
    assert np.all(np.abs(drawn.mean(axis=0).ravel() - expected) <= 5 * standard_error)


def test_dynamic_binarisation_draws_anew_in_every_step():
    """Two batches of one image: within an epoch, and from epoch to epoch."""
    images = np.full((2, 16, 16, 1), 128, np.uint8)
    batches = take(training_batches(images, 1, 0, "dynamic"), 6)
    for first, second in itertools.combinations(batches, 2):
        agreement = (first == second).mean()
        assert 0.3 < agreement < 0.7


def test_evaluation_batches_hold_every_image_once_in_order(numbered):
    batches = [batch.numpy() for batch in evaluation_batches(numbered, 5)]
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert numbers(batches) == list(range(NUM_IMAGES))
    assert batches[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate(batches), numbered / 255, rtol=1e-7)


def test_evaluation_batches_do_not_change_from_pass_to_pass(numbered):
    batches = evaluation_batches(numbered, 5)
    assert numbers([batch.numpy() for batch in batches]) == list(range(NUM_IMAGES))
    assert numbers([batch.numpy() for batch in batches]) == list(range(NUM_IMAGES))
