"""A folder of 100,000 files: what is opened of it before training, and the memory it takes."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import data
from data import decoding, tree
from data.sources import folder

FOLDERS, FILES = 100, 1_000  # in each folder


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Gray images of 2×2 pixels, as links to a few files."""
    root = tmp_path_factory.mktemp("large")
    for number in range(FOLDERS):
        of_class = root / f"class {number:02}"
        of_class.mkdir()
        if number % 25 == 0:  # file systems limit the names of one file
            first = of_class / "0000.png"
            Image.new("L", (2, 2), number).save(first)
        for name in range(len(list(of_class.iterdir())), FILES):
            os.link(first, of_class / f"{name:04}.png")
    return root


@pytest.fixture
def opened(monkeypatch) -> list[Path]:
    """Collects the paths that are opened as images."""
    paths: list[Path] = []
    original = decoding.open_regular

    def open_regular(path):
        paths.append(path)
        return original(path)

    monkeypatch.setattr(decoding, "open_regular", open_regular)
    return paths


def test_each_file_is_looked_at_once_and_at_most_5000_are_opened(large, opened, monkeypatch):
    looked_at: list[str] = []
    listed: list[str] = []
    facts_of, scandir = tree._facts_of, os.scandir

    def look_at(entry):
        looked_at.append(entry.path)
        return facts_of(entry)

    def list_folder(path):
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(tree, "_facts_of", look_at)
    monkeypatch.setattr(os, "scandir", list_folder)
    folder._open.cache_clear()
    info = data.describe(str(large))
    assert info.num_train + info.num_test == FOLDERS * FILES
    assert len(looked_at) == len(set(looked_at)) == FOLDERS * FILES
    assert len(listed) == 1 + FOLDERS
    assert len(opened) == len(set(opened)) == 5_000
    data.describe(str(large))  # listed once in a process
    assert len(listed) == 1 + FOLDERS


def test_nothing_is_opened_before_an_epoch_begins(large, opened):
    from data import streaming

    info = data.describe(str(large))
    opened.clear()
    encoded = folder.open_stream(info, "train")
    rows = np.arange(info.num_train - info.num_validation)
    labels = encoded.read_labels(rows)
    batches = streaming.StreamedBatches(encoded, rows, 100, 0, labels=labels)
    assert batches.steps_per_epoch == len(rows) // 100
    assert not opened


def test_a_listed_file_takes_at_most_150_bytes(large):
    tracemalloc.start()
    listed = tree.read_tree(large)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listed) == FOLDERS * FILES
    assert kept / len(listed) < 100
    assert peak / len(listed) < 150
