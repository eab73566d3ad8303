"""Training, validation and test images of a dataset chosen by name."""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING

import numpy as np

from data import DATASETS
from data.shares import ALONE, Share

if TYPE_CHECKING:
    from data import streaming

_VALIDATION_SEED = 0  # fixed, so that runs with different seeds are validated alike
# Fixed: binarised images are a dataset of their own, the same for every run.
_BINARIZE_SEEDS = {"train": 1, "validation": 2, "test": 3}
_ROWS_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and their labels, in memory."""

    images: np.ndarray  # uint8 (num_images, height, width, channels) in 0..255
    labels: np.ndarray  # int64 (num_images,)

    def __len__(self) -> int:
        return len(self.images)


def load_train_and_validation(
    name: str,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
    share: Share = ALONE,
) -> tuple[Split, Split]:
    """Splits the official training images into those to train on and those to choose by.

    The validation images are drawn once, by a fixed seed: the same for every run with the
    same ``num_validation``.

    Args:
        name: a key of ``DATASETS``.
        data_dir: the folder of prepared datasets; None for TFDS's own.
        num_validation: how many images to hold out; None for the dataset's default.
        binarize: ``"static"`` turns all pixels black or white, once; ``"dynamic"`` those of
            the validation images, while the batches draw the training images' anew.
        share: the worker's whose images are wanted; no others are kept in memory.
    """
    to_train_on, held_out = positions(name, num_validation)
    ours = np.concatenate([share.of(to_train_on), share.of(held_out)])
    together, num_train = _read(name, "train", data_dir, ours), len(share.of(to_train_on))
    train = Split(together.images[:num_train], together.labels[:num_train])
    validation = Split(together.images[num_train:], together.labels[num_train:])
    if binarize == "static":
        train = _binarized(train, "train", share.of(np.arange(len(to_train_on))))
    if binarize != "none":
        validation = _binarized(validation, "validation", share.of(np.arange(len(held_out))))
    return train, validation


def stream_train_and_load_validation(
    name: str,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
    share: Share = ALONE,
) -> tuple[streaming.Encoded, np.ndarray, Split]:
    """Holds out the images that ``load_train_and_validation`` does, and leaves the rest on disk.

    Takes the same, but for static binarisation, which draws all training images at once.

    Returns:
        the official training images as they are stored; the positions of the worker's to
        train on; its validation images, in memory.

    Raises:
        DataError: if an image cannot be read: all of the share have been when this returns.
    """
    from data import tfds_images

    encoded = tfds_images.open_stream(name, "train", data_dir)
    to_train_on, held_out = positions(name, num_validation)
    ours, others = share.of(held_out), share.of(to_train_on)
    validation = Split(
        np.empty((len(ours), *encoded.image_shape), np.uint8),
        np.empty(len(ours), np.int64),
    )
    try:
        records = encoded.chosen(ours, read_too=others)
        for place, record in enumerate(records.as_numpy_iterator()):
            validation.images[place] = encoded.decode(record["image"])
            validation.labels[place] = record["label"]
    except Exception as error:  # whatever damage leads to
        raise tfds_images.damaged(name, data_dir, tfds_images.first_line(error)) from error
    if binarize != "none":
        validation = _binarized(validation, "validation", share.of(np.arange(len(held_out))))
    return encoded, others, validation


def count(name: str, num_validation: int | None) -> tuple[int, int]:
    """Returns how many images there are to train on, and to choose by."""
    to_train_on, held_out = positions(name, num_validation)
    return len(to_train_on), len(held_out)


def positions(name: str, num_validation: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the images to train on and those to choose by are, each ascending."""
    if num_validation is None:
        num_validation = DATASETS[name].num_validation
    order = np.random.default_rng(_VALIDATION_SEED).permutation(DATASETS[name].num_train)
    return np.sort(order[num_validation:]), np.sort(order[:num_validation])


def load_test(name: str, data_dir: str | None = None, binarize: str = "none") -> Split:
    """Returns the official test images, which training never sees.

    Takes what ``load_train_and_validation`` does; binarised images are drawn once.
    """
    test = _read(name, "test", data_dir)
    return test if binarize == "none" else _binarized(test, "test", np.arange(len(test)))


def _read(
    name: str, split: str, data_dir: str | None, positions: np.ndarray | None = None
) -> Split:
    return Split(*importlib.import_module(f"data.{name}").load(split, data_dir, positions))


def _binarized(split: Split, name: str, rows: np.ndarray) -> Split:
    """Draws every pixel black or white, its grey value the probability of white.

    Args:
        split: some images of it.
        name: of the split.
        rows: which of its images these are, ascending: their noise is the same whichever
            others are there.
    """
    rng = np.random.default_rng(_BINARIZE_SEEDS[name])
    images = np.empty_like(split.images)
    for first in range(0, rows[-1] + 1 if len(rows) else 0, _ROWS_AT_ONCE):
        noise = rng.random((_ROWS_AT_ONCE, *images.shape[1:]), np.float32)
        begin, end = np.searchsorted(rows, [first, first + _ROWS_AT_ONCE])
        white = split.images[begin:end] / np.float32(255)
        images[begin:end] = np.where(noise[rows[begin:end] - first] < white, 255, 0)
    return Split(images, split.labels)
