"""Labelled images from tensorflow-datasets: reads what is prepared, downloads what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data import DATASETS, DataError, is_prepared, resolve_data_dir, unavailable


def load(name: str, split: str, data_dir: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns one official split of a dataset, in the order in which it is stored.

    Args:
        name: the dataset's name, here and in TFDS.
        split: ``"train"`` or ``"test"``.
        data_dir: the folder of prepared datasets; None for ``TFDS_DATA_DIR``, else TFDS's own.

    Returns:
        images, uint8 (num_images, height, width, channels) in 0..255; labels, int64
        (num_images,).

    Raises:
        DataError: if it is neither there nor to be downloaded, or if it is damaged.
    """
    import tensorflow_datasets as tfds

    folder = resolve_data_dir(data_dir)
    info = DATASETS[name]
    try:
        builder = tfds.builder(f"{name}:{info.tfds_version}", data_dir=folder)
        if not is_prepared(name, data_dir):
            print(f"{name} is not in {folder}: downloading it", flush=True)
            builder.download_and_prepare()
    except Exception as error:  # TFDS raises a dozen kinds, from urllib's to its own
        if is_prepared(name, data_dir):
            raise _damaged(name, folder, _first_line(error)) from error
        raise unavailable(name, data_dir, _first_line(error)) from error
    try:
        batches = builder.as_dataset(split=split, batch_size=10_000, as_supervised=True)
        pairs = list(tfds.as_numpy(batches))
    except Exception as error:
        raise _damaged(name, folder, _first_line(error)) from error
    images = np.concatenate([images for images, _ in pairs])
    labels = np.concatenate([labels for _, labels in pairs])
    expected = info.num_train if split == "train" else info.num_test
    if images.shape != (expected, *info.image_shape):
        found = f"its {split} images are {images.shape}, not {(expected, *info.image_shape)}"
        raise _damaged(name, folder, found)
    return images, labels


def _damaged(name: str, folder: Path, reason: str) -> DataError:
    return DataError(
        f"{name} in {folder} cannot be read ({reason}): remove {folder / name} to download it "
        "again, or name another folder with --data_dir"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
