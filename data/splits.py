"""Training, validation and test images of a dataset chosen by name."""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING

import numpy as np

from data import DATASETS

if TYPE_CHECKING:
    from data import streaming

_VALIDATION_SEED = 0  # fixed, so that runs with different seeds are validated alike
# Fixed: binarised images are a dataset of their own, the same for every run.
_BINARIZE_SEEDS = {"train": 1, "validation": 2, "test": 3}


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and their labels, in memory."""

    images: np.ndarray  # uint8 (num_images, height, width, channels) in 0..255
    labels: np.ndarray  # int64 (num_images,)

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: np.ndarray) -> Split:
        """Returns the images and labels at the given positions, in that order."""
        return Split(self.images[indices], self.labels[indices])


def load_train_and_validation(
    name: str,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
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
    """
    whole = _read(name, "train", data_dir)
    to_train_on, held_out = positions(name, len(whole), num_validation)
    train, validation = whole.subset(to_train_on), whole.subset(held_out)
    if binarize == "static":
        train = _binarized(train, "train")
    if binarize != "none":
        validation = _binarized(validation, "validation")
    return train, validation


def stream_train_and_load_validation(
    name: str,
    data_dir: str | None = None,
    num_validation: int | None = None,
    binarize: str = "none",
) -> tuple[streaming.Encoded, np.ndarray, Split]:
    """Holds out the images that ``load_train_and_validation`` does, and leaves the rest on disk.

    Takes the same, but for static binarisation, which draws all training images at once.

    Returns:
        the official training images as they are stored; the positions of those to train on;
        the validation images, in memory.

    Raises:
        DataError: if an image cannot be read: all have been when this returns.
    """
    from data import tfds_images

    encoded = tfds_images.open_stream(name, "train", data_dir)
    to_train_on, held_out = positions(name, encoded.num_images, num_validation)
    validation = Split(
        np.empty((len(held_out), *encoded.image_shape), np.uint8),
        np.empty(len(held_out), np.int64),
    )
    try:
        records = encoded.chosen(held_out)
        for place, record in enumerate(records.as_numpy_iterator()):
            validation.images[place] = encoded.decode(record["image"])
            validation.labels[place] = record["label"]
    except Exception as error:  # whatever damage leads to
        raise tfds_images.damaged(name, data_dir, tfds_images.first_line(error)) from error
    if binarize != "none":
        validation = _binarized(validation, "validation")
    return encoded, to_train_on, validation


def positions(
    name: str, num_images: int, num_validation: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where the images to train on and those to choose by are, each ascending."""
    if num_validation is None:
        num_validation = DATASETS[name].num_validation
    order = np.random.default_rng(_VALIDATION_SEED).permutation(num_images)
    return np.sort(order[num_validation:]), np.sort(order[:num_validation])


def load_test(name: str, data_dir: str | None = None, binarize: str = "none") -> Split:
    """Returns the official test images, which training never sees.

    Takes what ``load_train_and_validation`` does; binarised images are drawn once.
    """
    test = _read(name, "test", data_dir)
    return test if binarize == "none" else _binarized(test, "test")


def _read(name: str, split: str, data_dir: str | None) -> Split:
    return Split(*importlib.import_module(f"data.{name}").load(split, data_dir))


def _binarized(split: Split, name: str) -> Split:
    """Draws every pixel black or white, its grey value the probability of white."""
    noise = np.random.default_rng(_BINARIZE_SEEDS[name]).random(split.images.shape, np.float32)
    images = np.where(noise < split.images / np.float32(255), 255, 0).astype(np.uint8)
    return Split(images, split.labels)
