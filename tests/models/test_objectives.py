"""What the optimiser lowers, against NumPy and PyTorch's way of writing it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from models import objectives
from tests.settings import make_settings

SETTINGS = make_settings(hidden_dim=5, activation="prelu", latent_dim=3, beta=0.5)
IMAGES = tf.constant(np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32))


def make_model(optimizer: Any = None, **changes) -> keras.Model:
    """A model whose weights, biases too, are all different from 0."""
    model = models.build((4, 4, 1), {**SETTINGS, **changes})
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    model.compile(optimizer=optimizer or keras.optimizers.SGD(0.0))
    return model


def squared_norm_of(model: keras.Model) -> float:
    weights = [np.asarray(weight, np.float64) for weight in model.trainable_variables]
    return sum(np.square(weight).sum() for weight in weights)


def test_a_model_without_extras_has_no_objective_of_its_own():
    model = make_model()
    assert model.objective is None
    assert set(model.train_step(IMAGES)) == {"loss", "reconstruction", "kl"}


@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_the_objective_is_tracked_beside_the_losses_which_stay_what_they_are(step):
    plain, model = make_model(), make_model(l2=0.3)
    expected = getattr(plain, step)(IMAGES)
    found = getattr(model, step)(IMAGES)
    assert set(found) == {*expected, "objective"}
    for name, value in expected.items():
        assert float(found[name]) == float(value), name
    penalty = 0.5 * 0.3 * squared_norm_of(model)
    assert penalty > 1
    assert float(found["objective"]) == pytest.approx(float(expected["loss"]) + penalty, rel=1e-6)


def test_l2_is_the_weight_decay_that_is_coupled_into_the_gradient_of_a_summed_loss():
    """grad(sum over m images) + decay · w, divided by m, for every weight and bias."""
    decay, count = 0.4, len(IMAGES)
    plain = make_model(keras.optimizers.SGD(1.0))
    model = make_model(keras.optimizers.SGD(1.0), l2=decay / count)
    before = [variable.numpy() for variable in model.trainable_variables]
    plain.train_step(IMAGES)
    model.train_step(IMAGES)
    kinds = set()
    for old, without, with_l2 in zip(
        before, plain.trainable_variables, model.trainable_variables, strict=True
    ):
        summed = count * (old - without.numpy()) + decay * old
        np.testing.assert_allclose(
            old - with_l2.numpy(), summed / count, rtol=1e-5, atol=1e-6, err_msg=with_l2.path
        )
        kinds.add(with_l2.name)
    assert kinds == {"kernel", "bias", "alpha"}


# ------------------------------------------------------------------- free bits


def kl_in_numpy(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    return -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))


@pytest.mark.parametrize(("free_bits", "num_above"), [(1e-9, 3), (0.1, 2), (0.8, 1), (50.0, 0)])
def test_free_bits_are_equation_15_and_hold_back_the_gradient_of_a_cheap_dimension(
    free_bits, num_above
):
    """Σ_j max(λ, mean KL_j); its gradient is that of the mean KL where that is above λ."""
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.normal(0, [0.1, 1, 3], (7, 3)), rng.normal(0, 0.3, (7, 3))
    mean_kl = kl_in_numpy(z_mean, z_log_var).mean(axis=0)
    mu, log_var = tf.constant(z_mean, tf.float32), tf.constant(z_log_var, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([mu, log_var])
        kl = objectives.raise_to(free_bits, models.StandardNormal().kl(mu, log_var))
        total = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
    assert kl.shape == (7, 3)
    assert float(total) == pytest.approx(np.maximum(free_bits, mean_kl).sum(), rel=1e-5)
    above = mean_kl > free_bits
    assert above.sum() == num_above
    to_mean, to_log_var = tape.gradient(total, [mu, log_var])
    np.testing.assert_allclose(to_mean, above * z_mean / 7, rtol=1e-5, atol=1e-7)
    expected = above * 0.5 * (np.exp(z_log_var) - 1) / 7
    np.testing.assert_allclose(to_log_var, expected, rtol=1e-4, atol=1e-7)


# ---------------------------------------------------------------- all of it together

SCHEDULE = {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 4}


@pytest.mark.parametrize("step", [0, 3, 9])
def test_the_objective_is_the_sum_of_its_equation(step):
    """The losses tracked beside it stay those of the final β."""
    model = make_model(**SCHEDULE, free_bits=0.5, l2=0.01)
    model.optimizer.iterations.assign(step)
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in model.encode(IMAGES))
    kl = kl_in_numpy(z_mean, z_log_var)
    mean_kl = kl.mean(axis=0)
    assert mean_kl.min() < 0.5 < mean_kl.max()
    found = {name: float(value) for name, value in model.train_step(IMAGES).items()}
    assert found["kl"] == pytest.approx(mean_kl.sum(), rel=1e-5)
    assert found["loss"] == pytest.approx(found["reconstruction"] + 0.5 * found["kl"], rel=1e-6)
    beta = np.interp(step, [0, 4], [0.1, 0.5])
    expected = found["reconstruction"] + beta * np.maximum(0.5, mean_kl).sum()
    expected += 0.01 / 2 * squared_norm_of(model)
    assert found["objective"] == pytest.approx(expected, rel=1e-5)


def test_a_step_goes_down_the_objective_at_the_beta_of_that_step():
    """β 0.1 at the first step, ¼ of the way to 0.5 at the second: as two models of those β."""
    model = make_model(keras.optimizers.SGD(0.1), **SCHEDULE)
    for beta in (0.1, 0.2):
        constant = make_model(keras.optimizers.SGD(0.1), beta=beta)
        for ours, theirs in zip(
            constant.trainable_variables, model.trainable_variables, strict=True
        ):
            ours.assign(theirs)
        for one in (model, constant):
            one.sampling.restart(7)
            one.train_step(IMAGES)
        for ours, theirs in zip(
            constant.trainable_variables, model.trainable_variables, strict=True
        ):
            np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-7, err_msg=ours.path)


def test_free_bits_above_every_kl_leave_the_encoder_to_the_reconstruction_alone():
    free, without = (
        make_model(keras.optimizers.SGD(0.1), free_bits=100.0),
        make_model(keras.optimizers.SGD(0.1), beta=0.0),
    )
    for model in (free, without):
        model.train_step(IMAGES)
    for ours, theirs in zip(free.trainable_variables, without.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=ours.path)


@pytest.mark.parametrize(
    "changes",
    [
        {"l2": 0.25},
        {"free_bits": 0.5},
        {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 9},
        {"beta_schedule": "cyclical", "beta_start": 0.0, "beta_steps": 2, "beta_cycles": 2},
        {**SCHEDULE, "free_bits": 0.5, "l2": 0.25},
    ],
)
def test_an_objective_comes_back_with_its_model(tmp_path, changes):
    model = make_model(**changes)
    for _ in range(3):
        model.train_step(IMAGES)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert opened.objective.get_config() == model.objective.get_config()
    assert int(opened.optimizer.iterations) == 3
    found: list[float] = []
    expected: list[float] = []
    for one, values in ((model, expected), (opened, found)):
        one.reset_metrics()
        one.sampling.restart(3)
        values += [float(one.test_step(IMAGES)[name]) for name in ("loss", "objective")]
    assert found == expected
    assert found[0] != found[1]


def test_the_objective_says_what_it_is():
    assert str(objectives.choose({"l2": 0.5})) == "loss; plus 0.5/2 · ‖w‖²"
    both = objectives.choose({**SCHEDULE, "free_bits": 0.25})
    assert str(both) == (
        "loss; β linear from 0.1 in 4 steps; KL of a dimension counted as 0.25 at least"
    )


@pytest.mark.parametrize(
    "settings", [{}, {"l2": 0.0}, {"l2": 0.0, "free_bits": 0.0, "beta_schedule": "constant"}]
)
def test_where_nothing_is_asked_for_there_is_no_objective(settings):
    assert objectives.choose(settings) is None
