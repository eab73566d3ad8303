"""Sweeps: which runs are trained, by which command, and what stops them.

A script of a few lines replaces train.py here; tests/test_sweep.py runs train.py itself.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import runs
from training import sweep

# Logs its arguments; waits or fails if a file of that name is in its folder.
STAND_IN = """
    import pathlib, signal, sys, time
    folder = pathlib.Path(__file__).parent
    member = [word for word in sys.argv if word.startswith("--latent_dim=")][-1]
    with (folder / "calls").open("a") as calls:
        print(*sys.argv[1:], file=calls)
    if (folder / f"{member} fails").exists():
        sys.exit(1)
    if (folder / f"{member} waits").exists():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        (folder / f"{member} is waiting").touch()
        time.sleep(60)
"""
ARGS = ["--sweep=latent_dim=2,4,8", "--beta", "3"]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "train.py").write_text(textwrap.dedent(STAND_IN))
    (tmp_path / "runs").mkdir()
    return tmp_path


def settings(latent_dim: int, num_epochs: int = 5) -> dict[str, Any]:
    return {"latent_dim": latent_dim, "num_epochs": num_epochs, "beta": 3.0}


EACH = [(f"--latent_dim={dim}", f"run_ld{dim}", settings(dim)) for dim in (2, 4, 8)]


def write_run(
    folder: Path, name: str, flags: dict[str, Any], status: str, done: int, checkpoint: bool = True
) -> None:
    run = runs.Run(folder / "runs" / name)
    run.folder.mkdir()
    record = {"format": 1, "status": status, "started": "1999", "flags": flags}
    best = {"epoch": done, "val_loss": 7.25} if done else None
    run.write_record({**record, "epochs_done": done, "best": best})
    run.best_path.touch()
    if checkpoint:
        run.checkpoint_path.touch()


def train_each(folder: Path, resume: bool = False, overwrite: bool = False) -> int:
    argv = [str(folder / "train.py"), *ARGS, *["--resume"] * resume, *["--overwrite"] * overwrite]
    return sweep.train_each(argv, EACH, folder / "runs", resume, overwrite)


def calls(folder: Path) -> list[str]:
    """Returns the words that the sweep added to its own, for each run trained."""
    lines = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    own = " ".join(ARGS)
    assert all(line.startswith(own) for line in lines)
    return [line.removeprefix(own).strip() for line in lines]


def test_each_run_is_trained_by_the_command_with_one_value_in_turn(folder):
    assert train_each(folder) == 0
    assert calls(folder) == ["--latent_dim=2", "--latent_dim=4", "--latent_dim=8"]


def test_a_finished_run_with_the_same_flags_is_skipped_whatever_its_name(folder, capsys):
    write_run(folder, "run_ld2", settings(2), "finished", 5)
    write_run(folder, "of another name", settings(8), "finished", 5)
    assert train_each(folder) == 0
    assert calls(folder) == ["--latent_dim=4"]
    output = capsys.readouterr().out
    assert "done      --latent_dim=2: run run_ld2\n" in output
    assert "done      --latent_dim=8: run of another name\n" in output
    assert "7.250  of another name" in output


def test_runs_with_other_flags_are_not_skipped(folder):
    write_run(folder, "other epochs", settings(2, num_epochs=4), "finished", 4)
    write_run(folder, "other beta", {**settings(4), "beta": 1.0}, "finished", 5)
    assert train_each(folder) == 0
    assert len(calls(folder)) == 3


@pytest.mark.parametrize("status", ["training", "diverged"])
def test_an_unfinished_run_is_reported_before_anything_is_trained(folder, status):
    write_run(folder, "run_ld8", settings(8), status, 1)
    with pytest.raises(
        runs.RunError, match=r"run_ld8 already holds a run .* type --resume"
    ) as told:
        train_each(folder)
    assert "\n" not in str(told.value)
    assert calls(folder) == []


def test_a_folder_that_is_not_a_run_is_reported(folder):
    (folder / "runs" / "run_ld4").mkdir()
    (folder / "runs" / "run_ld4" / "photos").touch()
    for how in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(runs.RunError, match=r"no run\.json"):
            train_each(folder, **how)
    assert calls(folder) == []


def test_with_resume_stopped_runs_are_resumed_and_missing_ones_started(folder):
    write_run(folder, "run_ld2", settings(2), "finished", 5)
    write_run(folder, "stopped", settings(4), "training", 3)
    write_run(folder, "finished with fewer epochs", settings(8, num_epochs=3), "finished", 3)
    assert train_each(folder, resume=True) == 0
    assert calls(folder) == [
        "--resume --latent_dim=4 --run_name=stopped",
        "--resume --latent_dim=8 --resume=0",
    ]


def test_with_resume_a_run_killed_before_its_first_checkpoint_starts_again(folder):
    for dim in (2, 4):
        write_run(folder, f"run_ld{dim}", settings(dim), "training", 0, checkpoint=dim == 4)
    assert train_each(folder, resume=True) == 0
    assert calls(folder) == [
        "--resume --latent_dim=2 --resume=0 --overwrite",
        "--resume --latent_dim=4 --run_name=run_ld4",
        "--resume --latent_dim=8 --resume=0",
    ]


def test_with_resume_a_run_of_other_flags_is_not_overwritten(folder):
    write_run(folder, "run_ld2", {**settings(2), "beta": 1.0}, "training", 0, checkpoint=False)
    with pytest.raises(runs.RunError, match="run_ld2 already holds a run"):
        train_each(folder, resume=True)
    assert calls(folder) == []


def test_overwrite_trains_all_runs_again(folder):
    write_run(folder, "run_ld2", settings(2), "finished", 5)
    assert train_each(folder, overwrite=True) == 0
    assert calls(folder) == [f"--overwrite --latent_dim={dim}" for dim in (2, 4, 8)]


def test_a_run_that_fails_ends_the_sweep_with_its_status(folder):
    (folder / "--latent_dim=4 fails").touch()
    assert train_each(folder) == 1
    assert calls(folder) == ["--latent_dim=2", "--latent_dim=4"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_the_run_and_the_sweep_which_prints_how_to_continue(
    folder, number, status, overwrite
):
    (folder / "--latent_dim=4 waits").touch()
    argv = [str(folder / "train.py"), *ARGS, *["--overwrite"] * overwrite]
    code = (
        "import json, pathlib, sys\n"
        "from training import sweep\n"
        "argv, each, root, overwrite = json.loads(sys.argv[1])\n"
        "sys.exit(sweep.train_each(argv, each, pathlib.Path(root), False, overwrite))\n"
    )
    given = json.dumps([argv, EACH, str(folder / "runs"), overwrite])
    process = subprocess.Popen(
        [sys.executable, "-c", code, given],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "--latent_dim=4 is waiting").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)  # to the sweep alone; Ctrl-C in a terminal reaches both
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (status, "")
    assert len(calls(folder)) == 2, "the third is not begun"
    again = shlex.split(output.partition("Continue the sweep with: ")[2])
    assert again == ["python", *argv, *["--overwrite=0"] * overwrite, "--resume"]
