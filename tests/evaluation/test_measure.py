"""The figures to quote against the same figures worked out in NumPy."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
import runs
from data import splits
from evaluation import metrics
from evaluation.context import Context
from tests.settings import make_settings

SEED = 4
SETTINGS = make_settings(
    hidden_dim=20,
    latent_dim=4,
    beta=3.0,  # the ELBO must not contain it
    dataset="digits",
    binarize="static",
)


@pytest.fixture(scope="module")
def model():
    """A model with wild weights in which z_2 says nothing and z_4 next to nothing."""
    built = models.build((8, 8, 1), SETTINGS)
    rng = np.random.default_rng(0)
    for variable in built.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    kernel = built.encoder.z_mean.kernel.numpy()
    kernel[:, 1] = 0
    kernel[:, 3] *= 0.01
    built.encoder.z_mean.kernel.assign(kernel)
    return built


@pytest.fixture(scope="module")
def test_images():
    split = splits.load_test("digits", binarize="static")
    return split.images / np.float32(255), split.labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("result")


@pytest.fixture(scope="module")
def context(model, test_images, folder):
    return Context(
        run=runs.Run(folder / "a_run"),
        record={"flags": SETTINGS, "epochs_done": 1},
        checkpoint="last",
        result_dir=folder,
        class_names=tuple("0123456789"),
        load_model=lambda: model,
        load_pixels={"test": test_images}.__getitem__,
        num_gen=10,
        num_points=100,
        seed=SEED,
    )


@pytest.fixture(scope="module")
def measured(context):
    return metrics.measure(context)


def dense(layer, inputs):
    kernel, bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
    return inputs @ kernel + bias


def white(model, z):
    features = np.tanh(dense(model.decoder.hidden[0], z))
    return scipy.special.expit(dense(model.decoder.logits, features))


@pytest.fixture(scope="module")
def expected(model, test_images):
    """Per image and dimension, in float64, by the equations of the paper."""
    x = test_images[0].reshape(360, 64).astype(np.float64)
    features = np.tanh(dense(model.encoder.hidden[0], x))
    mean, log_var = dense(model.encoder.z_mean, features), dense(model.encoder.z_log_var, features)

    model.sampling.restart(SEED)
    epsilon = model.sampling(tf.zeros((360, 4)), tf.zeros((360, 4))).numpy()
    sampled = white(model, mean + np.exp(log_var / 2) * epsilon)
    kl = -0.5 * (1 + log_var - mean**2 - np.exp(log_var))
    reconstruction = -(x * np.log(sampled) + (1 - x) * np.log(1 - sampled)).sum(axis=1)
    return {
        "elbo": -(reconstruction + kl.sum(axis=1)),
        "reconstruction": reconstruction,
        "kl": kl.sum(axis=1),
        "mean_squared_error": ((x - white(model, mean)) ** 2).sum(axis=1),
        "kl_per_dimension": kl,
        "mean": mean,
    }


@pytest.mark.parametrize("name", ["elbo", "reconstruction", "kl", "mean_squared_error"])
def test_means_and_standard_errors_over_images_are_numpys(measured, expected, name):
    found = measured[name]
    assert found["mean"] == pytest.approx(expected[name].mean(), rel=1e-5)
    assert found["standard_error"] == pytest.approx(scipy.stats.sem(expected[name]), rel=1e-4)


def test_the_kl_of_each_dimension_is_numpys_and_adds_up(measured, expected):
    np.testing.assert_allclose(
        measured["kl_per_dimension"], expected["kl_per_dimension"].mean(axis=0), rtol=1e-5
    )
    assert sum(measured["kl_per_dimension"]) == pytest.approx(measured["kl"]["mean"], rel=1e-5)


def test_active_units_are_those_whose_posterior_mean_varies(measured, expected):
    variance = expected["mean"].var(axis=0)
    assert (variance > 0.01).tolist() == [True, False, True, False]
    assert measured["active_units"] == 2
    np.testing.assert_allclose(measured["posterior_mean_variance"], variance, rtol=1e-4, atol=1e-10)


def test_the_figures_say_what_they_are_of(measured):
    assert {
        name: measured[name] for name in ("run", "checkpoint", "split", "binarize", "seed")
    } == {
        "run": "a_run",
        "checkpoint": "last",
        "split": "test",
        "binarize": "static",
        "seed": SEED,
    }
    assert (measured["num_images"], measured["latent_dim"]) == (360, 4)


def test_the_figures_repeat_with_their_seed_and_the_elbo_moves_with_another(context, measured):
    assert metrics.measure(context) == measured
    other = metrics.measure(dataclasses.replace(context, seed=SEED + 1))
    assert other["elbo"]["mean"] != measured["elbo"]["mean"]
    # The noise of two seeds is 360 draws each: their means agree within a few standard errors.
    difference = abs(other["elbo"]["mean"] - measured["elbo"]["mean"])
    assert difference < 5 * measured["elbo"]["standard_error"]


def test_run_writes_what_it_measured_and_prints_it(context, measured, folder, capsys):
    paths = metrics.run(context)
    assert paths == [
        folder / f"{name}_last{suffix}"
        for name, suffix in (
            ("metrics", ".json"),
            ("kl_per_dimension", ".png"),
            ("kl_per_dimension", ".pdf"),
        )
    ]
    assert all(path.stat().st_size > 0 for path in paths)
    assert json.loads(paths[0].read_text()) == measured
    printed = capsys.readouterr().out
    for name in ("elbo", "reconstruction", "kl", "mean_squared_error"):
        mean, error = measured[name]["mean"], measured[name]["standard_error"]
        assert f"{mean:.3f} ± {error:.3f}" in printed
    assert "2 of 4" in printed
