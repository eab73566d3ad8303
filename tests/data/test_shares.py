"""Several workers' shares of the images: disjoint, and together all images."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from data import splits, streaming
from data.batches import ResidentBatches, even_size
from data.shares import ALONE, Share

NUM_IMAGES = 23
BATCH = 6
CASES = [(23, 6, 1), (23, 6, 2), (23, 6, 3), (24, 6, 3), (25, 6, 2), (5, 6, 2), (2, 6, 2)]


def numbered(count):
    """Images whose pixels all have the image's number as their value."""
    return np.tile(np.arange(count, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 1))


def encode(images):
    """Returns images as if they were stored on disk, unencoded."""

    def read(first, stop):
        return tf.data.Dataset.from_tensor_slices({"image": images[first:stop]})

    return streaming.Encoded(read, lambda image: image, (2, 2, 1), len(images))


def make_resident(count, batch_size, share):
    images = share.of(numbered(count))
    return ResidentBatches(images, batch_size, 0, share=share, num_images=count)


def make_streamed(count, batch_size, share):
    positions = share.of(np.arange(count))
    return streaming.StreamedBatches(
        encode(numbered(count)),
        positions,
        batch_size,
        seed=0,
        share=share,
        num_images=count,
        buffer_size=4,
    )


def numbers(batches, epoch=0, first_step=0):
    """Returns the numbers of a worker's images in each batch of an epoch."""
    found = []
    for step, batch in enumerate(batches.epoch(epoch, first_step), start=first_step):
        pixels = batches.fetch(tf.constant(batch), tf.constant(step, tf.int64)).numpy()
        found.append(np.round(pixels[:, 0, 0, 0] * 255).astype(int).tolist())
    return found


def make_all(make, count, batch_size, workers):
    return [make(count, batch_size, Share(worker, workers)) for worker in range(workers)]


MAKERS = pytest.mark.parametrize("make", [make_resident, make_streamed])


@MAKERS
@pytest.mark.parametrize(("count", "batch_size", "workers"), CASES)
def test_in_an_epoch_each_worker_sees_its_own_images_and_together_they_see_every_image_once(
    make, count, batch_size, workers
):
    all_workers = make_all(make, count, batch_size, workers)
    for epoch in range(2):
        seen = [sorted(itertools.chain(*numbers(batches, epoch))) for batches in all_workers]
        for worker, images in enumerate(seen):
            assert images == Share(worker, workers).of(np.arange(count)).tolist()
        assert sorted(itertools.chain(*seen)) == list(range(count))


@MAKERS
@pytest.mark.parametrize(("count", "batch_size", "workers"), CASES)
def test_every_full_batch_is_shared_evenly_and_all_have_as_many_steps(
    make, count, batch_size, workers
):
    all_workers = make_all(make, count, batch_size, workers)
    (facts,) = {
        (batches.num_images, batches.batch_size, batches.full_batches, batches.steps_per_epoch)
        for batches in all_workers
    }
    num_images, size, full, steps = facts
    assert num_images == count
    assert size % workers == 0
    assert size <= max(batch_size, workers)
    sizes = np.array([[len(part) for part in numbers(batches)] for batches in all_workers])
    assert sizes.shape == (workers, steps)
    assert np.all(sizes[:, :full] == size // workers)
    assert sizes.sum(axis=0).tolist() == [size] * full + [count - full * size] * (steps - full)
    assert np.all(sizes.max(axis=0) - sizes.min(axis=0) <= 1)


@MAKERS
def test_no_two_workers_shuffle_alike(make):
    # Alike, images with the same position in each share would be in the same batch in every epoch.
    first, second = make_all(make, 24, 6, 2)
    places = [np.concatenate(numbers(worker)) for worker in (first, second)]
    assert np.any(places[0] != places[1] - 12)


@MAKERS
@pytest.mark.parametrize("first_step", [1, 3])
def test_a_workers_epoch_from_a_step_on_is_the_tail_of_the_epoch(make, first_step):
    for batches in make_all(make, 23, 6, 2):
        assert numbers(batches, 1, first_step) == numbers(batches, 1)[first_step:]


@MAKERS
def test_one_worker_alone_has_the_batches_that_it_has_without_shares(make):
    plain = ResidentBatches(numbered(23), 6, 0)
    expected = [[int(index) for index in batch] for batch in plain.epoch(4)]
    if make is make_resident:
        assert numbers(make(23, 6, ALONE), 4) == expected
    assert sorted(itertools.chain(*numbers(make(23, 6, ALONE), 4))) == list(range(23))


def test_records_of_other_workers_are_neither_skipped_nor_decoded():
    """A worker reads from its first record to its last, and decodes its own images only."""
    images, decoded, ranges = numbered(40), [], []
    plain = encode(images)

    def read(first, stop):
        ranges.append((first, stop))
        return plain.records(first, stop)

    def decode(image):
        def note(pixels):
            decoded.append(int(pixels[0, 0, 0]))
            return pixels

        noted = tf.numpy_function(note, [image], tf.uint8)
        return tf.ensure_shape(noted, (2, 2, 1))

    encoded = streaming.Encoded(read, decode, (2, 2, 1), 40)
    positions = np.delete(np.arange(40), [3, 25])  # two are held out
    for worker in range(2):
        share = Share(worker, 2)
        batches = streaming.StreamedBatches(
            encoded, share.of(positions), 4, seed=0, share=share, num_images=len(positions)
        )
        decoded.clear()
        assert sum(len(batch) for batch in batches.epoch(0, first_step=2)) == 19 - 2 * 2
        assert len(decoded) == 19 - 2 * 2  # what a resumed epoch skips is not decoded either
        assert set(decoded) <= set(share.of(positions).tolist())
    assert ranges == [(0, 20), (20, 40)]


@pytest.mark.parametrize("binarize", ["none", "static", "dynamic"])
def test_the_shares_of_a_split_are_the_split(binarize):
    complete = splits.load_train_and_validation("digits", binarize=binarize)
    shares = [
        splits.load_train_and_validation("digits", binarize=binarize, share=Share(worker, 3))
        for worker in range(3)
    ]
    for place, split in enumerate(complete):
        parts = [share[place] for share in shares]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        np.testing.assert_array_equal(np.concatenate([p.images for p in parts]), split.images)
        np.testing.assert_array_equal(np.concatenate([p.labels for p in parts]), split.labels)


@pytest.mark.parametrize(("num_images", "workers"), [(144, 2), (10_000, 2), (10_000, 3), (7, 2)])
def test_an_even_size_is_even_for_each_worker(num_images, workers):
    size = even_size(num_images, share=Share(0, workers))
    assert size % workers == 0
    assert size // workers <= 1000
    assert even_size(num_images, share=ALONE) == even_size(num_images)
