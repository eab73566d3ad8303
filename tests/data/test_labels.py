"""Hidden labels, and labels in batches with their images."""

import numpy as np
import pytest
import tensorflow as tf

from data import labels, loading, splits, streaming
from data.batches import ResidentBatches
from models import noise

COUNTS = {"train": 60, "test": 20}
SETTINGS = {
    "dataset": "mnist",
    "num_validation": 12,
    "binarize": "none",
    "batch_size": 5,
    "seed": 3,
    "stream": False,
    "num_labels": 20,
}


@pytest.fixture
def data_dir(small_mnist, tmp_path):
    small_mnist(tmp_path / "tfds", COUNTS)
    return str(tmp_path / "tfds")


def make_labels(counts):
    """Returns ``counts[k]`` labels of class k, in random order."""
    ordered = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(ordered)


# --------------------------------------------------------------------- hidden labels


@pytest.mark.parametrize("num_labels", [1, 9, 10, 100, 101, 109, 1000])
@pytest.mark.parametrize("seed", [0, 1])
def test_as_many_labels_are_kept_as_asked_for_the_same_of_each_class(num_labels, seed):
    true = make_labels([100 + 10 * number for number in range(10)])
    kept = labels.hide(true, num_labels, seed)
    assert kept.dtype == np.int32
    is_kept = kept != labels.UNLABELED
    assert is_kept.sum() == num_labels
    np.testing.assert_array_equal(kept[is_kept], true[is_kept])
    counts = np.bincount(kept[is_kept], minlength=10)
    assert counts.max() - counts.min() <= 1


def test_other_classes_fill_in_for_a_class_with_too_few_labels():
    true = make_labels([3, 50, 50])
    kept = labels.hide(true, 43, seed=0)
    assert np.bincount(kept[kept >= 0]).tolist() == [3, 20, 20]
    np.testing.assert_array_equal(labels.hide(true, 103, seed=0), true)


def test_without_a_number_all_labels_are_kept():
    true = make_labels([5, 5])
    np.testing.assert_array_equal(labels.hide(true, None, seed=0), true)


def test_the_seed_determines_the_labels_and_a_larger_number_includes_them():
    true = make_labels([200] * 10)
    once, again, other = (labels.hide(true, 100, seed) >= 0 for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    # Two draws of 10 from each 200 have 5 in common on the average.
    assert (once & other).sum() < 20
    more = labels.hide(true, 137, seed=1) >= 0
    assert np.all(more[once])


def test_every_image_is_as_likely_to_be_labeled_as_any_other():
    true = make_labels([30, 30])
    drawn = np.mean([labels.hide(true, 12, seed) >= 0 for seed in range(2000)], axis=0)
    standard_error = np.sqrt(0.2 * 0.8 / 2000)
    assert np.all(np.abs(drawn - 0.2) < 5 * standard_error)


# ------------------------------------------------------------------ labels in batches


def numbered(count):
    """Returns images that all differ, and labels that follow from their numbers."""
    images = np.zeros((count, 2, 3, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images, (7 * np.arange(count) % 11) - 1


@pytest.mark.parametrize("binarize_with", [None, noise.uniform])
def test_batches_without_labels_are_the_same_images(binarize_with):
    images, true = numbered(23)
    plain = ResidentBatches(images, 5, 0, binarize_with)
    labeled = ResidentBatches(images, 5, 0, binarize_with, labels=true)
    assert plain.element == labeled.element
    for step, positions in enumerate(labeled.epoch(2)):
        arguments = tf.constant(positions), tf.constant(step, tf.int64)
        pixels, found = labeled.fetch(*arguments)
        np.testing.assert_array_equal(pixels, plain.fetch(*arguments))
        np.testing.assert_array_equal(found, true[positions])
        assert found.dtype == tf.int32


def streamed_pairs(batches, epoch=0, compiled=False):
    """Yields each image's bytes and its label, in the order of an epoch."""
    fetch = tf.function(batches.fetch, jit_compile=True) if compiled else batches.fetch
    for step, batch in enumerate(batches.epoch(epoch)):
        images, found = fetch(tf.constant(batch), tf.constant(step, tf.int64))
        assert found.dtype == tf.int32
        pixels = np.round(images * 255).astype(np.uint8)
        yield from (
            (image.tobytes(), int(label)) for image, label in zip(pixels, found, strict=True)
        )


@pytest.mark.parametrize("compiled", [False, True])
def test_streamed_images_come_with_the_labels_of_the_same_images_in_memory(data_dir, compiled):
    encoded, positions, _ = splits.stream_train_and_load_validation("mnist", data_dir)
    resident, _ = splits.load_train_and_validation("mnist", data_dir)
    stored = encoded.read_labels(positions)
    np.testing.assert_array_equal(stored, resident.labels)
    kept = labels.hide(stored, 20, seed=0)
    kept[np.argmax(kept)] = 70_000  # more than a byte holds
    streamed = streaming.StreamedBatches(encoded, positions, 5, 0, buffer_size=16, labels=kept)
    label_of = {image.tobytes(): label for image, label in zip(resident.images, kept, strict=True)}
    pairs = list(streamed_pairs(streamed, compiled=compiled))
    assert len(pairs) == len(label_of) == 48
    assert dict(pairs) == label_of
    assert {label for _, label in pairs} >= {-1, 70_000}


def test_labels_do_not_change_the_order_of_what_is_streamed(data_dir):
    encoded, positions, _ = splits.stream_train_and_load_validation("mnist", data_dir)
    plain = streaming.StreamedBatches(encoded, positions, 5, 0, buffer_size=16)
    with_labels = streaming.StreamedBatches(
        encoded, positions, 5, 0, buffer_size=16, labels=encoded.read_labels(positions)
    )
    order = [image.tobytes() for batch in plain.epoch(1) for image in batch]
    assert [image for image, _ in streamed_pairs(with_labels, epoch=1)] == order


# ------------------------------------------------------------ from settings to batches


def test_the_same_images_are_labeled_in_memory_and_streamed(data_dir):
    found = {}
    for stream in (False, True):
        training, validation, held_out = loading.load_batches(
            {**SETTINGS, "stream": stream}, data_dir, with_labels=True
        )
        found[stream] = sorted(streamed_pairs(training))
        (batch,) = validation.epoch(0)
        _, true = validation.fetch(tf.constant(batch), tf.constant(0, tf.int64))
        np.testing.assert_array_equal(true, held_out.labels)  # all of them
    assert found[False] == found[True]
    assert sum(label >= 0 for _, label in found[False]) == 20


@pytest.mark.parametrize("stream", [False, True])
def test_batches_for_a_model_that_uses_no_labels_are_images_alone(data_dir, stream):
    settings = {**SETTINGS, "stream": stream}
    del settings["num_labels"]
    for batches in loading.load_batches(settings, data_dir)[:2]:
        batch = next(batches.epoch(0))
        images = batches.fetch(tf.constant(batch), tf.constant(0, tf.int64))
        assert images.shape[1:] == (28, 28, 1)
