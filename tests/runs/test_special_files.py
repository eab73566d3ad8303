"""Pipes, devices, folders and sockets instead of a run's files: refused at once."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import runs

RECORD = {"status": "training", "started": "now", "flags": {"num_epochs": 9}}
NAMES = ("checkpoint.npz", "history.csv", "model.keras", "best.keras")


def make_socket(path: Path) -> None:
    # The path of a socket is at most 107 bytes long, so it is created from its folder.
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def make_link_to_pipe(path: Path) -> None:
    os.mkfifo(f"{path}.pipe")
    path.symlink_to(f"{path}.pipe")


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to a pipe": make_link_to_pipe,
    "folder": Path.mkdir,
    "socket": make_socket,
    "huge": make_huge,
}


@pytest.fixture(params=MAKERS)
def make(request) -> Callable[[Path], None]:
    return MAKERS[request.param]


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Fails a test that waits for a file."""

    def fail(number, frame):
        raise AssertionError("this waits for ever")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    run = runs.Run(tmp_path / "a run")
    run.start(RECORD)
    for epoch in (1, 2):
        writers = {name: lambda path, epoch=epoch: path.write_text(f"{epoch}") for name in NAMES}
        runs.commit(run, writers, epoch)
    return run


def check_refused(act: Callable[[], object], path: Path) -> None:
    with pytest.raises(runs.RunError) as error:
        act()
    message = str(error.value)
    assert message.startswith(f"{path} "), message
    assert "not a regular file" in message or "accepted" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", [*NAMES, "previous.npz"])
@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_file_of_a_run_is_refused(run, name, make, has_checksums):
    path = run.folder / name
    path.unlink()
    make(path)
    record = run.read_record()
    if not has_checksums:  # as in old versions
        del record["files"]
        run.write_record(record)

    def read() -> None:
        with runs.open_file(run, name):
            pass

    check_refused(read, path)


def test_a_record_is_refused_and_does_not_stop_the_search(run, make):
    run.record_path.unlink()
    make(run.record_path)
    check_refused(run.read_record, run.record_path)
    check_refused(lambda: run.check_startable(overwrite=False), run.record_path)
    with pytest.raises(runs.RunError, match="train one with python train"):
        runs.find_run(run.folder.parent, {})
    other = runs.Run(run.folder.parent / "other")
    other.start(RECORD)
    other.best_path.touch()
    assert runs.find_run(run.folder.parent, {}).name == "other"
    assert runs.find_resumable(run.folder.parent, {"num_epochs": 9}, None).name == "other"


def test_a_lock_is_refused(run, make):
    make(run.folder / ".lock")
    if (run.folder / ".lock").is_file():
        return  # a lock file may have any size

    def take() -> None:
        with runs.locked(run):
            pass

    check_refused(take, run.folder / ".lock")
    check_refused(lambda: runs.check_unlocked(run), run.folder / ".lock")


def test_a_history_is_refused(tmp_path, make):
    make(tmp_path / "history.csv")
    with pytest.raises(OSError, match=r"not a regular file|accepted"):
        runs.read_history(tmp_path / "history.csv")


@pytest.mark.parametrize("name", ["history.csv", "model.keras", "best.keras", "previous.npz"])
def test_a_run_is_resumed_despite_special_files_that_are_replaced(run, name, make):
    if make is Path.mkdir:
        return  # folders are not removed automatically
    (run.folder / name).unlink()
    make(run.folder / name)
    runs.settle(run)
    runs.commit(run, {each: lambda path: path.write_text("3") for each in NAMES}, 3)
    with runs.open_file(run, name) as opened:
        assert opened.epoch == (2 if name == "previous.npz" else 3)


def test_a_regular_file_is_opened_also_through_a_link(tmp_path):
    path = tmp_path / "file"
    path.write_text("text")
    (tmp_path / "link").symlink_to(path)
    for name in ("file", "link"):
        with runs.open_regular(tmp_path / name, 4) as file:
            assert file.read() == b"text"
    with pytest.raises(OSError, match="4 bytes, more than the 3 accepted"):
        runs.open_regular(path, 3)
    with pytest.raises(FileNotFoundError):
        runs.open_regular(tmp_path / "missing", 3)
