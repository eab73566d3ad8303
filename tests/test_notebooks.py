"""The notebooks run without errors, compute what they should, and are stored with outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# Code that is added to each notebook, at its end.
CHECKS = {
    "train_look_sample": """
        assert history["val_loss"][-1] < history["val_loss"][0] - 20
        assert samples.shape == (36, 8, 8, 1) and decoded.shape == (144, 10, 10, 1)
        error = np.mean((vae.predict(validation, verbose=0) - validation) ** 2)
        assert error < 0.7 * np.mean((validation - training.mean(axis=0)) ** 2)
    """,
    "your_own_images": """
        assert info.class_names == ("china", "flower") and info.image_shape == (32, 32, 3)
        assert (len(training), len(validation), len(test)) == (486, 54, 60)
        assert history["val_loss"][-1] < history["val_loss"][0]
        assert samples.shape == (12, 32, 32, 3) and points.shape == (546, 2)
        error = np.mean((vae.predict(test_images, verbose=0) - test_images) ** 2)
        assert error < 0.6 * np.mean((training.images.mean(axis=0) / 255 - test_images) ** 2)
    """,
}


def by_notebook() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_each_notebook_has_a_check():
    assert {path.stem for path in NOTEBOOKS} == set(CHECKS)


@by_notebook()
def test_a_notebook_runs_in_a_copy_of_the_program(path, copy_program, monkeypatch):
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # this Python's kernel, not the user's
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    folder = copy_program() / "notebooks"
    notebook = nbformat.read(folder / path.name, as_version=4)
    check = "\n".join(line.strip() for line in CHECKS[path.stem].splitlines())
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()  # raises cells' errors
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
    assert list((folder.parent / "trained_model").iterdir()) == []


@by_notebook()
def test_a_notebook_is_valid_small_and_has_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 300_000
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # run once, from top to bottom
    assert not [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
