"""Training images that stay on disk: the same images, in a reproducible order."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import data
import runs
from data import memory, splits, streaming
from data.batches import ResidentBatches
from models import noise

COUNTS = {"train": 60, "test": 20}
NUM_TRAIN, NUM_VALIDATION = 48, 12


@pytest.fixture
def data_dir(small_mnist, tmp_path):
    small_mnist(tmp_path / "tfds", COUNTS)
    return str(tmp_path / "tfds")


@pytest.fixture
def stream(data_dir):
    """Makes batches that are streamed; the buffer is smaller than the dataset."""
    encoded, positions, _ = splits.stream_train_and_load_validation("mnist", data_dir)

    def make(batch_size=5, seed=0, binarize_with=None, buffer_size=16):
        settings = (batch_size, seed, binarize_with)
        return streaming.StreamedBatches(encoded, positions, *settings, buffer_size=buffer_size)

    return make


def as_bytes(batches):
    return [image.tobytes() for batch in batches for image in batch]


def test_every_epoch_holds_every_training_image_once_and_no_other(data_dir, stream):
    resident, _ = splits.load_train_and_validation("mnist", data_dir)
    for epoch in range(3):
        assert sorted(as_bytes(stream().epoch(epoch))) == sorted(as_bytes([resident.images]))


@pytest.mark.parametrize("binarize", ["none", "dynamic"])
@pytest.mark.parametrize("num_validation", [None, 1, 59])
def test_the_validation_images_are_those_held_out_in_memory(data_dir, num_validation, binarize):
    arguments = ("mnist", data_dir, num_validation, binarize)
    resident, expected = splits.load_train_and_validation(*arguments)
    _, positions, found = splits.stream_train_and_load_validation(*arguments)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.labels is not None
    assert (found.images.dtype, found.labels.dtype) == (np.uint8, np.int64)
    assert len(positions) == len(resident)


def test_batches_are_those_of_resident_images_but_for_their_order(stream, make_images):
    streamed = stream()
    resident = ResidentBatches(make_images(60)[0][:NUM_TRAIN], 5, 0)
    assert streamed.steps_per_epoch == resident.steps_per_epoch == 10
    assert streamed.element == tf.TensorSpec([5, 28, 28, 1], tf.uint8)
    assert [len(batch) for batch in streamed.epoch(0)] == [*[5] * 9, 3]
    batch = next(streamed.epoch(0))
    pixels = streamed.fetch(tf.constant(batch), tf.constant(0, tf.int64)).numpy()
    np.testing.assert_array_equal(pixels, batch.astype(np.float32) / np.float32(255))


def test_a_batch_larger_than_the_dataset_is_the_complete_dataset(stream):
    (batch,) = stream(batch_size=1000).epoch(0)
    assert batch.shape == (NUM_TRAIN, 28, 28, 1)


def test_epochs_and_seeds_differ_in_order_and_repeat(stream):
    orders = {
        tuple(as_bytes(stream(seed=seed).epoch(epoch))) for seed in (0, 1) for epoch in (0, 1)
    }
    assert len(orders) == 4
    streamed = stream()
    assert as_bytes(streamed.epoch(1)) == as_bytes(streamed.epoch(1)) == as_bytes(stream().epoch(1))


def test_the_order_does_not_depend_on_the_batch_size(stream):
    assert as_bytes(stream(batch_size=4).epoch(2)) == as_bytes(stream(batch_size=48).epoch(2))


@pytest.mark.parametrize("first_step", [0, 1, 7, 9])
def test_an_epoch_from_a_step_on_is_the_tail_of_the_epoch(stream, first_step):
    complete = list(stream().epoch(3))
    tail = list(stream().epoch(3, first_step))
    assert len(tail) == 10 - first_step
    for found, expected in zip(tail, complete[first_step:], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_an_image_moves_forward_by_no_more_than_the_buffer(data_dir, stream):
    resident, _ = splits.load_train_and_validation("mnist", data_dir)
    stored = as_bytes([resident.images])
    for place, image in enumerate(as_bytes(stream(buffer_size=4).epoch(0))):
        assert stored.index(image) < place + 4


def test_dynamic_binarization_is_a_function_of_seed_and_step(stream):
    batch = tf.constant(next(stream().epoch(0)))
    drawn = [
        stream(seed=seed, binarize_with=noise.uniform)
        .fetch(batch, tf.constant(step, tf.int64))
        .numpy()
        for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert set(np.unique(drawn[0])) == {0, 1}
    np.testing.assert_array_equal(drawn[0], drawn[1])
    for other in drawn[2:]:
        assert np.any(drawn[0] != other)


def test_the_buffer_is_bounded_in_images_and_in_bytes():
    assert streaming.buffer_size_for((28, 28, 1)) == 10_000
    assert streaming.buffer_size_for((512, 512, 3)) * 512 * 512 * 3 <= 256 * 2**20
    assert streaming.buffer_size_for((100_000, 100_000, 3)) == 1


def flip(path):
    content = bytearray(path.read_bytes())
    content[500:504] = b"\0\0\0\0"
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()])
def test_damage_is_found_before_training_begins(data_dir, tmp_path, damage):
    damage(tmp_path / "tfds" / "mnist" / "3.0.1" / "mnist-train.tfrecord-00000-of-00001")
    with pytest.raises(data.DataError) as caught:
        splits.stream_train_and_load_validation("mnist", data_dir)
    assert f"mnist in {data_dir} cannot be read" in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------ the choice of streaming


@pytest.mark.parametrize(
    ("stream", "free", "streamed", "part"),
    [
        (None, 2**30, False, "44.9 MiB decoded are no more than a quarter of the 1 GiB"),
        (None, 2**27, True, "44.9 MiB decoded are more than a quarter of the 128 MiB"),
        (None, None, False, "44.9 MiB decoded"),
        (True, 2**30, True, "as requested by --stream 1"),
        (False, 0, False, "as requested by --stream 0"),
    ],
)
def test_images_that_do_not_fit_are_streamed_unless_the_user_decides(
    stream, free, streamed, part, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda: free)
    found, reason = memory.choose_streaming("mnist", stream)
    assert found is streamed
    assert reason.startswith(part)


def test_embedded_images_are_never_streamed_by_themselves(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 0)
    assert not memory.choose_streaming("digits", None)[0]


def test_the_available_memory_is_positive_and_at_most_the_total():
    free = memory.available()
    assert free is not None
    assert 0 < free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


# ------------------------------------------------------------------------ complete runs

FLAGS = ("--hidden_dim", "8", "--latent_dim", "2", "--batch_size", "10", "--run_name", "streamed")


def test_a_streamed_run_is_trained_resumed_streamed_and_evaluated(
    data_dir, in_process, tmp_path, monkeypatch, capsys
):
    """A run that is stopped after an epoch ends bit-identical to one that is not."""
    folder = ("--data_dir", data_dir)
    found = []
    for epochs in (("2",), ("1", "2")):
        for position, count in enumerate(epochs):
            keras.utils.clear_session()
            # The images do not fit when the first run begins, but do when it is resumed.
            monkeypatch.setattr(memory, "available", lambda free=position * 2**30: free)
            start = ["--resume"] if position else ["--overwrite"]
            in_process("train", *FLAGS, *folder, "--num_epochs", count, *start)
            printed = capsys.readouterr().out
            assert "streamed from disk, shuffled 10,000 at a time: " in printed
            assert ("more than a quarter" in printed) == (position == 0)
        run = runs.Run(tmp_path / "trained_model" / "streamed")
        assert run.read_record()["flags"]["stream"] is True
        assert run.read_record()["num_train"] == NUM_TRAIN
        with np.load(run.checkpoint_path, allow_pickle=False) as file:
            found.append({name: file[name] for name in file.files if name != "json"})
    for name in found[0]:
        np.testing.assert_array_equal(found[0][name], found[1][name], err_msg=name)

    in_process("evaluate", "--metrics", "--run_name", "streamed")
    assert "elbo" in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["--dataset", "digits", "--stream", "1"], 2, "digits is embedded"),
        (["--stream", "1", "--binarize", "static"], 2, "expected --binarize none or dynamic"),
        (["--stream", "no"], 2, "flag --stream=no: expected auto, 1 or 0"),
        (["--binarize", "static"], 1, "type --binarize dynamic, or --stream 0"),
    ],
)
def test_what_cannot_be_streamed_is_reported_in_one_line(
    words, status, part, data_dir, in_process, monkeypatch, capsys
):
    monkeypatch.setattr(memory, "available", lambda: 0)
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *words, "--data_dir", data_dir)
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (status, 1)
    assert part in error
