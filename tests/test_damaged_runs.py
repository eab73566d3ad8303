"""The scripts' messages about damaged runs, which do not import TensorFlow."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

import cli
import runs

WORDS = ("--dataset", "digits", "--latent_dim", "7", "--run_name", "damaged")


@pytest.fixture
def run(tree) -> runs.Run:
    """A run with two checkpoints, whose models are arbitrary bytes."""
    run = runs.Run(tree / "trained_model" / "damaged")
    flags = cli.settings(cli.parse_train(["train.py", *WORDS])) | {"stream": "0"}
    run.start({"status": "training", "started": "2026", "flags": flags, "data_dir": None})
    for epoch in (1, 2):
        text = f"epoch {epoch}"
        names = ("checkpoint.npz", "history.csv", "model.keras", "best.keras")
        writers = {name: lambda path, text=text: path.write_text(text) for name in names}
        runs.commit(run, writers, epoch)
    return run


def check_fails(result, *parts: str) -> None:
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_offered(run, run_script):
    run.checkpoint_path.write_text("epo")
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    result = run_script("train.py", *WORDS, "--resume")
    offer = "type --resume --resume_from previous to continue from the checkpoint before it"
    check_fails(result, f"{run.checkpoint_path} is truncated to 3 of its 7 bytes: {offer}")
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before

    # The offered one replaces the damaged one before TensorFlow is imported.
    result = run_script("train.py", *WORDS, "--resume", "--resume_from", "previous")
    assert "was imported" in result.stderr  # TensorFlow or Keras
    assert run.checkpoint_path.read_text() == "epoch 1"


@pytest.mark.parametrize(("name", "other"), [("best", "last"), ("last", "best")])
def test_a_damaged_model_is_named_and_the_other_offered(run, run_script, name, other):
    path: Path = run.folder / runs.CHECKPOINTS[name]
    path.write_text("epoch 3")
    result = run_script("evaluate.py", "--generate", "--run_name", run.name, "--checkpoint", name)
    offer = f"type --checkpoint {other} for the model of epoch 2, which is intact"
    check_fails(result, f"{path} was modified", offer)


def test_a_damaged_history_is_named(run, run_script):
    run.history_path.write_text("epoch")
    result = run_script("evaluate.py", "--curves", "--run_name", run.name)
    check_fails(result, f"{run.history_path} is truncated to 5 of its 7 bytes", "--resume")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--resume_from previous", "--resume_from previous needs --resume: type both"),
        ("--resume --resume_from first", "expected last or previous"),
        ("--resume --resume_from previous --sweep latent_dim=2,4", "--resume_from is for one"),
    ],
)
def test_resume_from_needs_resume(words, part):
    with pytest.raises(cli.UsageError) as error:
        cli.parse_train(["train.py", *shlex.split(words)])
    assert part in str(error.value)


def test_the_advice_about_a_damaged_record_works(run, run_script):
    """The advised commands do not lead from one error to another."""
    run.record_path.write_text("{")
    for words in ([], ["--resume"]):
        result = run_script("train.py", *WORDS, *words)
        check_fails(result, "run.json cannot be read", "train the run again with --overwrite")
    result = run_script("train.py", *WORDS, "--overwrite")
    assert "was imported" in result.stderr  # TensorFlow or Keras


@pytest.mark.parametrize("words", [["--resume"], ["--overwrite"]])
def test_logs_that_cannot_be_written_are_reported(run, run_script, words):
    run.logs_dir.touch()
    check_fails(run_script("train.py", *WORDS, *words), f"{run.logs_dir} is a file, not a folder")


@pytest.mark.parametrize("name", ["run.json", "history.csv", "best.keras", "checkpoint.npz"])
def test_a_pipe_does_not_block_the_scripts(run, run_script, name):
    (run.folder / name).unlink()
    os.mkfifo(run.folder / name)
    for script, words in (
        ("train.py", [*WORDS, "--resume"]),
        ("evaluate.py", ["--curves", "--run_name", run.name]),
        ("evaluate.py", ["--curves", "--latent_dim", "7"]),  # of no other test's run
    ):
        result = run_script(script, *words)
        assert result.returncode == 1
        assert "not a regular file" in result.stderr or name in (
            "best.keras",
            "checkpoint.npz",
            "history.csv",
        )
    run.record_path.unlink()
