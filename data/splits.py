"""Training, validation and test images of a dataset chosen by name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

import data
from data import DatasetInfo
from data import labels as labels_module
from data.shares import ALONE, Share

if TYPE_CHECKING:
    from data import streaming

_VALIDATION_SEED = 0  # fixed, so that runs with different seeds have the same validation images
# Fixed: binarized images are a dataset of their own, the same for every run.
_BINARIZE_SEEDS = {"train": 1, "validation": 2, "test": 3}
_ROWS_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True)
class Split:
    """Images in memory, and their labels if the dataset has any."""

    images: np.ndarray  # uint8 (num_images, height, width, channels) in 0..255
    labels: np.ndarray | None  # int64 (num_images,)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> Split:
        return Split(self.images[rows], None if self.labels is None else self.labels[rows])


def load_train_and_validation(
    dataset: str | DatasetInfo,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
    share: Share = ALONE,
) -> tuple[Split, Split]:
    """Splits the official training images into training and validation images.

    The validation images are drawn by a fixed seed: the same ones for every run with the same
    ``num_validation``.

    Args:
        dataset: its name, or its description.
        data_dir: folder of prepared datasets; None for TFDS's default.
        num_validation: how many images to hold out; None for the dataset's default.
        binarize: ``"static"`` turns all pixels black or white, once; ``"dynamic"`` those of
            the validation images only, because the batches draw the training images' pixels
            again in every epoch.
        share: the worker whose images are wanted; no others are kept in memory.

    Raises:
        DataError: if the images cannot be loaded.
    """
    info = data.describe(dataset, data_dir)
    to_train_on, held_out = positions(info, num_validation)
    ours = np.concatenate([share.of(to_train_on), share.of(held_out)])
    together, num_train = _load(info, "train", data_dir, ours), len(share.of(to_train_on))
    train, validation = together[:num_train], together[num_train:]
    if binarize == "static":
        train = _binarize(train, "train", share.of(np.arange(len(to_train_on))))
    if binarize != "none":
        validation = _binarize(validation, "validation", share.of(np.arange(len(held_out))))
    return train, validation


def stream_train_and_load_validation(
    dataset: str | DatasetInfo,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
    share: Share = ALONE,
) -> tuple[streaming.Encoded, np.ndarray, Split]:
    """Holds out the images that ``load_train_and_validation`` does, and leaves the rest on disk.

    Takes the same arguments, except for static binarization, which needs all training images
    in memory.

    Returns:
        the official training images as they are stored; the positions of the worker's
        training images; its validation images, in memory.

    Raises:
        DataError: if an image of the worker's share cannot be read; all are read once here,
            unless the source has a faster way to the validation images.
    """
    info = data.describe(dataset, data_dir)
    source = data.source_of(info)
    encoded = source.open_stream(info, "train", data_dir)
    to_train_on, held_out = positions(info, num_validation)
    ours, others = share.of(held_out), share.of(to_train_on)
    if encoded.load is not None:
        validation = Split(*encoded.load(ours))
        if binarize != "none":
            validation = _binarize(validation, "validation", share.of(np.arange(len(held_out))))
        return encoded, others, validation
    validation = Split(
        np.empty((len(ours), *encoded.image_shape), np.uint8),
        None if info.class_names is None else np.empty(len(ours), np.int64),
    )
    try:
        records = encoded.chosen(ours, read_too=others)
        for place, record in enumerate(records.as_numpy_iterator()):
            validation.images[place] = encoded.decode(record["image"])
            if validation.labels is not None:
                validation.labels[place] = record["label"]
    except Exception as error:  # damage can raise anything
        raise source.damaged(info, data_dir, error) from error
    if binarize != "none":
        validation = _binarize(validation, "validation", share.of(np.arange(len(held_out))))
    return encoded, others, validation


def count(dataset: str | DatasetInfo, num_validation: int | None) -> tuple[int, int]:
    """Returns the numbers of training and of validation images."""
    to_train_on, held_out = positions(dataset, num_validation)
    return len(to_train_on), len(held_out)


def positions(
    dataset: str | DatasetInfo, num_validation: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the positions of training and validation images in the official training split.

    Both are ascending.
    """
    info = data.describe(dataset)
    if num_validation is None:
        num_validation = info.num_validation
    if info.has_validation:
        own, held_out = np.split(np.arange(info.num_train), [info.num_train - num_validation])
        return own, held_out
    order = np.random.default_rng(_VALIDATION_SEED).permutation(info.num_train)
    return np.sort(order[num_validation:]), np.sort(order[:num_validation])


def load_test(
    dataset: str | DatasetInfo, data_dir: str | None = None, binarize: str = "none"
) -> Split:
    """Returns the official test images, which are never used in training.

    Takes the arguments of ``load_train_and_validation``; binarized images are drawn once.
    """
    test = _load(data.describe(dataset, data_dir), "test", data_dir)
    return test if binarize == "none" else _binarize(test, "test", np.arange(len(test)))


def _load(
    info: DatasetInfo, split: str, data_dir: str | None, positions: np.ndarray | None = None
) -> Split:
    """Loads images and checks them against the description."""
    images, labels = data.source_of(info).load(info, split, data_dir, positions)
    count = info.num_images(split) if positions is None else len(positions)
    try:
        if images.dtype != np.uint8 or images.shape != (count, *info.image_shape):
            raise ValueError(
                f"its {split} images are {images.dtype} {images.shape}, not uint8 "
                f"{(count, *info.image_shape)}"
            )
        labels_module.check(labels, count, info.class_names)
    except ValueError as error:
        raise data.DataError(f"{info.name} is not as described: {error}") from error
    return Split(images, labels)


def _binarize(split: Split, name: str, rows: np.ndarray) -> Split:
    """Draws every pixel black or white, with its gray value as the probability of white.

    Args:
        split: some of its images.
        name: of the split.
        rows: positions of these images in the split, ascending: an image's noise does not
            depend on which others are loaded.
    """
    rng = np.random.default_rng(_BINARIZE_SEEDS[name])
    images = np.empty_like(split.images)
    for first in range(0, rows[-1] + 1 if len(rows) else 0, _ROWS_AT_ONCE):
        noise = rng.random((_ROWS_AT_ONCE, *images.shape[1:]), np.float32)
        begin, end = np.searchsorted(rows, [first, first + _ROWS_AT_ONCE])
        white = split.images[begin:end] / np.float32(255)
        images[begin:end] = np.where(noise[rows[begin:end] - first] < white, 255, 0)
    return Split(images, split.labels)
