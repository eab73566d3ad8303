"""Every likelihood from end to end: trained and measured."""

from __future__ import annotations

import json

import pytest

import options
import runs

SMALL = ("--dataset", "digits", "--hidden_dim", "16", "--latent_dim", "2", "--batch_size", "200")


@pytest.mark.parametrize("likelihood", options.LIKELIHOODS)
def test_a_run_of_every_likelihood_is_trained_and_measured(
    likelihood, in_process, tmp_path, capsys
):
    chosen = ("--likelihood", likelihood, "--run_name", likelihood)
    in_process("train", *SMALL, *chosen, "--num_epochs", "2")
    in_process("evaluate", "--run_name", likelihood, "--metrics", "1")
    printed = capsys.readouterr().out
    assert f"\np(x|z)    {likelihood}: {options.LIKELIHOODS[likelihood].nats}" in printed

    history = runs.read_history(tmp_path / "trained_model" / likelihood / "history.csv")
    assert history[1]["val_loss"] < history[0]["val_loss"]
    metrics = json.loads((tmp_path / "result" / likelihood / "metrics.json").read_text())
    assert metrics["likelihood"] == likelihood
    # of other images, and z is drawn anew
    found = metrics["reconstruction"]["mean"] + metrics["kl"]["mean"]
    assert found == pytest.approx(history[1]["val_loss"], abs=3)
