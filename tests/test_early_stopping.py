"""--patience: a run that ended early is finished, and is not trained on."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import cli
import runs

# Steps too small to learn anything: the validation loss changes by the noise of z only.
FLAGS = (
    *("--dataset", "digits", "--hidden_dim", "8", "--num_epochs", "40", "--patience", "1"),
    *("--learning_rate", "1e-12", "--tensorboard", "0"),
)


def test_a_run_that_ended_early_is_finished(in_process, tmp_path, capsys):
    words = (*FLAGS, "--run_name", "one")
    keras.utils.clear_session()  # variables are named as in a new process
    in_process("train", *words)
    run = runs.Run(tmp_path / "trained_model" / "one")
    record = run.read_record()
    rows = runs.read_history(run.history_path)
    losses = [row["val_loss"] for row in rows]
    assert losses[-1] >= min(losses[:-1])
    assert np.all(np.diff(losses[:-1]) < 0)
    assert (record["status"], record["epochs_done"]) == ("finished", len(rows))
    assert 1 < len(rows) < 40
    assert "ended early: no lower validation loss in 1 epoch\n" in capsys.readouterr().out
    settings = cli.settings(cli.parse_train(["train.py", *words]))
    found = runs.find_finished(tmp_path / "trained_model", {**settings, "stream": False})
    assert found is not None
    assert found.name == "one"
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *words, "--resume", "--num_epochs", "50")
    assert stopped.value.code == 1
    assert "it ended early by --patience 1: train a new run" in capsys.readouterr().err

    # Killed after its last epoch, before run.json said so.
    checkpoint = run.checkpoint_path.read_bytes()
    run.write_record({**record, "status": "training"})
    keras.utils.clear_session()
    in_process("train", *words, "--resume")
    assert run.read_record()["status"] == "finished"
    assert run.read_record()["epochs_done"] == len(rows)
    assert run.checkpoint_path.read_bytes() == checkpoint
