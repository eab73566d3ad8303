"""A full disk and read-only folders, as enforced by the operating system."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import runs
from tests.saved_files import epochs_of_files

WORDS = ("--dataset", "digits", "--hidden_dim", "64", "--run_name", "full")


def test_if_a_file_cannot_grow_the_last_epoch_is_kept_and_resumed(tree, in_process, tmp_path):
    """The system limits the files of the process to half the size of a checkpoint."""
    run = runs.Run(tree / "trained_model" / "full")
    keras.utils.clear_session()  # variables are named as in a process of their own
    in_process("train", *WORDS, "--num_epochs", "1", root=tree)
    before = epochs_of_files(run)
    assert set(before.values()) == {1}
    size = run.checkpoint_path.stat().st_size // 2
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # set in this process where TensorFlow is
    result = subprocess.run(
        [sys.executable, "train.py", *WORDS, "--num_epochs", "2", "--resume"],
        cwd=tree,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert " cannot be written (File too large): earlier files are intact" in result.stderr
    assert "then type the same command with --resume" in result.stderr
    assert epochs_of_files(run) == before
    assert not (run.folder / ".writing").exists()

    keras.utils.clear_session()
    in_process("train", *WORDS, "--num_epochs", "2", "--resume", root=tree)
    assert set(epochs_of_files(run).values()) == {1, 2}  # previous.npz is of the first
    assert run.read_record()["status"] == "finished"
    shutil.rmtree(run.folder)


@pytest.mark.parametrize("script", ["train", "evaluate"])
def test_a_read_only_folder_is_reported_in_one_line(
    script, in_process, tmp_path, capsys, monkeypatch
):
    nowhere = Path("/sys/kernel")  # lets nobody write, root included
    if not nowhere.is_dir():
        pytest.skip("no folder of the system is known here that refuses root")
    if script == "evaluate":
        in_process("train", *WORDS, "--num_epochs", "1")
        (tmp_path / "result").symlink_to(nowhere)
    else:
        (tmp_path / "trained_model").symlink_to(nowhere)
    capsys.readouterr()
    words = ("--run_name", "full", "--curves") if script == "evaluate" else WORDS
    with pytest.raises(SystemExit) as stopped:
        in_process(script, *words)
    error = capsys.readouterr().err
    assert stopped.value.code == 1
    assert error.count("\n") == 1, error
    assert error.startswith(f"{script}.py: ")
    assert "Traceback" not in error
