"""The metrics of --metrics against NumPy and SciPy."""

import json
import re

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import models
from catalog.metrics import METRICS
from data import splits
from evaluation import metrics
from tests.evaluation.sessions import make_session
from tests.settings import make_settings

SEED = 4
SETTINGS = make_settings(
    hidden_dim=(20,),
    latent_dim=4,
    beta=3.0,  # the ELBO must not contain it
    dataset="digits",
    binarize="static",
)


@pytest.fixture(scope="module")
def model():
    """A model with large weights in which z_2 carries no information, and z_4 hardly any."""
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
def open_session(model, test_images, folder):
    """Returns a session with a seed."""

    def open_with(seed=SEED):
        record = {"epochs_done": 1}
        return make_session(
            folder, model, test_images, None, SETTINGS, record, checkpoint="last", seed=seed
        )

    return open_with


@pytest.fixture(scope="module")
def session(open_session):
    return open_session()


@pytest.fixture(scope="module")
def measured(session):
    return metrics.measure(session)


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
    epsilon = model.sampling((tf.zeros((360, 4)), tf.zeros((360, 4))))[0].numpy()
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


def test_metrics_describe_the_images_and_the_model(measured):
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


def test_metrics_repeat_with_their_seed_and_the_elbo_moves_with_another(
    session, open_session, measured
):
    assert metrics.measure(session) == measured
    other = metrics.measure(open_session(SEED + 1))
    assert other["elbo"]["mean"] != measured["elbo"]["mean"]
    # The noise of two seeds is 360 draws each: their means agree within a few standard errors.
    difference = abs(other["elbo"]["mean"] - measured["elbo"]["mean"])
    assert difference < 5 * measured["elbo"]["standard_error"]


def test_run_writes_what_it_measured_and_prints_it(session, measured, folder, capsys):
    paths = metrics.run(session)
    assert paths == [
        folder / f"{name}_last{suffix}"
        for name, suffix in (
            ("metrics", ".json"),
            ("index", ".json"),
            ("kl_per_dimension", ".png"),
            ("kl_per_dimension", ".pdf"),
        )
    ]
    assert all(path.stat().st_size > 0 for path in paths)
    assert json.loads(paths[0].read_text()) == measured
    printed = capsys.readouterr().out
    for name in ("elbo", "reconstruction", "kl", "mean_squared_error"):
        mean, error = measured[name]["mean"], measured[name]["standard_error"]
        assert f"{mean:.2f} ± {error:.2f}" in printed
    assert "2 of 4" in printed


def test_an_undeclared_metric_is_an_error():
    with pytest.raises(KeyError, match=r"elegance is not declared in catalog/metrics.py"):
        metrics.summarize({"kl": np.ones(3), "elegance": np.ones(3)})


def test_without_a_kl_by_dimension_it_is_omitted_with_a_message(
    open_session, model, measured, monkeypatch, capsys
):
    monkeypatch.setattr(model, "kl_by_dimension", lambda posterior: None)
    session = open_session()
    session.result_dir = session.result_dir / "other"
    path, noted = metrics.run(session)
    expected = {name: value for name, value in measured.items() if name != "kl_per_dimension"}
    assert json.loads(path.read_text()) == expected
    assert noted.name == "index_last.json"
    assert "KL by dimension    not known for this model and prior" in capsys.readouterr().out


def test_a_table_has_headings_units_and_digits_of_the_catalog(session, measured, capsys):
    metrics.run(session)
    printed = capsys.readouterr().out
    for name in ("elbo", "reconstruction", "kl", "mean_squared_error"):
        metric = METRICS[name]
        (line,) = [
            line for line in printed.splitlines() if re.match(rf"  {metric.heading} +[-\d]", line)
        ]
        assert line.endswith(metric.unit)
        assert max(map(len, printed.splitlines())) <= 80
