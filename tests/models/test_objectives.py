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


def test_an_objective_comes_back_with_its_model(tmp_path):
    model = make_model(l2=0.25)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(opened.objective, models.Objective)
    assert opened.objective.get_config() == {"l2": 0.25}
    for one in (model, opened):
        one.sampling.restart(3)
    found, expected = (float(one.test_step(IMAGES)["objective"]) for one in (opened, model))
    assert found == expected


def test_the_objective_says_what_it_is():
    assert str(objectives.choose({"l2": 0.5})) == "loss + 0.5/2 · ‖w‖²"
    assert objectives.choose({"l2": 0.0}) is None
    assert objectives.choose({}) is None
