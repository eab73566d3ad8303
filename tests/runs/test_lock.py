"""Locks: one process at a time trains a run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runs

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path

import runs

with runs.locked(runs.Run(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    run = runs.Run(tmp_path / "a run")
    run.start({"status": "training", "started": "now", "flags": {}})
    return run


@pytest.fixture
def holder(run) -> Iterator[subprocess.Popen[str]]:
    """Another process that locks the run until its input ends."""
    command = [sys.executable, "-c", HOLD, str(run.folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(run: runs.Run) -> None:
    with runs.locked(run):
        pass


@pytest.mark.parametrize("try_to", [take, runs.check_unlocked])
def test_the_error_names_the_process_that_holds_the_run_and_what_to_type(run, holder, try_to):
    with pytest.raises(runs.RunError) as error:
        try_to(run)
    message = str(error.value)
    assert message.startswith(f"{run.folder} is being trained by process {holder.pid} on ")
    for part in (socket.gethostname(), f"kill {holder.pid}", "--run_name NAME"):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_does_not_block(run, holder, number):
    holder.send_signal(number)
    holder.wait()
    assert (run.folder / ".lock").exists(), "the file is expected to be left"
    runs.check_unlocked(run)
    take(run)
    assert not (run.folder / ".lock").exists()


def test_the_lock_ends_with_its_process_and_leaves_no_file(run, holder):
    assert holder.stdin
    holder.stdin.close()
    assert holder.wait() == 0
    assert list(run.folder.iterdir()) == [run.record_path]
    take(run)


def test_the_lock_file_names_its_holder(run):
    with runs.locked(run):
        held = json.loads((run.folder / ".lock").read_text())
        assert (held["pid"], held["host"]) == (os.getpid(), socket.gethostname())
        with pytest.raises(runs.RunError, match=f"process {os.getpid()} on"):
            take(run)  # a lock belongs to one opened file, even within a process
    take(run)


def test_an_error_releases_the_lock(run):
    def fail() -> None:
        with runs.locked(run):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    take(run)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "host": "h"}'])
def test_a_holder_that_has_not_written_its_name_yet_is_called_another_process(run, content):
    with runs.locked(run):
        (run.folder / ".lock").write_text(content)
        with pytest.raises(runs.RunError, match="trained by another process: wait until"):
            take(run)


def test_a_link_instead_of_the_lock_file_is_refused(run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run.folder / ".lock").symlink_to(precious)
    for try_to in (take, runs.check_unlocked):
        with pytest.raises(runs.RunError, match=r"\.lock is not a regular file: remove it"):
            try_to(run)
    assert precious.read_text() == "mine"


def test_a_folder_created_for_the_lock_is_removed_if_nothing_was_written(tmp_path):
    run = runs.Run(tmp_path / "new")
    with runs.locked(run):
        assert run.folder.is_dir()
        run.check_startable(overwrite=False)  # the lock is not a foreign file
    assert list(tmp_path.iterdir()) == []
    with runs.locked(run):
        run.start({"status": "training", "started": "now", "flags": {}})
    assert list(run.folder.iterdir()) == [run.record_path]


def test_a_file_system_without_locks_is_reported(run, monkeypatch, capsys):
    def flock(handle, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    take(run)
    assert "has no locks (No locks available): make sure" in capsys.readouterr().out
