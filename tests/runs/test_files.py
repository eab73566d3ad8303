"""Files that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import runs


def test_a_new_file_appears_when_all_went_well(tmp_path):
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
def test_the_path_to_write_to_lies_beside_and_ends_alike(tmp_path, name):
    # The writers tell the format by the ending; renaming works within one folder only.
    with runs.write_atomically(tmp_path / name) as beside:
        assert beside.parent == tmp_path
        assert beside.suffix == Path(name).suffix
        assert beside.name != name
        beside.touch()
