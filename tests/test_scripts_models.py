"""Every model from end to end: trained by train.py, evaluated by evaluate.py."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import runs
from catalog.models import MODELS
from data import splits

SMALL = ("--dataset", "digits", "--num_epochs", "2", "--hidden_dim", "16", "--latent_dim", "2")
FEW = ("--num_points", "60", "--num_gen", "20")


@pytest.mark.parametrize("model", [name for name, row in MODELS.items() if not row.has_levels])
def test_every_model_is_trained_and_evaluated(model, in_process, tmp_path, capsys):
    in_process("train", *SMALL, "--model", model, "--run_name", model)
    in_process("evaluate", "--run_name", model, "--all", "1", *FEW)
    run = runs.Run(tmp_path / "trained_model" / model)
    printed = capsys.readouterr()
    is_variational = run.name != "autoencoder"
    history = runs.read_history(run.history_path)
    losses = {"loss", "reconstruction", *(["kl"] if is_variational else [])}
    assert losses <= history[0].keys()
    assert ("kl" in history[0]) == is_variational
    for name in losses:
        assert f"\n  {name} " in printed.out

    labeled = model == "classifier_vae"
    assert ({"accuracy", "val_accuracy", "classification"} <= history[0].keys()) == labeled

    folder = tmp_path / "result" / run.name
    figures = {path.stem for path in folder.glob("*.png")}
    assert {"curves", "generated", "latent_test", "manifold", "reconstruction"} <= figures
    assert ("kl_per_dimension" in figures) == is_variational
    metrics = json.loads((folder / "metrics.json").read_text())
    assert ("elbo" in metrics) == ("kl" in metrics) == is_variational
    assert ("ELBO" in printed.out) == is_variational
    # z is sampled again; with untrained weights the loss would be above 44 nats
    best = run.read_record()["best"]["val_loss"]
    assert metrics["reconstruction"]["mean"] < best + 3
    assert ("accuracy" in metrics) == labeled


def test_a_hierarchy_is_trained_and_evaluated_with_what_it_has(in_process, tmp_path, capsys):
    words = ("--model", "hierarchical_vae", "--latent_dim", "3,2", "--run_name", "levels")
    in_process("train", *SMALL, *words)
    in_process("evaluate", "--run_name", "levels", "--all", "1", "--report", "1", *FEW)
    printed = capsys.readouterr().out
    assert "model     hierarchical_vae, latent_dim 3,2, " in printed
    assert "\nleft out  --manifold draws a plane of one level of z, and this run has 2" in printed
    history = runs.read_history(tmp_path / "trained_model" / "levels" / "history.csv")
    for row in history:
        assert row["kl_1"] + row["kl_2"] == pytest.approx(row["kl"], rel=1e-5)
        assert row["val_kl_1"] + row["val_kl_2"] == pytest.approx(row["val_kl"], rel=1e-5)
    folder = tmp_path / "result" / "levels"
    figures = {path.stem for path in folder.glob("*.png")}
    assert {"curves", "generated", "latent_test", "traversal", "reconstruction"} <= figures
    assert not {"manifold", "kl_per_dimension"} & figures
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["latent_dim"] == len(metrics["posterior_mean_variance"]) == 5
    parts = [metrics[name]["mean"] for name in ("kl_1", "kl_2")]
    assert sum(parts) == pytest.approx(metrics["kl"]["mean"], rel=1e-5)
    assert (folder / "report.html").stat().st_size > 100_000
    with pytest.raises(SystemExit, match="2"):
        in_process("evaluate", "--run_name", "levels", "--manifold")
    error = capsys.readouterr().err
    assert error.startswith("evaluate.py: --manifold draws a plane of one level of z")
    assert error.count("\n") == 1


def test_the_plan_names_the_number_of_labels_and_the_accuracy_is_that_of_the_saved_model(
    in_process, tmp_path, capsys
):
    words = ("--model", "classifier_vae", "--num_labels", "50", "--run_name", "few")
    in_process("train", *SMALL, *words)
    assert "; 50 training images are labeled" in capsys.readouterr().out
    in_process("evaluate", "--run_name", "few", "--metrics", "1")
    model = keras.saving.load_model(tmp_path / "trained_model" / "few" / "best.keras")
    assert model.images_per_label == (1437 - 144) / 50
    test = splits.load_test("digits")
    predicted = np.argmax(model.classify(test.images / np.float32(255)), axis=1)
    found = json.loads((tmp_path / "result" / "few" / "metrics.json").read_text())["accuracy"]
    correct = np.mean(predicted == test.labels)
    assert found["mean"] == pytest.approx(correct)
    assert found["standard_error"] == pytest.approx(np.sqrt(correct * (1 - correct) / 359))
    assert f"{found['mean']:.4f} ± {found['standard_error']:.4f}" in capsys.readouterr().out
