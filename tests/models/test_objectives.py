"""Training objectives and the L2 penalty against NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from models import objectives, schedules
from models.objectives.elbo import apply_free_bits
from models.priors import StandardNormal
from tests.settings import make_settings

SIZES = {"hidden_dim": (5,), "activation": ("prelu",), "latent_dim": 3, "beta": 0.5}
IMAGES = tf.constant(np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32))


def make_model(optimizer: Any = None, **changes: Any) -> keras.Model:
    """Returns a model in which no weight or bias is 0."""
    model = models.build((4, 4, 1), make_settings(**{**SIZES, **changes}))
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    model.compile(optimizer=optimizer or keras.optimizers.SGD(0.0))
    return model


def test_the_default_objective_is_the_loss_and_is_not_reported_twice():
    model = make_model()
    assert type(model.objective) is objectives.Elbo
    assert model.objective.is_loss
    assert set(model.train_step(IMAGES)) == {"loss", "reconstruction", "kl"}
    terms = model.terms(IMAGES)
    np.testing.assert_array_equal(model.objective(terms, model.beta), model.loss_of(terms))


@pytest.mark.parametrize("step", ["train_step", "test_step"])
def test_the_objective_is_reported_beside_the_losses_which_stay_the_same(step):
    plain, model = make_model(), make_model(free_bits=2.0)
    expected = getattr(plain, step)(IMAGES)
    found = getattr(model, step)(IMAGES)
    assert set(found) == {*expected, "objective"}
    for name, value in expected.items():
        assert float(found[name]) == float(value), name
    kl = kl_in_numpy(*(np.asarray(part, np.float64) for part in plain.encode(IMAGES))).mean(axis=0)
    added = 0.5 * (np.maximum(2.0, kl) - kl).sum()
    assert added > 0.5
    assert float(found["objective"]) == pytest.approx(float(expected["loss"]) + added, rel=1e-6)


# ----------------------------------------------------------------------- L2 penalty


def adam_in_numpy(gradients, weight, learning_rate, decay):
    """Yields a weight after each step of Adam with coupled weight decay, in float64.

    Kingma and Ba (2015), algorithm 1; the decay is added to the gradient, as PyTorch's
    ``torch.optim.Adam(weight_decay=…)`` adds it.
    """
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients, start=1):
        gradient = gradient + decay * weight
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        # Keras adds ε before the correction of the second moment.
        corrected = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weight = weight - learning_rate * corrected * first / (np.sqrt(second) + 1e-7)
        yield weight


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_with_l2_is_that_of_numpy_with_coupled_weight_decay(decay):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(4, 3)), rng.normal(size=(20, 4, 3))
    weight = keras.Variable(start.astype(np.float32))
    optimizer = models.Adam(0.01, l2=decay)
    optimizer.build([weight])
    for gradient, expected in zip(
        gradients, adam_in_numpy(gradients, start, 0.01, decay), strict=True
    ):
        optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


def test_without_l2_it_is_keras_adam():
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=7), rng.normal(size=(5, 7))
    weights = [keras.Variable(start.astype(np.float32)) for _ in range(2)]
    for weight, optimizer in zip(
        weights, (models.Adam(0.01), keras.optimizers.Adam(0.01)), strict=True
    ):
        optimizer.build([weight])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient, tf.float32)], [weight])
    np.testing.assert_array_equal(*weights)


def test_a_gradient_above_the_norm_is_scaled_down_and_the_penalty_is_added_afterwards():
    rng = np.random.default_rng(2)
    starts = rng.normal(size=(4, 3)), rng.normal(size=7)
    large = [[rng.normal(size=start.shape) for start in starts] for _ in range(20)]
    clipped = []
    for step, pair in enumerate(large):
        norm = np.sqrt(sum(np.sum(each**2) for each in pair))
        pair[:] = [each * (3.0 if step % 2 else 0.5) / norm for each in pair]  # the norm is 3 or ½
        clipped.append([each / 3 if step % 2 else each for each in pair])
    weights = [keras.Variable(start.astype(np.float32)) for start in starts]
    optimizer = models.Adam(0.01, l2=0.3, clip_norm=1.0)
    optimizer.build(weights)
    expected = zip(
        *(
            adam_in_numpy([pair[i] for pair in clipped], start, 0.01, 0.3)
            for i, start in enumerate(starts)
        ),
        strict=True,
    )
    for pair, values in zip(large, expected, strict=True):
        optimizer.apply([tf.constant(each, tf.float32) for each in pair], weights)
        for weight, value in zip(weights, values, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-5)


def test_l2_is_the_weight_decay_coupled_into_the_gradient_of_a_summed_loss():
    """grad(sum over m images) + decay · w, divided by m, for every weight and bias."""
    decay, count = 0.4, len(IMAGES)
    model = make_model(models.Adam(0.01, l2=decay / count))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.sampling.restart(3)
    with tf.GradientTape() as tape:
        summed = tf.reduce_sum(model.compute_losses(IMAGES, training=True)["loss"])
    gradients = tape.gradient(summed, [variable.value for variable in model.trainable_variables])
    model.sampling.restart(3)
    model.train_step(IMAGES)
    kinds = set()
    for variable, old, gradient, moment in zip(
        model.trainable_variables, before, gradients, model.optimizer._momentums, strict=True
    ):
        expected = (gradient.numpy() + decay * old) / count
        np.testing.assert_allclose(
            10 * moment.numpy(), expected, rtol=1e-4, atol=1e-5, err_msg=variable.path
        )
        kinds.add(variable.name)
    assert kinds == {"kernel", "bias", "alpha"}


def test_l2_comes_from_the_weights_and_not_from_the_scaled_loss():
    """The penalty is added to the gradient after loss scaling has been undone."""
    scaled, plain = (
        make_model(optimizer)
        for optimizer in (
            models.LossScaleOptimizer(models.Adam(0.01, l2=0.5), initial_scale=2.0**10),
            models.Adam(0.01, l2=0.5),
        )
    )
    for model in (scaled, plain):
        model.sampling.restart(3)
        model.train_step(IMAGES)
    for ours, theirs in zip(
        scaled.optimizer.inner_optimizer._momentums, plain.optimizer._momentums, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------- free bits


def kl_in_numpy(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    return -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))


@pytest.mark.parametrize(("free_bits", "num_above"), [(1e-9, 3), (0.1, 2), (0.8, 1), (50.0, 0)])
def test_free_bits_are_equation_15_and_stop_the_gradient_of_a_cheap_dimension(free_bits, num_above):
    """Σ_j max(λ, mean KL_j); its gradient is that of the mean KL where that is above λ."""
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.normal(0, [0.1, 1, 3], (7, 3)), rng.normal(0, 0.3, (7, 3))
    mean_kl = kl_in_numpy(z_mean, z_log_var).mean(axis=0)
    mu, log_var = tf.constant(z_mean, tf.float32), tf.constant(z_log_var, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([mu, log_var])
        posterior = models.DiagonalGaussian(mu, log_var)
        kl = apply_free_bits(free_bits, StandardNormal().kl(posterior))
        total = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
    assert kl.shape == (7, 3)
    assert float(total) == pytest.approx(np.maximum(free_bits, mean_kl).sum(), rel=1e-5)
    above = mean_kl > free_bits
    assert above.sum() == num_above
    to_mean, to_log_var = tape.gradient(total, [mu, log_var])
    np.testing.assert_allclose(to_mean, above * z_mean / 7, rtol=1e-5, atol=1e-7)
    expected = above * 0.5 * (np.exp(z_log_var) - 1) / 7
    np.testing.assert_allclose(to_log_var, expected, rtol=1e-4, atol=1e-7)


# ---------------------------------------------------------- free bits and a schedule

SCHEDULE = {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 4}


@pytest.mark.parametrize("step", [0, 3, 9])
def test_the_objective_is_the_sum_of_its_equation(step):
    """The losses reported beside it are those of the final β."""
    model = make_model(**SCHEDULE, free_bits=0.5)
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
    assert found["objective"] == pytest.approx(expected, rel=1e-5)


def test_a_step_lowers_the_objective_at_the_beta_of_that_step():
    """β is 0.1 at the first step and 0.2 at the second, as in two models with those β."""
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


def test_free_bits_above_every_kl_leave_only_the_gradient_of_the_reconstruction():
    free, without = (
        make_model(keras.optimizers.SGD(0.1), free_bits=100.0),
        make_model(keras.optimizers.SGD(0.1), beta=0.0),
    )
    for model in (free, without):
        model.train_step(IMAGES)
    for ours, theirs in zip(free.trainable_variables, without.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=ours.path)


# ---------------------------------------------------------------------------- saving


@pytest.mark.parametrize(
    "changes",
    [
        {"free_bits": 0.5},
        {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 9},
        {"beta_schedule": "cyclical", "beta_start": 0.0, "beta_steps": 2, "beta_cycles": 2},
        {**SCHEDULE, "free_bits": 0.5},
    ],
)
def test_an_objective_and_a_schedule_are_saved_with_their_model(tmp_path, changes):
    model = make_model(models.Adam(0.003, l2=0.25), **changes)
    for _ in range(3):
        model.train_step(IMAGES)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    for name in ("objective", "beta_schedule", "optimizer"):
        part, expected_part = getattr(opened, name), getattr(model, name)
        assert type(part) is type(expected_part)
        assert part.get_config() == expected_part.get_config(), name
    assert opened.optimizer.l2 == 0.25
    assert int(opened.optimizer.iterations) == 3
    found: list[float] = []
    expected: list[float] = []
    for one, values in ((model, expected), (opened, found)):
        one.reset_metrics()
        one.sampling.restart(3)
        values += [float(one.test_step(IMAGES)[name]) for name in ("loss", "objective")]
    assert found == expected
    assert found[0] != found[1]


def test_an_objective_describes_itself():
    assert str(objectives.build(make_settings())) == "the loss"
    built = objectives.build(make_settings(free_bits=0.25))
    assert str(built) == "the loss, at least 0.25 nats of KL per dimension"


def test_the_default_settings_give_the_loss_and_a_constant_beta():
    assert objectives.build(make_settings()).is_loss
    assert type(schedules.build(make_settings())) is schedules.Constant
