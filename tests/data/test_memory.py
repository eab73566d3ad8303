"""Arrays that TensorFlow takes over without a copy, and reading some images of a cache file."""

import tracemalloc

import numpy as np
import pytest

from catalog.datasets import DatasetInfo
from data import cache, memory


def read(path, shape, positions):
    names = tuple(map(str, range(shape[0])))
    info = DatasetInfo("some", "numbered images", shape[1:], shape[0], 1, 1, names, "tfds")
    return cache.read(path, "source", info, "train", positions)


def test_an_array_of_make_array_shares_its_memory_with_the_tensor():
    array = memory.make_array((50, 3))
    array[...] = np.arange(150).reshape(50, 3)
    tensor = memory.as_tensor(array)
    np.testing.assert_array_equal(tensor, np.arange(150).reshape(50, 3))
    array[7] = 255  # forbidden to users; it shows that the memory is shared
    assert tensor[7].numpy().tolist() == [255] * 3


@pytest.mark.parametrize("start", [1, 16, 63])
def test_an_array_not_made_by_make_array_is_copied(start):
    array = memory.make_array((64 + 12,))[start : start + 12].reshape(4, 3)
    array[...] = np.arange(12).reshape(4, 3)
    tensor = memory.as_tensor(array)
    array[...] = 0
    np.testing.assert_array_equal(tensor, np.arange(12).reshape(4, 3))


def test_columns_and_steps_are_put_in_order():
    array = np.arange(60, dtype=np.uint8).reshape(6, 10)
    for odd in (array.T, array[::2], array[:, ::3]):
        np.testing.assert_array_equal(memory.as_tensor(odd), odd)


@pytest.mark.parametrize("positions", [[5], [2999, 0, 1500, 3], [7, 7], list(range(3000)), []])
def test_kept_images_are_read_at_their_positions(tmp_path, positions):
    images = np.random.default_rng(0).integers(0, 256, (3000, 4, 5, 1)).astype(np.uint8)
    cache.write(tmp_path / "kept.npz", "source", images, np.arange(3000))
    chosen = np.array(positions, int)
    found = read(tmp_path / "kept.npz", (3000, 4, 5, 1), chosen)
    assert found is not None
    np.testing.assert_array_equal(found[0], images[chosen])
    np.testing.assert_array_equal(found[1], chosen)


@pytest.mark.parametrize("position", [3000, -1])
def test_a_position_outside_the_file_is_reported(tmp_path, position, capsys):
    images = np.zeros((3000, 2, 2, 1), np.uint8)
    cache.write(tmp_path / "kept.npz", "source", images, np.arange(3000))
    assert read(tmp_path / "kept.npz", (3000, 2, 2, 1), np.array([position])) is None
    assert "cannot be read" in capsys.readouterr().out


def test_reading_some_images_takes_memory_for_these_only(tmp_path):
    images = np.zeros((40_000, 28, 28, 1), np.uint8)  # 30 MiB
    cache.write(tmp_path / "kept.npz", "source", images, np.arange(40_000))
    tracemalloc.start()
    try:
        found = read(tmp_path / "kept.npz", (40_000, 28, 28, 1), np.arange(0, 40_000, 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found[0].nbytes < peak < images.nbytes / 4
