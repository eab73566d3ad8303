"""Training and evaluation at the extremes of image sizes, latent dimensions and flags."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import data
import runs
from data.sources import digits
from tests.test_scripts import FIGURES


@pytest.fixture
def shown(monkeypatch):
    """Replaces the digits by a number of images that a function makes of them."""

    def show(make, shape, num_train=1437, num_validation=144, num_test=360) -> None:
        load, original = digits.load, data.DATASETS["digits"]
        counts = {"train": num_train, "test": num_test}

        def load_other(info, split, data_dir=None, positions=None):
            images, labels = load(original, split)
            if len(labels) > counts[split]:  # by class in turn
                order = np.argsort(labels, kind="stable").reshape(-1)
                turns = np.concatenate([np.arange(count) for count in np.bincount(labels)])
                chosen = order[np.argsort(turns, kind="stable")][: counts[split]]
                images, labels = images[chosen], labels[chosen]
            images = make(images)
            assert images.shape == (counts[split], *shape)
            positions = np.arange(len(labels)) if positions is None else positions
            return images[positions], labels[positions]

        monkeypatch.setattr(digits, "load", load_other)
        known = dataclasses.replace(
            data.DATASETS["digits"],
            image_shape=shape,
            num_train=num_train,
            num_validation=num_validation,
            num_test=num_test,
        )
        monkeypatch.setitem(data.DATASETS, "digits", known)

    return show


@pytest.fixture
def train_and_draw(in_process, tmp_path, capsys):
    """Trains a run for one epoch and evaluates it; returns its history and metrics."""

    def run(words: str, draw: str) -> tuple[dict, dict]:
        small = ("--hidden_dim", "4", "--num_epochs", "1")
        in_process("train", "--dataset", "digits", "--run_name", "run", *small, *words.split())
        few = ("--num_points", "10", "--num_gen", "10", *draw.split())
        in_process("evaluate", "--run_name", "run", "--metrics", *few)
        assert capsys.readouterr().err == ""
        (row,) = runs.read_history(tmp_path / "trained_model" / "run" / "history.csv")
        metrics = json.loads((tmp_path / "result" / "run" / "metrics.json").read_text())
        numbers = [*row.values(), metrics["elbo"]["mean"], metrics["elbo"]["standard_error"]]
        assert np.isfinite(numbers).all()
        return row, metrics

    return run


def test_black_images_in_one_batch_with_one_latent_dimension_and_beta_0(
    shown, train_and_draw, tmp_path
):
    shown(np.zeros_like, (8, 8, 1))
    row, metrics = train_and_draw("--latent_dim 1 --beta 0 --batch_size 5000", "--all")
    assert row["loss"] == pytest.approx(row["reconstruction"], rel=1e-6)
    assert row["val_loss"] == pytest.approx(row["val_reconstruction"], rel=1e-6)
    assert row["kl"] == 0  # of the only batch: biases start at 0
    assert metrics["latent_dim"] == 1
    figures = {path.stem for path in (tmp_path / "result" / "run").glob("*.png")}
    # Histograms show one class each already.
    assert figures == {name for name in FIGURES if not name.endswith("_classes")}
    # of identical images
    assert metrics["kl"]["standard_error"] == pytest.approx(0, abs=1e-9)
    assert metrics["active_units"] == 0


def test_images_of_one_pixel_with_a_thousand_latent_dimensions(shown, train_and_draw):
    shown(lambda images: images[:, 4:5, 4:5], (1, 1, 1), num_train=20, num_validation=10)
    words = "--model classifier_vae --num_labels 10 --latent_dim 1000"
    _, metrics = train_and_draw(words, "--generate")
    assert len(metrics["kl_per_dimension"]) == metrics["latent_dim"] == 1000
    assert sum(metrics["kl_per_dimension"]) == pytest.approx(metrics["kl"]["mean"], rel=1e-4)


def test_large_images_that_are_not_square(shown, train_and_draw):
    def enlarge(images):
        return np.repeat(np.repeat(images, 33, axis=1), 17, axis=2)[:, :257, :129]

    shown(enlarge, (257, 129, 1), num_train=60, num_validation=20, num_test=40)
    _, metrics = train_and_draw("--latent_dim 2", "--reconstruct --num_gen 2")
    assert metrics["num_images"] == 40
    # a fair coin for each pixel costs log 2 nats
    assert metrics["reconstruction"]["mean"] < 257 * 129 * np.log(2) * 1.5
