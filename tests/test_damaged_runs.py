"""What the scripts say of a run whose files are damaged, without importing TensorFlow."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import cli
import runs

WORDS = ("--dataset", "digits", "--run_name", "damaged")


@pytest.fixture
def run(tree) -> runs.Run:
    """A run of two checkpoints, made of bytes that are no models."""
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
    offer = "type --resume --resume_from previous to go on from the checkpoint before it"
    check_fails(result, f"{run.checkpoint_path} is cut off, with 3 of its 7 bytes: {offer}")
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before

    # The one offered is taken, in the place of the damaged one, before TensorFlow is missed.
    result = run_script("train.py", *WORDS, "--resume", "--resume_from", "previous")
    assert "tensorflow was imported" in result.stderr
    assert run.checkpoint_path.read_text() == "epoch 1"


@pytest.mark.parametrize(("name", "other"), [("best", "last"), ("last", "best")])
def test_a_damaged_model_is_named_and_the_other_offered(run, run_script, name, other):
    path: Path = run.folder / runs.CHECKPOINTS[name]
    path.write_text("epoch 3")
    result = run_script("evaluate.py", "--generate", "--run_name", run.name, "--checkpoint", name)
    offer = f"type --checkpoint {other} for the model of epoch 2, which is whole"
    check_fails(result, f"{path} is not as it was written", offer)


def test_a_damaged_history_is_named(run, run_script):
    run.history_path.write_text("epoch")
    result = run_script("evaluate.py", "--curves", "--run_name", run.name)
    check_fails(result, f"{run.history_path} is cut off, with 5 of its 7 bytes", "--resume")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--resume_from previous", "--resume_from previous needs --resume beside it"),
        ("--resume --resume_from first", "expected last or previous"),
        ("--resume --resume_from previous --latent_dim 2,4", "--resume_from is for one"),
    ],
)
def test_a_checkpoint_to_go_on_from_is_named_beside_resume(words, part):
    with pytest.raises(cli.UsageError) as error:
        cli.parse_train(["train.py", *shlex.split(words)])
    assert part in str(error.value)
