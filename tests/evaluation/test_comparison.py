"""What --compare hands to its figures and tables: of each run its own, in the runs' order.

The models are fakes whose numbers can be read off: one reconstructs every image as its
level of grey and decodes z to the same, another is an autoencoder.
"""

from __future__ import annotations

import csv
import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import figures
import runs
from evaluation import comparison, metrics
from evaluation.context import Context
from models import GaussianSampling, StandardNormal

IMAGES = np.random.default_rng(0).random((90, 4, 4, 1)).astype(np.float32)
LABELS = np.random.default_rng(1).permutation(np.arange(90) % 10)
DRAWN = (
    "draw_compared_curves",
    "draw_compared_measures",
    "draw_compared_reconstructions",
    "draw_compared_samples",
)


class FakeModel:
    """Its posterior means are the first pixels, its reconstructions all of one grey."""

    uses_labels = False
    likelihood = types.SimpleNamespace(mean=tf.identity)

    def __init__(self, latent_dim: int, grey: float, variational: bool = True):
        self.latent_dim, self.grey, self.variational = latent_dim, grey, variational
        self.prior = StandardNormal()
        self.sampling = GaussianSampling(0)

    def encode(self, images):
        z_mean = tf.reshape(images, (tf.shape(images)[0], -1))[:, : self.latent_dim]
        return z_mean, tf.zeros_like(z_mean)

    def decode(self, z):
        return tf.reshape(z[:, :1], (-1, 1, 1, 1)) * self.grey

    def reconstruct(self, images):
        return tf.zeros_like(images) + self.grey

    def call(self, images):
        return self.reconstruct(images)

    def compute_losses(self, images):
        reconstruction = tf.reduce_sum(images, axis=(1, 2, 3)) * self.grey
        if not self.variational:
            return {"loss": reconstruction, "reconstruction": reconstruction}
        kl = tf.reduce_sum(self.prior.kl(*self.encode(images)), axis=-1)
        return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def make_context(folder: Path, latent_dim: int, grey: float, model="vae", **flags) -> Context:
    run = runs.Run(folder / "_".join([f"{model}_ld{latent_dim}_{grey}", *flags.values()]))
    run.folder.mkdir(parents=True)
    losses = ("loss", "reconstruction", *(["kl"] if model == "vae" else []))
    rows = [
        {
            "epoch": epoch,
            **{prefix + name: grey + epoch for name in losses for prefix in ("", "val_")},
        }
        for epoch in (1, 2)
    ]
    runs.write_history(run.history_path, rows)
    run.write_record({"format": 1, "status": "finished", "started": "now", "flags": {}})
    settings = {"dataset": "digits", "binarize": "none", "model": model, "latent_dim": latent_dim}
    fake: Any = FakeModel(latent_dim, grey, model == "vae")
    return Context(
        run=run,
        record={
            "flags": settings | flags,
            "best": {"epoch": 1, "val_loss": 1.0},
            "epochs_done": 2,
            "seconds": 5.5,
        },
        checkpoint="best",
        result_dir=folder,
        class_names=tuple("0123456789"),
        load_model=lambda: fake,
        load_pixels={"test": (IMAGES, LABELS)}.__getitem__,
        num_gen=30,
        num_points=10,
        seed=3,
    )


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure drawn, by the function's name; nothing is written."""
    calls: dict[str, tuple] = {}
    for name in DRAWN:
        monkeypatch.setattr(figures, name, lambda *args, name=name: calls.update({name: args}))
    monkeypatch.setattr(Context, "save_figure", lambda self, figure, name: [Path(name)])
    return calls


@pytest.fixture
def contexts(tmp_path):
    return [make_context(tmp_path, 2, 0.25), make_context(tmp_path, 5, 0.75)]


def test_each_run_has_its_own_figures_in_its_place(drawn, contexts):
    written = comparison.compare(contexts)
    assert [path.name for path in written] == [
        *("table.json", "table.csv"),
        *("curves", "measures", "reconstructions"),
    ]
    measures, kl, active, labels, _, _ = drawn["draw_compared_measures"]
    assert labels == ["latent_dim 2", "latent_dim 5"]
    assert active == [(2, 2), (5, 5)]
    for place, (latent_dim, grey) in enumerate(((2, 0.25), (5, 0.75))):
        pixels = IMAGES.reshape(90, 16).astype(np.float64)
        expected_kl = pixels[:, :latent_dim] ** 2 / 2  # of N(m, 1) from N(0, 1)
        np.testing.assert_allclose(kl[place], expected_kl.mean(axis=0), rtol=1e-5)
        expected = {
            "−ELBO, nats": grey * pixels.sum(axis=1) + expected_kl.sum(axis=1),
            "reconstruction, nats": grey * pixels.sum(axis=1),
            "KL, nats": expected_kl.sum(axis=1),
            "squared error": ((pixels - grey) ** 2).sum(axis=1),
        }
        assert measures.keys() == expected.keys()
        for heading, values in expected.items():
            mean, error = measures[heading][place]
            assert mean == pytest.approx(values.mean(), rel=1e-5)
            assert error == pytest.approx(values.std(ddof=1) / np.sqrt(90), rel=1e-4)


def test_each_run_has_its_own_curves(drawn, contexts):
    comparison.compare(contexts)
    histories, labels, _, _ = drawn["draw_compared_curves"]
    assert [history[-1]["val_kl"] for history in histories] == [2.25, 2.75]
    assert labels == ["latent_dim 2", "latent_dim 5"]


def test_every_run_reconstructs_the_same_images_of_all_classes(drawn, contexts):
    comparison.compare(contexts)
    images, reconstructions, labels, _, _ = drawn["draw_compared_reconstructions"]
    assert len(images) == 20
    label_of = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    assert [label_of[image.tobytes()] for image in images] == [*range(10)] * 2
    assert [float(of_one.mean()) for of_one in reconstructions] == [0.25, 0.75]
    assert labels == ["latent_dim 2", "latent_dim 5"]


def test_the_tables_hold_what_was_measured(drawn, contexts, tmp_path, capsys):
    comparison.compare(contexts)
    measures, kl, *_ = drawn["draw_compared_measures"]
    whole = json.loads((tmp_path / "table.json").read_text())
    with (tmp_path / "table.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))
    printed = capsys.readouterr().out
    for place, (table, row) in enumerate(zip(whole, flat, strict=True)):
        assert table["run"] == row["run"] == contexts[place].run.name
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
    ours = [make_context(tmp_path, 3, 0.25), make_context(tmp_path, 3, 0.5, model="autoencoder")]
    written = comparison.compare(ours)
    assert written[-1].name == "samples"
    measures, kl, _, labels, _, _ = drawn["draw_compared_measures"]
    assert labels == ["vae", "autoencoder"]
    assert (measures["KL, nats"][1], measures["−ELBO, nats"][1], kl[1]) == (None, None, None)
    assert measures["reconstruction, nats"][1] is not None
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
    ours = [make_context(tmp_path, 3, 0.25), make_context(tmp_path, 3, 0.5, likelihood="gaussian")]
    comparison.compare(ours)
    assert "draw_compared_curves" not in drawn
    measures, *_ = drawn["draw_compared_measures"]
    assert set(measures) == {"KL, nats", "squared error", "squared error + KL"}
    assert measures["squared error + KL"][0] is None
    assert "draw_compared_reconstructions" in drawn
    output = capsys.readouterr().out
    assert "bernoulli, gaussian: nats of probabilities and of densities do not compare" in output


def test_nats_of_two_densities_are_drawn_beside_each_other(drawn, tmp_path, capsys):
    likelihoods = ("gaussian_learned", "continuous_bernoulli")
    comparison.compare([make_context(tmp_path, 3, 0.5, likelihood=name) for name in likelihoods])
    assert "draw_compared_curves" in drawn
    assert "−ELBO, nats" in drawn["draw_compared_measures"][0]
    assert "do not compare" not in capsys.readouterr().out


def test_the_accuracy_of_a_classifier_is_drawn_where_there_is_one(drawn, contexts, monkeypatch):
    measure = metrics.measure

    def measure_one_classifier(context):
        accuracy = {"accuracy": {"mean": 0.975, "standard_error": 0.001}}
        return measure(context) | (accuracy if context is contexts[1] else {})

    monkeypatch.setattr(metrics, "measure", measure_one_classifier)
    comparison.compare(contexts)
    measures, *_ = drawn["draw_compared_measures"]
    assert measures["accuracy, %"] == [None, (97.5, pytest.approx(0.1))]


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n"])
def test_a_history_that_cannot_be_read_is_one_line_that_names_it(drawn, contexts, content):
    path = contexts[1].run.history_path
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(runs.RunError) as error:
        comparison.compare(contexts)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_figures_are_really_drawn(contexts):
    paths = comparison.compare(contexts)
    assert len(paths) == 2 + 2 * 3
    assert all(path.stat().st_size > 0 for path in paths)
