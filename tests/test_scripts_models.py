"""Every model from end to end: trained by train.py, evaluated by evaluate.py."""

from __future__ import annotations

import json

import pytest

import options
import runs

SMALL = ("--dataset", "digits", "--num_epochs", "2", "--hidden_dim", "16", "--latent_dim", "2")
FEW = ("--num_points", "60", "--num_gen", "20")


@pytest.mark.parametrize("model", options.MODELS)
def test_a_model_of_every_kind_is_trained_evaluated_and_measured(
    model, in_process, tmp_path, capsys
):
    in_process("train", *SMALL, "--model", model, "--run_name", model)
    in_process("evaluate", "--run_name", model, "--all", "1", *FEW)
    run = runs.Run(tmp_path / "trained_model" / model)
    printed = capsys.readouterr()
    variational = run.name != "autoencoder"
    history = runs.read_history(run.history_path)
    losses = {"loss", "reconstruction", *(["kl"] if variational else [])}
    assert losses <= history[0].keys()
    assert ("kl" in history[0]) == variational
    for name in losses:
        assert f"\n  {name} " in printed.out

    folder = tmp_path / "result" / run.name
    figures = {path.stem for path in folder.glob("*.png")}
    assert {"curves", "generated", "latent_test", "manifold", "reconstruction"} <= figures
    assert ("kl_per_dimension" in figures) == variational
    metrics = json.loads((folder / "metrics.json").read_text())
    assert ("elbo" in metrics) == ("kl" in metrics) == variational
    assert ("ELBO" in printed.out) == variational
    # the epoch's z is another one; of untrained weights the loss would be 44 nats and more
    best = run.read_record()["best"]["val_loss"]
    assert metrics["reconstruction"]["mean"] < best + 3
