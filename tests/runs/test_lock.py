"""One process on a run at a time."""

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
    """Another process that holds the run until its input ends."""
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
def test_the_second_process_is_told_who_holds_the_run_and_what_to_type(run, holder, try_to):
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
    assert (run.folder / ".lock").exists(), "this was to leave the file behind"
    runs.check_unlocked(run)
    take(run)
    assert not (run.folder / ".lock").exists()


def test_the_lock_ends_with_the_work_and_leaves_nothing(run, holder):
    assert holder.stdin
    holder.stdin.close()
    assert holder.wait() == 0
    assert list(run.folder.iterdir()) == [run.record_path]
    take(run)


def test_while_it_is_held_the_file_says_by_whom(run):
    with runs.locked(run):
        held = json.loads((run.folder / ".lock").read_text())
        assert (held["pid"], held["host"]) == (os.getpid(), socket.gethostname())
        with pytest.raises(runs.RunError, match=f"process {os.getpid()} on"):
            take(run)  # a lock is of one opened file, so within a process as well
    take(run)


def test_a_lock_survives_an_error_within_no_longer_than_the_error(run):
    def fail() -> None:
        with runs.locked(run):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    take(run)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "host": "h"}'])
def test_a_holder_that_has_not_written_its_name_yet_is_another_process(run, content):
    with runs.locked(run):
        (run.folder / ".lock").write_text(content)
        with pytest.raises(runs.RunError, match="trained by another process: wait"):
            take(run)


def test_a_link_in_the_place_of_the_lock_is_not_followed(run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run.folder / ".lock").symlink_to(precious)
    with pytest.raises(OSError, match=r"\.lock"):
        take(run)
    assert precious.read_text() == "mine"


def test_a_folder_made_for_the_lock_goes_again_where_nothing_was_written(tmp_path):
    run = runs.Run(tmp_path / "new")
    with runs.locked(run):
        assert run.folder.is_dir()
        run.check_startable(overwrite=False)  # the lock is no file of another program
    assert list(tmp_path.iterdir()) == []
    with runs.locked(run):
        run.start({"status": "training", "started": "now", "flags": {}})
    assert list(run.folder.iterdir()) == [run.record_path]


def test_a_file_system_without_locks_is_said(run, monkeypatch, capsys):
    def flock(handle, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    take(run)
    assert "has no locks (No locks available): take care" in capsys.readouterr().out
