"""The origin of a run never stops a training."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

import runs

ROOT = Path(__file__).resolve().parents[2]


def describe(program: Path = ROOT) -> dict:
    origin = runs.describe_origin(["train.py", "--run_name", "a b"], program)
    assert origin["command"] == "python train.py --run_name 'a b'"
    assert "python" in origin["versions"]
    return origin


def test_a_repository_gives_its_commit():
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True)
    assert describe()["git_commit"] == commit.stdout.decode().strip()
    assert "tensorflow" in describe()["versions"]


def test_a_folder_without_a_repository_has_no_commit(tmp_path):
    assert describe(tmp_path)["git_commit"] is None


@pytest.mark.parametrize(
    "script", [None, "exit 1", "printf '\\377'; exit 3", "sleep 60"], ids=["missing", *"123"]
)
def test_without_a_working_git_there_is_no_commit(script, tmp_path, monkeypatch):
    if script:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("runs.origin._GIT_SECONDS", 0.2)
    assert describe()["git_commit"] is None


@pytest.mark.parametrize("error", [importlib.metadata.PackageNotFoundError, KeyError, OSError])
def test_versions_that_cannot_be_found_are_left_out(error, monkeypatch):
    def version(name):
        raise error(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    assert list(describe()["versions"]) == ["python"]
