"""Compiled loops compared with a plain Python loop over ``train_step``."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from data import batches, splits
from tests.settings import make_settings
from training import checkpoint
from training.loop import CompiledLoop

SETTINGS = make_settings(
    hidden_dim=(24,),
    dropout=0.1,
    latent_dim=3,
)
STEPS = 13  # 1,293 images in batches of 100: the last holds 93


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return splits.load_train_and_validation("digits")[0].images


def make_model() -> keras.Model:
    keras.utils.clear_session()  # variables are named as in a new process
    model = models.build((8, 8, 1), SETTINGS)
    model.compile(optimizer=keras.optimizers.Adam(0.003))
    model.optimizer.build(model.trainable_variables)
    return model


def make_loop(model: keras.Model, images: np.ndarray, mode: str, steps: int) -> CompiledLoop:
    resident = batches.ResidentBatches(images, 100, 0, models.noise.uniform)
    loop = CompiledLoop(model, model.train_step, resident, mode)
    loop.steps_per_call = steps
    return loop


def run_epochs(loop: CompiledLoop, epochs: int = 1, epoch: int = 0, step: int = 0):
    """Runs the loop as ``fit`` does; returns the logs and the number of calls."""
    loop.seek(epoch, step)
    calls = 0
    for _ in range(epochs):
        loop.begin_epoch()
        while not loop.epoch_ended:
            logs = loop()
            calls += 1
    return logs, calls


def check_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture(scope="module")
def one_by_one(images) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The variables after a plain loop over ``train_step``, and its last logs."""
    model = make_model()
    resident = batches.ResidentBatches(images, 100, 0, models.noise.uniform)
    for step, positions in enumerate(resident.epoch(0)):
        picked = images[positions].astype(np.float32) / np.float32(255)
        white = models.noise.uniform(picked.shape, (-1, step)).numpy() < picked
        logs = model.train_step(tf.constant(white.astype(np.float32)))
    return checkpoint.capture(model), {name: float(value) for name, value in logs.items()}


@pytest.fixture(scope="module")
def in_xla_loop(images) -> dict[int, tuple[dict[str, np.ndarray], dict[str, float], int]]:
    """Variables, logs and number of calls after two epochs, by steps per call."""
    results = {}
    for steps in (1, 5, STEPS):
        model = make_model()
        logs, calls = run_epochs(make_loop(model, images, "xla_loop", steps), epochs=2)
        numbers = {name: float(value) for name, value in logs.items()}
        results[steps] = (checkpoint.capture(model), numbers, calls)
    return results


@pytest.mark.parametrize("steps", [5, STEPS])
def test_the_number_of_steps_per_call_changes_no_bit(in_xla_loop, steps):
    variables, logs, calls = in_xla_loop[steps]
    assert calls == 2 * -(-STEPS // steps)
    check_equal(variables, in_xla_loop[1][0])
    assert logs == in_xla_loop[1][1]


@pytest.mark.parametrize("mode", ["graph", "xla_step", "xla_loop"])
def test_a_loop_trains_as_a_plain_loop_over_train_step(images, one_by_one, mode):
    model = make_model()
    logs, _ = run_epochs(make_loop(model, images, mode, 5))
    expected, expected_logs = one_by_one
    found = checkpoint.capture(model)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(
        expected_logs, rel=1e-5
    )


def test_the_logs_are_the_metrics_and_a_partial_last_batch_is_trained_on(images):
    model = make_model()
    loop = make_loop(model, images, "xla_loop", 5)
    logs, _ = run_epochs(loop)
    assert {name: float(value) for name, value in logs.items()} == {
        metric.name: float(metric.result()) for metric in model.metrics
    }
    assert int(model.optimizer.iterations) == loop.position == STEPS
    before = checkpoint.capture(model)
    loop.seek(0, STEPS - 1)
    loop.begin_epoch()
    loop()
    assert loop.epoch_ended
    assert int(model.optimizer.iterations) == STEPS + 1
    kernel = model.encoder.z_mean.kernel
    (name,) = (name for name in before if name.endswith(f" {kernel.path}"))
    assert np.any(kernel.numpy() != before[name])


def test_an_epoch_resumed_in_the_middle_ends_with_the_same_bits(images, in_xla_loop):
    model = make_model()
    first = make_loop(model, images, "xla_loop", 4)
    first()
    first()
    assert first.position == 8
    run_epochs(make_loop(model, images, "xla_loop", 3), 1, step=8)
    for metric in model.metrics:
        metric.reset_state()
    # The expected metrics are over both epochs; everything else must be equal.
    run_epochs(make_loop(model, images, "xla_loop", 3), 1, epoch=1)
    metrics = {variable.path for variable in model.metrics_variables}
    expected = in_xla_loop[1][0]
    for name, value in checkpoint.capture(model).items():
        if name.split(" ", 1)[1] not in metrics:
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_test_loop_gives_what_evaluate_gives(images):
    model = make_model()
    held_out = images[:250]
    resident = batches.ResidentBatches(held_out, 100)
    loop = CompiledLoop(model, model.test_step, resident)
    loop.steps_per_call = 2
    logs, calls = run_epochs(loop)
    assert calls == 2
    z_mean, z_log_var = (
        np.asarray(part, np.float64) for part in model.encode(held_out / np.float32(255))
    )
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - z_log_var - 1).sum(axis=1)
    assert float(logs["kl"]) == pytest.approx(kl.mean(), rel=1e-5)
    assert int(model.optimizer.iterations) == 0


def test_the_model_can_be_restored_after_measuring_the_steps_per_call(images):
    model = make_model()
    before = checkpoint.capture(model)
    loop = make_loop(model, images, "xla_loop", 1)
    assert 1 <= loop.choose_steps_per_call() == loop.steps_per_call <= STEPS
    checkpoint.restore(model, before)
    run_epochs(loop)
    fresh = make_model()
    run_epochs(make_loop(fresh, images, "xla_loop", 1))
    check_equal(checkpoint.capture(model), checkpoint.capture(fresh))
