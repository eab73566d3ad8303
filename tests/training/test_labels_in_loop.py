"""Labels in the compiled loop: trained as by a plain loop, and resumed to the same bits."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
import runs
from data import labels as labels_module
from data import loading, splits
from data.batches import ResidentBatches
from tests.settings import make_settings
from tests.test_resume import check_same_result
from tests.training.test_loop import run_epochs
from training import checkpoint
from training.loop import CompiledLoop

STEPS = 13  # 1,293 images in batches of 100: the last holds 93
FLAGS = (
    *("--dataset", "digits", "--model", "classifier_vae", "--num_labels", "100"),
    *("--hidden_dim", "16", "--latent_dim", "3", "--batch_size", "10"),
)


@pytest.fixture(scope="module")
def train() -> splits.Split:
    split, _ = splits.load_train_and_validation("digits")
    return splits.Split(split.images, labels_module.hide(np.array(split.labels), 200, seed=0))


def make_model() -> keras.Model:
    keras.utils.clear_session()  # variables are named as in a new process
    settings = make_settings(
        model="classifier_vae", dataset="digits", hidden_dim=(24,), latent_dim=3, num_labels=200
    )
    model = models.build((8, 8, 1), settings, 10, 1293)
    model.compile(optimizer=keras.optimizers.Adam(0.003))
    model.optimizer.build(model.trainable_variables)
    return model


def make_loop(model: keras.Model, train: splits.Split, mode: str, steps: int) -> CompiledLoop:
    resident = ResidentBatches(train.images, 100, 0, labels=train.labels)
    loop = CompiledLoop(model, model.train_step, resident, mode)
    loop.steps_per_call = steps
    return loop


@pytest.fixture(scope="module")
def one_by_one(train):
    """The variables after a plain loop over ``train_step``, and its last logs."""
    model = make_model()
    for positions in ResidentBatches(train.images, 100, 0).epoch(0):
        images = train.images[positions] / np.float32(255)
        logs = model.train_step((tf.constant(images), tf.constant(train.labels[positions])))
    return checkpoint.capture(model), {name: float(value) for name, value in logs.items()}


@pytest.mark.parametrize("mode", ["graph", "xla_step", "xla_loop"])
def test_a_loop_trains_on_the_labels_that_a_plain_loop_does(train, one_by_one, mode):
    model = make_model()
    logs, _ = run_epochs(make_loop(model, train, mode, 5))
    expected, expected_logs = one_by_one
    found = checkpoint.capture(model)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(
        expected_logs, rel=1e-4
    )
    # 200 images are labeled: the accuracy is a multiple of 1/200.
    assert 200 * expected_logs["accuracy"] == pytest.approx(round(200 * expected_logs["accuracy"]))


def test_streamed_labels_are_trained_on_in_the_compiled_loop(small_mnist, tmp_path):
    small_mnist(tmp_path, {"train": 60, "test": 10})
    settings = make_settings(model="classifier_vae", hidden_dim=(8,), latent_dim=2, batch_size=10)
    settings |= {"num_validation": 12, "stream": True, "num_labels": 16}

    def make():
        keras.utils.clear_session()
        model = models.build((28, 28, 1), settings, 10, 48)
        model.compile(optimizer=keras.optimizers.Adam(0.003))
        model.optimizer.build(model.trainable_variables)
        return model, loading.load_batches(settings, str(tmp_path), with_labels=True)[0]

    plain, streamed = make()
    num_labels = 0
    for step, batch in enumerate(streamed.epoch(0)):
        images, labels = streamed.fetch(tf.constant(batch), tf.constant(step, tf.int64))
        num_labels += int(np.sum(labels >= 0))
        plain.train_step((images, labels))
    assert num_labels == 16
    expected = checkpoint.capture(plain)

    model, streamed = make()
    loop = CompiledLoop(model, model.train_step, streamed, "xla_loop")
    loop.steps_per_call = 2
    run_epochs(loop)
    loop.close()
    for name, value in checkpoint.capture(model).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_resumed_run_with_labels_ends_with_the_same_bits(in_process, tmp_path):
    for name, epochs in (("uninterrupted", [3]), ("in parts", [1, 3])):
        for part, num_epochs in enumerate(epochs):
            keras.utils.clear_session()
            words = ("--num_epochs", str(num_epochs), "--run_name", name)
            in_process("train", *FLAGS, *words, *(["--resume"] if part else []))
    whole, in_parts = (
        runs.Run(tmp_path / "trained_model" / name) for name in ("uninterrupted", "in parts")
    )
    check_same_result(in_parts, whole)
    assert len(runs.read_history(whole.history_path)) == 3
    config = json.dumps(keras.saving.load_model(whole.last_path).get_config())
    assert json.dumps(keras.saving.load_model(in_parts.last_path).get_config()) == config
