"""Opening files safely, and writing them atomically."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runs

ROOT = Path(__file__).resolve().parents[2]


def test_a_new_file_appears_if_nothing_fails(tmp_path):
    path = tmp_path / "table.csv"
    with runs.write_atomically(path) as beside:
        beside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with runs.write_atomically(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half() -> None:
        with runs.write_atomically(path) as beside:
            beside.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_nothing_is_an_error_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), runs.write_atomically(path):
        pass
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["model.keras", "map.png", "run.json"])
def test_the_temporary_path_is_in_the_same_folder_with_the_same_suffix(tmp_path, name):
    # Writers derive the format from the suffix; renaming works within one file system only.
    with runs.write_atomically(tmp_path / name) as beside:
        assert beside.parent == tmp_path
        assert beside.suffix == Path(name).suffix
        assert beside.name != name
        beside.touch()


def test_a_file_is_flushed_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    """Otherwise a power failure could leave an empty file, or undo a rename."""
    done: list[tuple[str, ...]] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        done.append(("flush", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        fsync(handle)

    def note_replace(source, target):
        done.append(("rename", Path(source).name, Path(target).name))
        replace(source, target)

    monkeypatch.setattr("os.fsync", note_fsync)
    monkeypatch.setattr("os.replace", note_replace)
    with runs.write_atomically(tmp_path / "table.csv") as beside:
        beside.write_text("new")
    name = beside.name
    assert done == [("flush", name), ("rename", name, "table.csv"), ("flush", tmp_path.name)]


# ----------------------------------------------------------------------- leftovers

DIE = """
import os, signal, sys
from pathlib import Path

import runs

with runs.write_atomically(Path(sys.argv[1])) as beside:
    beside.write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_temporary_files_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    for name in ("model.keras", "run.json", "no ending"):
        command = [sys.executable, "-c", DIE, str(tmp_path / name)]
        assert subprocess.run(command, cwd=ROOT).returncode == -9
    left = set(tmp_path.iterdir())
    assert len(left) == 3

    one = next(path.name for path in left if path.suffix == ".keras")
    host, pid = one.split("partial-")[1].removesuffix(".keras").rsplit("-", 1)
    foreign = [
        ".model.keras",
        ".hidden",
        "model.keras",
        f"model.partial-{host}-{pid}.keras",
        f".model.partial-{host}-x.keras",
        f".model.partial-{host}-{pid}.keras.bak",
        f".model.partial-{host}s-{pid}.keras",
        f".model.partial-{host}-{os.getpid()}.keras",
        ".model.partial-.keras",
    ]
    for name in foreign:
        (tmp_path / name).write_text("mine")
    (tmp_path / f".folder.partial-{host}-{pid}.keras").mkdir()
    with runs.write_atomically(tmp_path / "other.json") as beside:
        beside.write_text("being written")
        assert set(runs.remove_leftovers(tmp_path)) == left
    assert {path.name for path in tmp_path.iterdir()} == {
        *foreign,
        f".folder.partial-{host}-{pid}.keras",
        "other.json",
    }


# ----------------------------------------------------------------------------- folders

DIE_IN_FOLDER = """
import os, signal, sys
from pathlib import Path

import runs

with runs.replace_folder(Path(sys.argv[1])) as new:
    (new / "half.txt").write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_is_replaced_only_when_it_is_complete(tmp_path):
    folder = tmp_path / "export"
    with runs.replace_folder(folder) as new:
        (new / "inside").mkdir()
        (new / "inside" / "old.txt").write_text("old")
        assert not folder.exists()
    with pytest.raises(FileNotFoundError), runs.replace_folder(folder) as new:
        (new / "missing" / "new.txt").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (folder / "inside" / "old.txt").read_text() == "old"
    with runs.replace_folder(folder) as new:
        (new / "new.txt").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["export", "new.txt"]


def test_the_folder_of_a_killed_process_is_removed_later(tmp_path):
    command = [sys.executable, "-c", DIE_IN_FOLDER, str(tmp_path / "export")]
    assert subprocess.run(command, cwd=ROOT).returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".export.partial-")
    with runs.replace_folder(tmp_path / "export") as new:
        assert runs.remove_leftovers(tmp_path) == [left]
        assert new.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
