"""The arguments of the figures and tables of --compare: each run's own data, in order.

The models are fakes with known results: one reconstructs every image as its own gray level, to
which it also decodes any z; another is an autoencoder.
"""

from __future__ import annotations

import csv
import json
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import figures
import models
import runs
from evaluation import comparison, metrics
from evaluation.session import Session
from models.sampling import GaussianSampling
from tests.evaluation.sessions import FLAGS

IMAGES = np.random.default_rng(0).random((90, 4, 4, 1)).astype(np.float32)
LABELS = np.random.default_rng(1).permutation(np.arange(90) % 10)
DRAWN = (
    "draw_compared_curves",
    "draw_compared_measures",
    "draw_compared_reconstructions",
    "draw_compared_samples",
)


# Tested in test_decomposition.py.
PARTS_OF_KL = {"index-code MI, nats", "total correlation, nats", "dimension-wise KL, nats"}


class FakeModel:
    """Its posterior means are the first pixels; its reconstructions are of one gray level."""

    uses_labels = False
    likelihood = types.SimpleNamespace(mean=tf.identity)
    prior = models.priors.StandardNormal()

    def __init__(self, latent_dim: int, gray: float, variational: bool = True):
        self.latent_dim, self.gray, self.is_variational = latent_dim, gray, variational
        self.sampling = GaussianSampling(0)

    def sample_prior(self, num, seed):
        return tf.random.stateless_normal((num, self.latent_dim), (seed, 0))

    def kl_by_dimension(self, posterior):
        return self.prior.kl(posterior)

    def encode(self, images):
        z_mean = tf.reshape(images, (tf.shape(images)[0], -1))[:, : self.latent_dim]
        return z_mean, tf.zeros_like(z_mean)

    def decode(self, z):
        return tf.reshape(z[:, :1], (-1, 1, 1, 1)) * self.gray

    def reconstruct(self, images):
        return tf.zeros_like(images) + self.gray

    def call(self, images):
        return self.reconstruct(images)

    def compute_losses(self, images):
        reconstruction = tf.reduce_sum(images, axis=(1, 2, 3)) * self.gray
        if not self.is_variational:
            return {"loss": reconstruction, "reconstruction": reconstruction}
        kl = tf.reduce_sum(self.kl_by_dimension(self.encode(images)), axis=-1)
        return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def make_session(folder: Path, latent_dim: int, gray: float, model="vae", **flags) -> Session:
    run = runs.Run(folder / "_".join([f"{model}_ld{latent_dim}_{gray}", *flags.values()]))
    run.folder.mkdir(parents=True)
    losses = ("loss", "reconstruction", *(["kl"] if model == "vae" else []))
    rows = [
        {
            "epoch": epoch,
            **{prefix + name: gray + epoch for name in losses for prefix in ("", "val_")},
        }
        for epoch in (1, 2)
    ]
    runs.write_history(run.history_path, rows)
    run.write_record({"format": 1, "status": "finished", "started": "now", "flags": {}})
    settings = {"dataset": "digits", "binarize": "none", "model": model, "latent_dim": latent_dim}
    best = {"best": {"epoch": 1, "val_loss": 1.0}, "epochs_done": 2, "seconds": 5.5}
    session = Session(
        run=run,
        record={"flags": settings | flags, **best},
        checkpoint="best",
        result_dir=folder,
        flags={**FLAGS, "num_gen": 30, "seed": 3},
        loaded={("digits", "test"): (IMAGES, LABELS)},
    )
    session.model = FakeModel(latent_dim, gray, model == "vae")  # type: ignore[assignment]
    return session


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure drawn, by the function's name; nothing is written."""
    calls: dict[str, tuple] = {}
    for name in DRAWN:
        monkeypatch.setattr(figures, name, lambda *args, name=name: calls.update({name: args}))
    monkeypatch.setattr(Session, "save_figure", lambda self, figure, name: [Path(name)])
    return calls


@pytest.fixture
def sessions(tmp_path):
    return [make_session(tmp_path, 2, 0.25), make_session(tmp_path, 5, 0.75)]


def test_each_run_has_its_own_metrics_in_its_place(drawn, sessions):
    written = comparison.compare(sessions)
    assert [path.name for path in written] == [
        *("table.json", "table.csv"),
        *("curves", "measures", "reconstructions"),
    ]
    measures, kl, active, labels, _, _ = drawn["draw_compared_measures"]
    assert labels == ["latent_dim 2", "latent_dim 5"]
    assert active == [(2, 2), (5, 5)]
    for place, (latent_dim, gray) in enumerate(((2, 0.25), (5, 0.75))):
        pixels = IMAGES.reshape(90, 16).astype(np.float64)
        expected_kl = pixels[:, :latent_dim] ** 2 / 2  # of N(m, 1) from N(0, 1)
        np.testing.assert_allclose(kl[place], expected_kl.mean(axis=0), rtol=1e-5)
        expected = {
            "ELBO, nats ↑": -(gray * pixels.sum(axis=1) + expected_kl.sum(axis=1)),
            "reconstruction, nats ↓": gray * pixels.sum(axis=1),
            "KL, nats": expected_kl.sum(axis=1),
            "squared error ↓": ((pixels - gray) ** 2).sum(axis=1),
        }
        assert measures.keys() - expected.keys() == PARTS_OF_KL
        for heading, values in expected.items():
            mean, error = measures[heading][place]
            assert mean == pytest.approx(values.mean(), rel=1e-5)
            assert error == pytest.approx(values.std(ddof=1) / np.sqrt(90), rel=1e-4)


def test_each_run_has_its_own_curves(drawn, sessions):
    comparison.compare(sessions)
    histories, labels, _, _ = drawn["draw_compared_curves"]
    assert [history[-1]["val_kl"] for history in histories] == [2.25, 2.75]
    assert labels == ["latent_dim 2", "latent_dim 5"]


def test_every_run_reconstructs_the_same_images_of_all_classes(drawn, sessions):
    comparison.compare(sessions)
    images, reconstructions, labels, _, _ = drawn["draw_compared_reconstructions"]
    assert len(images) == 20
    label_of = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    assert [label_of[image.tobytes()] for image in images] == [*range(10)] * 2
    assert [float(of_one.mean()) for of_one in reconstructions] == [0.25, 0.75]
    assert labels == ["latent_dim 2", "latent_dim 5"]


def test_the_tables_hold_what_was_measured(drawn, sessions, tmp_path, capsys):
    comparison.compare(sessions)
    measures, kl, *_ = drawn["draw_compared_measures"]
    tables = json.loads((tmp_path / "table.json").read_text())
    with (tmp_path / "table.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))
    printed = capsys.readouterr().out
    for place, (table, row) in enumerate(zip(tables, flat, strict=True)):
        assert table["run"] == row["run"] == sessions[place].run.name
        mean, error = measures["KL, nats"][place]
        assert table["kl"] == {"mean": mean, "standard_error": error}
        assert (float(row["kl"]), float(row["kl_error"])) == (mean, error)
        assert f"{mean:.2f} ± {error:.2f}" in printed
        np.testing.assert_array_equal(table["kl_per_dimension"], kl[place])
        assert table["last_epoch"]["loss"] == float(row["loss_last_epoch"]) == [2.25, 2.75][place]
        assert table["epoch"] == int(row["epoch"]) == 1
        assert (table["seconds"], table["latent_dim"]) == (5.5, [2, 5][place])


def test_an_autoencoder_has_no_kl_and_its_samples_are_drawn_beside_the_vaes(
    drawn, tmp_path, capsys
):
    ours = [make_session(tmp_path, 3, 0.25), make_session(tmp_path, 3, 0.5, model="autoencoder")]
    written = comparison.compare(ours)
    assert written[-1].name == "samples"
    measures, kl, _, labels, _, _ = drawn["draw_compared_measures"]
    assert labels == ["vae", "autoencoder"]
    assert (measures["KL, nats"][1], measures["ELBO, nats ↑"][1], kl[1]) == (None, None, None)
    assert measures["reconstruction, nats ↓"][1] is not None
    samples, names, _, _ = drawn["draw_compared_samples"]
    assert names == ["vae", "autoencoder"]
    assert [of_one.shape for of_one in samples] == [(30, 1, 1, 1)] * 2
    np.testing.assert_allclose(samples[0] * 2, samples[1], rtol=1e-6)  # of the same z
    z = samples[1] / 0.5
    assert abs(z.mean()) < 1
    assert 0.5 < z.std() < 1.5
    assert "none" in capsys.readouterr().out


def test_nats_of_probabilities_and_of_densities_are_not_drawn_beside_each_other(
    drawn, tmp_path, capsys
):
    ours = [make_session(tmp_path, 3, 0.25), make_session(tmp_path, 3, 0.5, likelihood="gaussian")]
    comparison.compare(ours)
    assert "draw_compared_curves" not in drawn
    measures, *_ = drawn["draw_compared_measures"]
    shown = {"KL, nats", "squared error ↓", "squared error + KL ↓"}
    assert measures.keys() - PARTS_OF_KL == shown
    assert measures["squared error + KL ↓"][0] is None
    assert "draw_compared_reconstructions" in drawn
    output = capsys.readouterr().out
    assert "bernoulli, gaussian: their nats cannot be compared" in output


def test_samples_are_drawn_beside_each_other_where_priors_differ(drawn, tmp_path):
    ours = [make_session(tmp_path, 3, 0.25), make_session(tmp_path, 3, 0.5, prior="mixture")]
    comparison.compare(ours)
    assert drawn["draw_compared_samples"][2] == "Samples from the prior, decoded"


def test_without_labels_the_first_images_are_reconstructed(drawn, sessions):
    for session in sessions:
        session.loaded["digits", "test"] = (IMAGES, None)
    comparison.compare(sessions)
    np.testing.assert_array_equal(drawn["draw_compared_reconstructions"][0], IMAGES[:20])


def test_nats_of_two_densities_are_drawn_beside_each_other(drawn, tmp_path, capsys):
    likelihoods = ("gaussian_learned", "continuous_bernoulli")
    comparison.compare([make_session(tmp_path, 3, 0.5, likelihood=name) for name in likelihoods])
    assert "draw_compared_curves" in drawn
    assert "ELBO, nats ↑" in drawn["draw_compared_measures"][0]
    assert "cannot be compared" not in capsys.readouterr().out


def test_the_accuracy_of_a_classifier_is_drawn_where_there_is_one(drawn, sessions, monkeypatch):
    measure = metrics.measure

    def measure_one_classifier(session):
        accuracy = {"accuracy": {"mean": 0.975, "standard_error": 0.001}}
        return measure(session) | (accuracy if session is sessions[1] else {})

    monkeypatch.setattr(metrics, "measure", measure_one_classifier)
    comparison.compare(sessions)
    measures, *_ = drawn["draw_compared_measures"]
    assert measures["accuracy, % ↑"] == [None, (97.5, pytest.approx(0.1))]


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n"])
def test_a_history_that_cannot_be_read_is_reported_in_one_line(drawn, sessions, content):
    path = sessions[1].run.history_path
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(runs.RunError) as error:
        comparison.compare(sessions)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_figures_are_drawn(sessions):
    paths = comparison.compare(sessions)
    assert len(paths) == 2 + 2 * 3
    assert all(path.stat().st_size > 0 for path in paths)
