"""Metrics for the other likelihoods: squared error + KL, and the kind of nats."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

import figures
import models
import runs
from catalog.likelihoods import LIKELIHOODS
from data import splits
from evaluation import curves, metrics
from evaluation.session import Session
from tests.evaluation.sessions import make_session
from tests.settings import make_settings

SEED = 4


@pytest.fixture(scope="module", params=LIKELIHOODS)
def session(request, tmp_path_factory):
    """A model with large weights, and its test images."""
    settings = make_settings(
        likelihood=request.param, hidden_dim=(20,), latent_dim=4, dataset="digits"
    )
    model = models.build((8, 8, 1), settings)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    split = splits.load_test("digits")
    folder = tmp_path_factory.mktemp("result")
    test = split.images / np.float32(255), split.labels
    return make_session(folder, model, test, None, settings, checkpoint="last", seed=SEED)


def test_gaussian_runs_report_squared_error_plus_kl_for_the_sampled_z(session):
    measured = metrics.measure(session)
    likelihood = session.settings["likelihood"]
    assert measured["likelihood"] == likelihood
    if not likelihood.startswith("gaussian"):
        assert "squared_error_plus_kl" not in measured
        return
    model, images = session.model, session.test[0]
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in model.encode(images))
    model.sampling.restart(SEED)
    epsilon = model.sampling((tf.zeros((360, 4)), tf.zeros((360, 4))))[0].numpy()
    outputs = np.asarray(model.decoder(z_mean + np.exp(z_log_var / 2) * epsilon), np.float64)
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var).sum(axis=1)

    def sum_squares(logits):
        return np.square(images - scipy.special.expit(logits[..., :1])).sum(axis=(1, 2, 3))

    expected = sum_squares(outputs) + kl
    found = measured["squared_error_plus_kl"]
    assert found["mean"] == pytest.approx(expected.mean(), rel=1e-5)
    assert found["standard_error"] == pytest.approx(scipy.stats.sem(expected), rel=1e-4)
    at_the_mean = sum_squares(np.asarray(model.decoder(z_mean.astype(np.float32)), np.float64))
    assert measured["mean_squared_error"]["mean"] == pytest.approx(at_the_mean.mean(), rel=1e-5)
    if likelihood == "gaussian":  # of the default, √½
        constant = 64 / 2 * np.log(np.pi)
        loss = measured["reconstruction"]["mean"] + measured["kl"]["mean"]
        assert found["mean"] == pytest.approx(loss - constant, rel=1e-5)


def test_the_table_names_the_kind_of_nats(session, capsys):
    metrics.run(session)
    printed = capsys.readouterr().out
    likelihood = session.settings["likelihood"]
    row = LIKELIHOODS[likelihood]
    density = likelihood != "bernoulli" and not row.has_256_values
    assert (f"p(x|z) {likelihood}: a density, not comparable" in printed) == density
    assert ("p(x|z) " + likelihood + ": a probability of 8-bit" in printed) == row.has_256_values
    assert ("squared error + KL" in printed) == likelihood.startswith("gaussian")


def test_bits_per_dimension_are_nats_of_the_elbo_by_log_2_and_the_number_of_values(session):
    measured = metrics.measure(session)
    if not LIKELIHOODS[session.settings["likelihood"]].has_256_values:
        assert "bits_per_dimension" not in measured
        return
    for name, sign in (("mean", -1), ("standard_error", 1)):
        expected = sign * measured["elbo"][name] / np.log(2) / 64
        assert measured["bits_per_dimension"][name] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kl", [3.0, None])
def test_the_curves_state_the_bits_per_dimension_of_the_best_epoch(
    session, tmp_path, monkeypatch, kl
):
    """They are those of the ELBO, not of a loss with another β; an autoencoder has neither."""
    best = {"epoch": 2, "val_loss": 123.5}
    rows = [
        {"epoch": epoch, "loss": 200.0, "val_loss": 123.5, "val_reconstruction": 90.0 + epoch}
        | ({} if kl is None else {"val_kl": kl})
        for epoch in (1, 2, 3)
    ]
    opened = make_session(tmp_path, settings=session.settings, record={"best": best})
    opened.run.folder.mkdir()
    opened.run.write_record({"format": 1, "status": "training", "started": "now", **opened.record})
    runs.write_history(opened.run.history_path, rows)
    subtitles = []
    monkeypatch.setattr(figures, "draw_curves", lambda *args: subtitles.append(args[-1]))
    monkeypatch.setattr(Session, "save_figure", lambda *args: [])
    curves.run(opened)
    bits = f"epoch 2, with an ELBO of {(92 + 3) / 64 / np.log(2):.3f} bits per dimension"
    has_bits = LIKELIHOODS[session.settings["likelihood"]].has_256_values and kl is not None
    assert (bits in subtitles[0]) == ("bits" in subtitles[0]) == has_bits


@pytest.mark.parametrize("session", ["bernoulli"], indirect=True)
def test_an_old_run_without_a_likelihood_is_a_bernoullis(session):
    del session.settings["likelihood"]
    assert metrics.measure(session)["likelihood"] == "bernoulli"
