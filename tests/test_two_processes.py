"""Two trainings of one run: the second stops at once."""

from __future__ import annotations

import os

import pytest

import cli
import runs

WORDS = ("--dataset", "digits", "--run_name", "held")


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("--resume",)], ids=" ".join)
def test_the_second_training_of_a_run_stops_at_once_with_one_line(tree, run_script, more):
    run = runs.Run(tree / "trained_model" / "held")
    flags = cli.settings(cli.parse_train(["train.py", *WORDS]))
    run.start({"status": "training", "started": "2026", "flags": flags, "data_dir": None})
    run.checkpoint_path.touch()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with runs.locked(run):
        result = run_script("train.py", *WORDS, *more)  # TensorFlow cannot be imported there
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    expected = f"train.py: {run.folder} is being trained by process {os.getpid()} on "
    assert result.stderr.startswith(expected)
    assert f"kill {os.getpid()}" in result.stderr
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
