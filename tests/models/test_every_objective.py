"""Tests of every model and every likelihood with free bits, schedules of β, and L2 penalty."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from tests.settings import make_settings

IMAGES = tf.constant(np.random.default_rng(0).random((6, 4, 4, 1)).astype(np.float32))
LABELS = tf.constant([0, -1, 2, -1, 4, 5])
BETA = 0.5
EXTRAS: dict[str, dict[str, Any]] = {
    "free_bits": {"free_bits": 0.3},
    "linear": {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 4},
    "cyclical": {"beta_schedule": "cyclical", "beta_start": 0.1, "beta_steps": 4},
}
HAVE_BETA = [name for name, row in MODELS.items() if "beta" in {flag.name for flag in row.flags}]


def make_model(name: str, likelihood: str, optimizer: Any = None, **changes: Any) -> keras.Model:
    keras.utils.clear_session()
    beta = {"beta": BETA} if name in HAVE_BETA else {}
    flags = {"hidden_dim": (5,), "latent_dim": 3, **beta, **changes}
    if MODELS[name].uses_labels:  # few kinks of PReLU, which finite differences would cross
        flags |= {"classifier_dims": (3, 6), "classifier_weight": 12.0}
    settings = make_settings(model=name, likelihood=likelihood, **flags)
    model = models.build((4, 4, 1), settings, num_classes=10, num_train=6)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.4, variable.shape))
    model.compile(optimizer=optimizer or keras.optimizers.SGD(1e-3))
    return model


def train_once(model: keras.Model) -> dict[str, float]:
    logs = model.train_step((IMAGES, LABELS) if model.uses_labels else IMAGES)
    return {name: float(value) for name, value in logs.items()}


@pytest.mark.parametrize(
    ("name", "likelihood", "extra"), list(itertools.product(HAVE_BETA, LIKELIHOODS, EXTRAS))
)
def test_an_objective_changes_the_step_and_not_the_reported_losses(name, likelihood, extra):
    plain, model = (make_model(name, likelihood, **more) for more in ({}, EXTRAS[extra]))
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in plain.encode(IMAGES))
    expected, found = train_once(plain), train_once(model)
    objective = found.pop("objective")
    assert found == expected

    kl = (-0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var))).mean(axis=0)
    counted = np.maximum(0.3, kl) if extra == "free_bits" else kl
    beta = 0.1 if extra in ("linear", "cyclical") else BETA
    difference = beta * counted.sum() - BETA * kl.sum()
    assert abs(difference) > 0.01
    assert objective == pytest.approx(expected["loss"] + difference, rel=1e-5)
    changed = [
        np.any(variable.numpy() != other.numpy())
        for variable, other in zip(
            model.trainable_variables, plain.trainable_variables, strict=True
        )
    ]
    assert any(changed)


@pytest.mark.parametrize(("name", "likelihood"), list(itertools.product(MODELS, LIKELIHOODS)))
def test_l2_adds_every_weight_to_its_gradient_and_nothing_to_the_reported_losses(name, likelihood):
    """Read from Adam's first moments, which are a tenth of the gradient after one step."""
    plain, model = (make_model(name, likelihood, models.Adam(1e-3, l2=l2)) for l2 in (0, 0.25))
    weights = [variable.numpy() for variable in model.trainable_variables]
    assert train_once(model) == train_once(plain)
    pairs = zip(
        model.trainable_variables,
        weights,
        model.optimizer._momentums,
        plain.optimizer._momentums,
        strict=True,
    )
    for variable, weight, moment, without in pairs:
        np.testing.assert_allclose(
            10 * (moment - without), 0.25 * weight, rtol=1e-3, atol=2e-4, err_msg=variable.path
        )


@pytest.mark.parametrize(
    ("name", "likelihood"),
    [("vae", likelihood) for likelihood in LIKELIHOODS]
    + [(name, "bernoulli") for name in MODELS if name != "vae"],
)
def test_a_step_follows_the_finite_differences_of_the_mean_loss(name, likelihood):
    """Along one direction in the space of all weights, with fourth-order differences."""
    model, rate, width = make_model(name, likelihood), 1e-3, 0.02
    batch = (IMAGES, LABELS) if model.uses_labels else IMAGES
    rng = np.random.default_rng(2)
    before = [variable.numpy() for variable in model.trainable_variables]
    directions = [rng.normal(0, 0.2, value.shape).astype(np.float32) for value in before]

    def loss(distance: float) -> float:
        triples = zip(model.trainable_variables, before, directions, strict=True)
        for variable, value, direction in triples:
            variable.assign(value + np.float32(distance) * direction)
        model.sampling.restart(3)
        return float(np.mean(model.compute_losses(batch, training=True)["loss"], dtype=np.float64))

    near, far = (loss(distance) - loss(-distance) for distance in (width, 2 * width))
    slope = (8 * near - far) / (12 * width)
    loss(0.0)
    model.sampling.restart(3)
    model.train_step(batch)
    found = sum(
        np.sum((value.astype(np.float64) - variable.numpy()) * direction) / rate
        for variable, value, direction in zip(
            model.trainable_variables, before, directions, strict=True
        )
    )
    assert abs(slope) > 0.1
    assert found == pytest.approx(slope, rel=2e-3)
