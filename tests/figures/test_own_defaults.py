"""Figures do not depend on the user's matplotlib settings, backend or environment."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

import figures
from tests.figures.test_style import draw_all

ROOT = Path(figures.__file__).parents[1]
NOTEBOOK = "module://matplotlib_inline.backend_inline"  # not installed here
USER = "text.usetex: True\naxes.facecolor: red\nbackend: nonsense\nfont.size: 30\n"
SCRIPT = """
import pathlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import figures
figure = figures.draw_kl_per_dimension(np.ones(3), np.ones(3, bool), "$z_1$", "subtitle")
for suffix in (".png", ".pdf"):
    figures.save(figure, pathlib.Path(sys.argv[2] + suffix))
assert "matplotlib.pyplot" not in sys.modules
"""


def draw(folder: Path, **environment: str) -> tuple[bytes, ...]:
    """Draws a figure in a process of its own, in a folder; returns the bytes of its files."""
    folder.mkdir(exist_ok=True)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MATPLOT")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT), "drawn"],
        cwd=folder,
        env=outside | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return tuple((folder / f"drawn{suffix}").read_bytes() for suffix in (".png", ".pdf"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    return draw(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("content", [USER.encode(), b"font.size: \xff\n:::\n"])
@pytest.mark.parametrize("name", ["matplotlibrc", "elsewhere"])
def test_a_notebooks_backend_and_any_matplotlibrc_change_no_byte(tmp_path, plain, name, content):
    (tmp_path / name).write_bytes(content)
    assert draw(tmp_path, MATPLOTLIBRC=str(tmp_path / name), MPLBACKEND=NOTEBOOK) == plain


@pytest.mark.parametrize("path", [".", "missing"])
def test_a_matplotlibrc_that_is_a_folder_or_missing_changes_no_byte(tmp_path, plain, path):
    assert draw(tmp_path, MATPLOTLIBRC=str(tmp_path / path), MPLBACKEND="nonsense") == plain


def test_settings_made_in_the_same_process_change_no_byte(tmp_path):
    files = []
    for settings in ({}, {"text.usetex": True, "axes.facecolor": "red", "font.size": 30}):
        with matplotlib.rc_context(settings):
            figures.save(draw_all()["kl"], tmp_path / "kl.png")
        files.append((tmp_path / "kl.png").read_bytes())
    assert files[0] == files[1]


def test_keras_starts_with_a_notebooks_backend_and_a_damaged_matplotlibrc(tmp_path):
    """Keras imports matplotlib, whether a figure is drawn or not."""
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: \xff")
    script = "from training import device; device.set_up_tensorflow(); import keras"
    environment = {"MPLBACKEND": NOTEBOOK, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=os.environ | environment, check=True
    )


def test_only_figures_imports_matplotlib():
    """The first import of matplotlib determines which settings it reads."""
    rooms = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "figures"]
    for path in (*ROOT.glob("*.py"), *(file for room in rooms for file in room.rglob("*.py"))):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "matplotlib" for name in names), path
