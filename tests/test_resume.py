"""Trainings that are stopped and resumed: they end as if never stopped."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import cli
import runs
from training.checkpointer import Checkpointer
from training.signals import Stopped

FLAGS = (
    *("--dataset", "digits", "--binarize", "dynamic", "--dropout", "0.1"),
    *("--hidden_dim", "16", "--latent_dim", "3", "--batch_size", "10"),
    # β rises twice in 240 steps, within the second epoch of 130.
    *("--beta_schedule", "cyclical", "--beta_steps", "60", "--beta_cycles", "2"),
    *("--free_bits", "0.1", "--l2", "0.001", "--corruption", "0.3"),
    *("--ema", "0.95", "--clip_norm", "10", "--patience", "3"),
)
STEPS = 130  # per epoch: 1,293 images in batches of 10, the last with 3
TIMES = ("seconds", "images_per_second")


def start(tree: Path, folder: Path, *args: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # set in this process where TensorFlow is
    return subprocess.Popen(
        [sys.executable, str(tree / "train.py"), *args],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def arrays_of(run: runs.Run) -> dict[str, np.ndarray]:
    """Returns the arrays of a checkpoint, without the progress."""
    with np.load(run.checkpoint_path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name != "json"}


def progress_of(run: runs.Run) -> dict:
    with np.load(run.checkpoint_path, allow_pickle=False) as file:
        return json.loads(file["json"].tobytes())


def check_same_result(found: runs.Run, expected: runs.Run) -> None:
    """Checks that two runs ended with the same bits and the same history."""
    ours, theirs = arrays_of(found), arrays_of(expected)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    rows, others = (runs.read_history(run.history_path) for run in (found, expected))
    for row in (*rows, *others):
        for name in TIMES:
            del row[name]
    assert rows == others


@pytest.fixture(scope="module")
def uninterrupted(tree, tmp_path_factory) -> runs.Run:
    """A run of three epochs that was never stopped."""
    words = (*FLAGS, "--num_epochs", "3", "--run_name", "uninterrupted")
    process = start(tree, tmp_path_factory.mktemp("uninterrupted"), *words)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, ""), output
    return runs.Run(tree / "trained_model" / "uninterrupted")


def test_a_run_stopped_within_an_epoch_ends_as_if_it_had_not_been(uninterrupted, tree, tmp_path):
    run = runs.Run(tree / "trained_model" / "stopped once")
    words = (*FLAGS, "--num_epochs", "3", "--run_name", run.name)
    often = ("--steps_per_execution", "1", "--checkpoint_minutes", "0")
    process = start(tree, tmp_path, *words, *often)
    deadline = time.monotonic() + 120
    while not run.checkpoint_path.exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (143, "")
    assert "SIGTERM" in output
    assert 0 < progress_of(run)["position"] < STEPS, (
        "this should have stopped within the first epoch"
    )
    assert run.read_record()["status"] == "training"

    python, script, *again = shlex.split(output.partition("Resume with: ")[2])
    assert (python, Path(script)) == ("python", tree / "train.py")
    assert again == [*words, *often, "--resume"]
    process = start(tree, tmp_path, *again)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert progress_of(run)["position"] == 3 * STEPS
    assert run.read_record()["status"] == "finished"
    check_same_result(run, uninterrupted)
    assert errors == ""


def test_a_finished_run_is_extended_in_its_folder(uninterrupted, in_process, tmp_path, capsys):
    keras.utils.clear_session()  # variables are named as in a new process
    in_process("train", *FLAGS, "--num_epochs", "2")
    (folder,) = (tmp_path / "trained_model").iterdir()
    run = runs.Run(folder)
    started = run.read_record()["started"]
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *FLAGS, "--num_epochs", "2", "--resume")
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (1, 1)
    assert "has finished its 2 epochs: type --run_name" in error

    keras.utils.clear_session()
    in_process("train", *FLAGS, "--num_epochs", "3", "--resume", "--run_name", run.name)
    assert list((tmp_path / "trained_model").iterdir()) == [folder]
    record = run.read_record()
    assert (record["status"], record["epochs_done"], record["started"]) == ("finished", 3, started)
    assert record["flags"]["num_epochs"] == 3
    (extension,) = record["extensions"]
    assert extension["num_epochs"] == 3
    assert "--num_epochs 3 --resume" in extension["command"]
    check_same_result(run, uninterrupted)


@pytest.mark.parametrize(
    "model",
    [
        (),
        (
            *("--model", "hierarchical_vae", "--latent_dim", "4,2"),
            *("--prior", "exemplar", "--num_components", "50"),
        ),
    ],
    ids=["vae", "hierarchy"],
)
def test_a_resumed_run_with_schedules_continues_at_its_step(
    in_process, tmp_path, capsys, monkeypatch, model
):
    words = (
        *model,
        *("--dataset", "digits", "--hidden_dim", "16", "--num_epochs", "2"),
        *("--learning_rate_schedule", "cosine", "--beta_schedule", "linear"),
        *("--beta_start", "0.1", "--beta_steps", "20", "--steps_per_execution", "4"),
    )
    keras.utils.clear_session()
    in_process("train", *words, "--run_name", "uninterrupted")

    stop_after = Checkpointer.on_train_batch_end

    def stop_in_the_second_epoch(self, batch, logs=None):
        self.signals.received = signal.SIGTERM if self.loop.position > 13 else 0
        stop_after(self, batch, logs)

    keras.utils.clear_session()
    with monkeypatch.context() as patch:
        patch.setattr(Checkpointer, "on_train_batch_end", stop_in_the_second_epoch)
        with pytest.raises(SystemExit) as stopped:
            in_process("train", *words, "--run_name", "stopped")
    assert stopped.value.code == 143
    run = runs.Run(tmp_path / "trained_model" / "stopped")
    assert progress_of(run)["position"] == 13 + 4

    with pytest.raises(SystemExit):
        in_process("train", *words, "--run_name", "stopped", "--resume", "--num_epochs", "3")
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--learning_rate_schedule cosine, which ends after 2 epochs" in error

    keras.utils.clear_session()
    in_process("train", *words, "--run_name", "stopped", "--resume")
    check_same_result(run, runs.Run(tmp_path / "trained_model" / "uninterrupted"))


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["--resume"], 1, "no run in"),
        (["--resume", "--run_name", "missing"], 1, "there is no run in"),
        (["--resume", "--overwrite"], 2, "--resume and --overwrite contradict each other"),
    ],
)
def test_what_cannot_be_resumed_is_refused_in_one_line_without_tensorflow(
    run_script, words, status, part
):
    result = run_script("train.py", "--dataset", "digits", "--beta", "7", *words)
    assert (result.returncode, result.stderr.count("\n")) == (status, 1), result.stderr
    assert part in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--beta", "2"],
        ["--run_name", "to resume"],
        ["--run_name", "overwrite"],
        ["--overwrite"],
        ["--overwrite", "1"],
        ["--overwrite=true"],
        ["--flagfile={folder}/again.flags"],
    ],
)
def test_the_command_to_resume_has_the_settings_of_the_first(
    words, in_process, tmp_path, monkeypatch, capsys
):
    def fit(*args, **kwargs):
        raise Stopped(signal.SIGINT)

    (tmp_path / "again.flags").write_text("--overwrite\n--beta 3\n")
    words = ["--dataset", "digits", *(word.format(folder=tmp_path) for word in words)]
    monkeypatch.setattr("training.fit.fit", fit)
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *words)
    assert stopped.value.code == 130
    _, *again = shlex.split(capsys.readouterr().out.partition("Resume with: ")[2])
    first, resumed = (cli.parse_train(argv) for argv in (["train.py", *words], again))
    assert resumed.resume
    assert not resumed.overwrite
    assert cli.settings(resumed) == cli.settings(first)
    assert resumed.run_name == first.run_name
