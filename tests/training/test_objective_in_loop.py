"""Schedules, free bits and L2 in the compiled loop, which runs many steps per call."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from data import batches, splits
from tests.settings import make_settings
from training import checkpoint
from training.fit import choose_learning_rate
from training.loop import CompiledLoop

SETTINGS: dict[str, Any] = {
    "hidden_dim": (24,),
    "dropout": 0.1,
    "latent_dim": 3,
    "beta": 0.7,
    "beta_start": 0.01,
    "free_bits": 0.2,
    "l2": 0.001,
    "learning_rate": 0.003,
    "learning_rate_schedule": "cosine",
    "num_epochs": 2,
}
STEPS = 13  # 1,293 images in batches of 100: the last holds 93
SCHEDULES = {
    "linear": {"beta_schedule": "linear", "beta_steps": 17},
    "cyclical": {"beta_schedule": "cyclical", "beta_steps": 5, "beta_cycles": 2},
}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return splits.load_train_and_validation("digits")[0].images


@pytest.fixture(params=SCHEDULES)
def settings(request) -> dict[str, Any]:
    return make_settings(**SETTINGS, **SCHEDULES[request.param])


def make_loop(settings: dict[str, Any], images: np.ndarray, mode: str, steps: int) -> CompiledLoop:
    keras.utils.clear_session()  # variables are named as in a new process
    model = models.build((8, 8, 1), settings)
    rate = choose_learning_rate(settings, STEPS)
    model.compile(optimizer=models.Adam(rate, settings["l2"]))
    model.optimizer.build(model.trainable_variables)
    loop = CompiledLoop(model, model.train_step, batches.ResidentBatches(images, 100, 0), mode)
    loop.steps_per_call = steps
    return loop


def run_epochs(loop: CompiledLoop, epochs: int, step: int = 0) -> dict[str, float]:
    loop.seek(0, step)
    for _ in range(epochs):
        loop.begin_epoch()
        while not loop.epoch_ended:
            logs = loop()
    loop.close()
    return {name: float(value) for name, value in logs.items()}


def check_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_neither_stacks_nor_stopping_between_them_change_a_bit(settings, images):
    """β, free bits, L2 and learning rate depend on the step alone."""
    uninterrupted = make_loop(settings, images, "xla_loop", 1)
    logs = run_epochs(uninterrupted, 2)
    expected = checkpoint.capture(uninterrupted.model)

    stacked = make_loop(settings, images, "xla_loop", 5)
    assert run_epochs(stacked, 2) == logs
    check_equal(checkpoint.capture(stacked.model), expected)

    stopped = make_loop(settings, images, "xla_loop", 4)
    stopped.seek(0)
    stopped()
    stopped()
    stopped.close()
    assert stopped.position == 8
    values = checkpoint.capture(stopped.model)
    again = make_loop(settings, images, "xla_loop", STEPS)
    checkpoint.restore(again.model, values)
    assert run_epochs(again, 2, step=8) == logs
    check_equal(checkpoint.capture(again.model), expected)


def test_the_loop_has_the_beta_and_the_learning_rate_of_every_step(settings, images):
    """Compared with a plain loop for which NumPy computes both."""
    loop = make_loop(settings, images, "xla_loop", 5)
    found = run_epochs(loop, 2)

    constant = {"beta_schedule": "constant", "learning_rate_schedule": "constant"}
    plain = make_loop({**settings, **constant}, images, "graph", 1)
    rise = settings["beta_steps"]
    for step in range(2 * STEPS):
        part = min(1, step / rise)
        if settings["beta_schedule"] == "cyclical" and step < 4 * rise:
            part = min(1, step % (2 * rise) / rise)
        plain.model.beta = 0.01 + (0.7 - 0.01) * part
        plain.model.optimizer.learning_rate = 0.003 / 2 * (1 + np.cos(np.pi * step / (2 * STEPS)))
        epoch, in_epoch = divmod(step, STEPS)
        positions = list(plain.batches.epoch(epoch))[in_epoch]
        picked = images[positions].astype(np.float32) / np.float32(255)
        logs = plain.model.train_step(tf.constant(picked))
    for name in ("reconstruction", "kl", "objective"):
        assert found[name] == pytest.approx(float(logs[name]), rel=1e-5), name
    for ours, theirs in zip(
        loop.model.trainable_variables, plain.model.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=ours.path)
