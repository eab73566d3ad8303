"""What every model and every likelihood must do with the objectives that they can have."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from models.table import LIKELIHOODS, MODELS
from tests.settings import make_settings

IMAGES = tf.constant(np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32))
LABELS = tf.constant([0, -1, 2, -1, 4, 5])
BETA = 0.5
EXTRAS: dict[str, dict[str, Any]] = {
    "l2": {"l2": 0.01},
    "free_bits": {"free_bits": 0.3},
    "linear": {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 4},
    "cyclical": {"beta_schedule": "cyclical", "beta_start": 0.1, "beta_steps": 4},
}
CASES = [
    (model, likelihood, extra)
    for model, likelihood, extra in itertools.product(MODELS, LIKELIHOODS, EXTRAS)
    if extra == "l2" or "beta" in MODELS[model].defaults
]


def make_model(name: str, likelihood: str, **changes) -> keras.Model:
    keras.utils.clear_session()
    beta = {"beta": BETA} if "beta" in MODELS[name].defaults else {}
    flags = {"hidden_dim": 5, "latent_dim": 3, **beta, **changes}
    model = models.build((4, 4, 1), make_settings(model=name, likelihood=likelihood, **flags))
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    return model


def train_once(model: keras.Model) -> dict[str, float]:
    logs = model.train_step((IMAGES, LABELS) if model.uses_labels else IMAGES)
    return {name: float(value) for name, value in logs.items()}


@pytest.mark.parametrize(("name", "likelihood", "extra"), CASES)
def test_an_objective_changes_what_is_lowered_and_not_what_is_reported(name, likelihood, extra):
    plain, model = (make_model(name, likelihood, **more) for more in ({}, EXTRAS[extra]))
    weights = [variable.numpy() for variable in model.trainable_variables]
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in plain.encode(IMAGES))
    expected, found = train_once(plain), train_once(model)
    objective = found.pop("objective")
    assert found == expected

    if extra == "l2":
        more = 0.01 / 2 * sum(np.square(weight, dtype=np.float64).sum() for weight in weights)
    else:
        kl = (-0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))).mean(axis=0)
        raised = np.maximum(0.3, kl) if extra == "free_bits" else kl
        first = 0.1 if extra in ("linear", "cyclical") else BETA
        more = first * raised.sum() - BETA * kl.sum()
    assert abs(more) > 0.01
    assert objective == pytest.approx(expected["loss"] + more, rel=1e-5)
    changed = [
        np.any(variable.numpy() != other.numpy())
        for variable, other in zip(
            model.trainable_variables, plain.trainable_variables, strict=True
        )
    ]
    assert any(changed)


@pytest.mark.parametrize(
    ("name", "likelihood"),
    [("vae", likelihood) for likelihood in LIKELIHOODS]
    + [(name, "bernoulli") for name in MODELS if name != "vae"],
)
def test_a_step_goes_down_the_finite_differences_of_the_mean_loss(name, likelihood):
    """Along a direction in all weights at once; differences of the fourth order."""
    model, rate, width = make_model(name, likelihood), 1e-3, 0.02
    batch = (IMAGES, LABELS) if model.uses_labels else IMAGES
    rng = np.random.default_rng(2)
    before = [variable.numpy() for variable in model.trainable_variables]
    along = [rng.normal(0, 0.2, value.shape).astype(np.float32) for value in before]

    def loss(place: float) -> float:
        for variable, value, way in zip(model.trainable_variables, before, along, strict=True):
            variable.assign(value + np.float32(place) * way)
        model.sampling.restart(3)
        return float(np.mean(model.compute_losses(batch, training=True)["loss"], dtype=np.float64))

    near, far = (loss(place) - loss(-place) for place in (width, 2 * width))
    slope = (8 * near - far) / (12 * width)
    loss(0.0)
    model.sampling.restart(3)
    model.train_step(batch)
    found = sum(
        np.sum((value.astype(np.float64) - variable.numpy()) * way) / rate
        for variable, value, way in zip(model.trainable_variables, before, along, strict=True)
    )
    assert abs(slope) > 0.1
    assert found == pytest.approx(slope, rel=2e-3)
