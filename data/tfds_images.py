"""Labelled images from tensorflow-datasets: reads what is prepared, downloads what is not."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from data import (
    DATASETS,
    DataError,
    cache,
    is_prepared,
    memory,
    resolve_data_dir,
    unavailable,
)

if TYPE_CHECKING:
    import tensorflow as tf

    from data import streaming


def load(
    name: str, split: str, data_dir: str | None = None, positions: np.ndarray | None = None
) -> cache.Arrays:
    """Returns images of one official split of a dataset.

    The decoded images are kept: the next call does not decode them, nor import TFDS.

    Args:
        name: the dataset's name, here and in TFDS.
        split: ``"train"`` or ``"test"``.
        data_dir: the folder of prepared datasets; None for ``TFDS_DATA_DIR``, else TFDS's own.
        positions: of the images wanted, in that order; None for all as they are stored.

    Returns:
        images, uint8 (num_images, height, width, channels) in 0..255; labels, int64
        (num_images,).

    Raises:
        DataError: if it is neither there nor to be downloaded, or if it is damaged.
    """
    info = DATASETS[name]
    assert info.tfds_version is not None
    if not is_prepared(name, data_dir):
        prepare(name, data_dir)
    folder = resolve_data_dir(data_dir) / name / info.tfds_version
    num_images = info.num_train if split == "train" else info.num_test
    shape = (num_images, *info.image_shape)
    decode = functools.partial(_decode, name, split, shape, data_dir)
    return cache.load(folder, name, split, shape, decode, positions)


def prepare(name: str, data_dir: str | None) -> Any:
    """Returns TFDS's builder of a dataset, which it downloads where it is not there yet.

    Raises:
        DataError: if it cannot be downloaded, or what is there cannot be read.
    """
    import tensorflow_datasets as tfds

    folder = resolve_data_dir(data_dir)
    try:
        builder = tfds.builder(f"{name}:{DATASETS[name].tfds_version}", data_dir=folder)
        if not is_prepared(name, data_dir):
            print(f"{name} is not in {folder}: downloading it", flush=True)
            builder.download_and_prepare()
    except Exception as error:  # TFDS raises a dozen kinds, from urllib's to its own
        if is_prepared(name, data_dir):
            raise damaged(name, data_dir, first_line(error)) from error
        raise unavailable(name, data_dir, first_line(error)) from error
    return builder


def _decode(
    name: str, split: str, shape: tuple[int, ...], data_dir: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads and decodes a split; its images must have the shape that is expected."""
    import tensorflow_datasets as tfds

    builder = prepare(name, data_dir)
    images, labels = memory.make_array(shape), np.empty(shape[0], np.int64)
    found = (0, *shape[1:])
    try:
        batches = builder.as_dataset(
            split=split, batch_size=1000, as_supervised=True, read_config=_in_order(tfds)
        )
        for some_images, some_labels in tfds.as_numpy(batches):
            first, stop = found[0], found[0] + len(some_labels)
            found = (stop, *some_images.shape[1:])
            if stop <= shape[0] and found[1:] == shape[1:]:
                images[first:stop], labels[first:stop] = some_images, some_labels
    except Exception as error:
        raise damaged(name, data_dir, first_line(error)) from error
    if found != shape:
        raise damaged(name, data_dir, f"its {split} images are {found}, not {shape}")
    return images, labels


def _in_order(tfds: Any) -> Any:
    """Returns how TFDS is to read: one file after the other, and a small dataset like a large."""
    return tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)


def open_stream(name: str, split: str, data_dir: str | None = None) -> streaming.Encoded:
    """Returns one official split as it is stored, in the order in which ``load`` returns it.

    Raises:
        DataError: as ``load`` does; damaged images are found when they are read.
    """
    import tensorflow_datasets as tfds

    from data import streaming

    info = DATASETS[name]
    builder = prepare(name, data_dir)
    num_images = info.num_train if split == "train" else info.num_test

    def read(first: int, stop: int) -> tf.data.Dataset:
        return builder.as_dataset(
            split=tfds.core.ReadInstruction(split, from_=first, to=stop, unit="abs"),
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=_in_order(tfds),
        )

    try:
        read(0, 1)
        found = builder.info.splits[split].num_examples
    except Exception as error:
        raise damaged(name, data_dir, first_line(error)) from error
    if found != num_images:
        raise damaged(name, data_dir, f"it has {found} {split} images, not {num_images}")
    decode = builder.info.features["image"].decode_example
    return streaming.Encoded(read, decode, info.image_shape, num_images)


def damaged(name: str, data_dir: str | None, reason: str) -> DataError:
    """Returns the error for images that are there and cannot be read."""
    folder = resolve_data_dir(data_dir)
    return DataError(
        f"{name} in {folder} cannot be read ({reason}): remove {folder / name} to download it "
        "again, or name another folder with --data_dir"
    )


def first_line(error: Exception) -> str:
    """Returns what an error is, in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
