"""The benchmark of sources: the same pictures from each, and its tables, without timing."""

from __future__ import annotations

import numpy as np
import pytest

import data
from benchmarks import sources


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    sources.write_pictures(root / "pictures", 60)
    sources.convert(root)
    return root


def test_all_sources_hold_the_same_images(root):
    options = {"image_size": (sources.SIZE, sources.SIZE)}
    described = [
        data.describe(str(root / "pictures"), None, options),
        data.describe(str(root / "pictures.npz"), None, options),
        sources.describe_tfds(60),
    ]
    found = []
    for info in described:
        parts = [
            data.source_of(info).load(info, split, str(root / "tfds"))
            for split in ("train", "test")
        ]
        images = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([labels for _, labels in parts])
        order = np.lexsort(images.reshape(len(images), -1).T)
        found.append((images[order], labels[order]))
    assert found[0][0].shape == (60, sources.SIZE, sources.SIZE, 3)
    for images, labels in found[1:]:
        np.testing.assert_array_equal(images, found[0][0])
        np.testing.assert_array_equal(labels, found[0][1])


@pytest.mark.parametrize("row", [name for name in sources.ROWS if "DataLoader" not in name])
def test_an_epoch_of_each_source_has_all_training_images(row, root, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("training.device.set_up_tensorflow", lambda: None)
    worker, options = sources.ROWS[row]
    epoch = sources.WORKERS[worker](root, options)
    batches = [batch.numpy() for batch in epoch()]
    assert sum(map(len, batches)) == 60 - 6 - 5  # without test and validation images
    assert all(batch.min() >= 0 and batch.max() <= 1 for batch in batches)


def test_files_are_linked_in_folders_of_1000(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "LINKS", 1_500)
    sources.write_many(tmp_path / "many", 2_100)
    counts = [len(list(folder.iterdir())) for folder in sorted((tmp_path / "many").iterdir())]
    assert counts == [1_000, 1_000, 100]
    assert len({path.stat().st_ino for path in (tmp_path / "many").rglob("*.png")}) == 2
