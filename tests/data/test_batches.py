"""Batches for training and validation."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from data.batches import ResidentBatches, even_size
from models import noise

NUM_IMAGES = 23
GRAY = np.array([0, 64, 128, 255], np.uint8)
DRAWS = {"none": None, "dynamic": noise.uniform}


@pytest.fixture(scope="module")
def numbered():
    """Images whose pixels all have the image's number as their value."""
    return np.tile(np.arange(NUM_IMAGES, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 1))


def fetch(batches, positions, step):
    return batches.fetch(tf.constant(positions), tf.constant(step, tf.int64)).numpy()


def take(batches, epochs=1, first_step=0):
    """Returns the pixels of the batches of some epochs; the first begins at a step."""
    total = batches.steps_per_epoch
    found = []
    for epoch in range(epochs):
        begin = first_step if epoch == 0 else 0
        for step, positions in enumerate(batches.epoch(epoch, begin), start=begin):
            found.append(fetch(batches, positions, epoch * total + step))
    return found


def numbers(batches):
    """Returns the numbers of the images in some batches, in order."""
    return np.round(np.concatenate(batches)[:, 0, 0, 0] * 255).astype(int).tolist()


def gray_images(count):
    return np.tile(GRAY.reshape(1, 2, 2, 1), (count, 1, 1, 1))


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_epoch_holds_every_image_once(numbered, batch_size):
    steps = -(-NUM_IMAGES // batch_size)
    resident = ResidentBatches(numbered, batch_size, seed=0)
    assert resident.steps_per_epoch == steps
    batches = take(resident, epochs=3)
    for epoch in range(3):
        found = numbers(batches[epoch * steps : (epoch + 1) * steps])
        assert sorted(found) == list(range(NUM_IMAGES))


def test_the_last_batch_of_an_epoch_has_the_remaining_images(numbered):
    batches = take(ResidentBatches(numbered, 5, seed=0), epochs=2)
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3] * 2


def test_a_batch_larger_than_the_dataset_is_the_complete_dataset(numbered):
    resident = ResidentBatches(numbered, 100, seed=0)
    assert resident.element == tf.TensorSpec([NUM_IMAGES], tf.int32)
    assert [len(batch) for batch in take(resident, epochs=2)] == [NUM_IMAGES] * 2


def test_epochs_come_in_different_orders(numbered):
    batches = take(ResidentBatches(numbered, 100, seed=0), epochs=4)
    epochs = [tuple(numbers([batch])) for batch in batches]
    assert len({tuple(range(NUM_IMAGES)), *epochs}) == 5


@pytest.mark.parametrize("binarize", DRAWS)
def test_a_seed_repeats_and_another_differs(binarize):
    images = np.arange(NUM_IMAGES * 16, dtype=np.uint8).reshape(NUM_IMAGES, 4, 4, 1)
    once, again, other, far = (
        np.concatenate(take(ResidentBatches(images, 5, seed, DRAWS[binarize]), epochs=2))
        for seed in (3, 3, 4, 2**31 - 1)
    )
    np.testing.assert_array_equal(once, again)
    assert np.any(once != other)
    assert np.any(once != far)


def test_the_order_does_not_depend_on_the_batch_size(numbered):
    small = numbers(take(ResidentBatches(numbered, 4, seed=1)))
    large = numbers(take(ResidentBatches(numbered, 23, seed=1)))
    assert small == large


@pytest.mark.parametrize("first_step", range(6))
def test_an_epoch_from_a_step_on_is_the_tail_of_the_epoch(numbered, first_step):
    batches = ResidentBatches(numbered, 5, seed=0)
    for epoch in (0, 7):
        complete = [positions.tolist() for positions in batches.epoch(epoch)]
        tail = [positions.tolist() for positions in batches.epoch(epoch, first_step)]
        assert tail == complete[first_step:]


@pytest.mark.parametrize("binarize", DRAWS)
def test_a_batch_depends_on_its_position_alone(binarize):
    images = np.arange(NUM_IMAGES * 4, dtype=np.uint8).reshape(NUM_IMAGES, 2, 2, 1)
    from_the_start = take(ResidentBatches(images, 5, 0, DRAWS[binarize]))[3:]
    skipped = take(ResidentBatches(images, 5, 0, DRAWS[binarize]), first_step=3)
    for expected, found in zip(from_the_start, skipped, strict=True):
        np.testing.assert_array_equal(expected, found)


def test_pixels_are_float32_from_0_to_1_and_equal_numpys():
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 2), dtype=np.uint8)
    images[7] = np.tile(np.array([0, 255], np.uint8), (3, 4, 1))
    positions = np.array([7, 0, 49, 7], np.int32)
    batch = fetch(ResidentBatches(images, 4, seed=0), positions, 0)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, images[positions].astype(np.float32) / np.float32(255))
    assert (batch.min(), batch.max()) == (0, 1)


def test_dynamic_binarization_draws_white_as_often_as_a_pixel_is_gray():
    count, epochs = 2000, 3
    drawn = np.concatenate(take(ResidentBatches(gray_images(count), 500, 0, noise.uniform), epochs))
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {0, 1}
    expected = GRAY / 255
    standard_error = np.sqrt(expected * (1 - expected) / (count * epochs))
    assert np.all(np.abs(drawn.mean(axis=0).ravel() - expected) <= 5 * standard_error)


def test_dynamic_binarization_draws_again_in_every_step():
    """Two batches of one image: within an epoch, and from epoch to epoch."""
    images = np.full((2, 16, 16, 1), 128, np.uint8)
    batches = take(ResidentBatches(images, 1, 0, noise.uniform), epochs=3)
    for first, second in itertools.combinations(batches, 2):
        agreement = (first == second).mean()
        assert 0.3 < agreement < 0.7


def test_batches_without_a_seed_hold_every_image_once_in_order(numbered):
    batches = take(ResidentBatches(numbered, 5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    assert numbers(batches) == list(range(NUM_IMAGES))
    assert batches[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate(batches), numbered / 255, rtol=1e-7)


def test_batches_without_a_seed_do_not_change_from_epoch_to_epoch(numbered):
    batches = take(ResidentBatches(numbered, 5), epochs=2)
    assert numbers(batches) == [*range(NUM_IMAGES)] * 2


@pytest.mark.parametrize(
    ("num_images", "size"),
    [(1, 1), (144, 144), (1000, 1000), (10_000, 1000), (5000, 1000), (1437, 479), (1009, 1000)],
)
def test_an_even_size_divides_the_images_where_one_does(num_images, size):
    assert even_size(num_images) == size


def test_an_even_size_is_the_largest_that_divides_and_never_a_tiny_one():
    for num_images in range(101, 2000):
        size = even_size(num_images, most=100)
        divisors = [n for n in range(1, 101) if num_images % n == 0]
        assert size == (divisors[-1] if divisors[-1] >= 25 else 100)
