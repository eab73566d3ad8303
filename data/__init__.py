"""Images and labels by name, split, and served in batches.

This file is the table of the datasets and imports no TensorFlow, so that the
command line can check a name, a count or a folder at once. Each dataset is a
module of the same name with one function,

    load(split, data_dir, positions) -> (images, labels)

where ``split`` is ``"train"`` or ``"test"``, ``positions`` says which of its images are
wanted (None: all), images are uint8 of shape (num_images, height, width, channels) in
0..255 and labels are int64 of shape (num_images,). A new dataset is a new module and a
line in ``DATASETS``. One that TFDS has (``tfds_version``) loads by ``tfds_images``, which
keeps what it decodes, and can be streamed.
"""

from __future__ import annotations

import dataclasses
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

_DIGITS = tuple("0123456789")


class DataError(Exception):
    """The images cannot be had; the message is one line for the user."""


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """What is known about a dataset before a byte of it is read."""

    description: str
    image_shape: tuple[int, int, int]  # height, width, channels
    num_train: int  # images in the official training split, validation included
    num_test: int
    num_validation: int  # held out of the training split unless the user says otherwise
    class_names: tuple[str, ...]
    tfds_version: str | None = None  # None: embedded, nothing to download
    download_url: str | None = None  # where TFDS fetches it from


DATASETS = {
    "mnist": DatasetInfo(
        "handwritten digits, 28×28, 60,000 + 10,000 images",
        image_shape=(28, 28, 1),
        num_train=60_000,
        num_test=10_000,
        num_validation=10_000,
        class_names=_DIGITS,
        tfds_version="3.0.1",
        download_url="https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion_mnist": DatasetInfo(
        "photographs of clothes, 28×28, 60,000 + 10,000 images",
        image_shape=(28, 28, 1),
        num_train=60_000,
        num_test=10_000,
        num_validation=10_000,
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        tfds_version="3.0.1",
        download_url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "digits": DatasetInfo(
        "handwritten digits, 8×8, 1,437 + 360 images, embedded: no download",
        image_shape=(8, 8, 1),
        num_train=1_437,
        num_test=360,
        num_validation=144,
        class_names=_DIGITS,
    ),
}


def resolve_data_dir(data_dir: str | None) -> Path:
    """Returns the folder of prepared datasets: the flag, TFDS_DATA_DIR, or TFDS's default.

    Raises:
        DataError: if that is in a home folder, and the user has none.
    """
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError:
        raise DataError(
            f"{chosen} cannot be found, as the user has no home folder: type --data_dir FOLDER"
        ) from None


def is_prepared(name: str, data_dir: str | None) -> bool:
    """Whether the dataset can be read without a download."""
    version = DATASETS[name].tfds_version
    if version is None:
        return True
    folder = resolve_data_dir(data_dir) / name / version
    return (folder / "dataset_info.json").is_file()


def check_available(name: str, data_dir: str | None, timeout: float = 10.0) -> None:
    """Answers at once whether ``load`` can succeed: prepared, or its server within reach.

    TFDS itself retries for three minutes before it admits that there is no network.

    Raises:
        DataError: if it is neither.
    """
    if is_prepared(name, data_dir):
        return
    url = DATASETS[name].download_url
    assert url is not None
    try:
        urllib.request.urlopen(url, timeout=timeout).close()
    except urllib.error.HTTPError:
        return  # the server answers; that it does not list the folder is fine
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise unavailable(name, data_dir, str(reason)) from error


def unavailable(name: str, data_dir: str | None, reason: str) -> DataError:
    """Returns the error for images that are not on disk and cannot be downloaded."""
    return DataError(
        f"{name} is not in {resolve_data_dir(data_dir)} and cannot be downloaded ({reason}): name "
        "the folder that holds it with --data_dir FOLDER, or work offline with --dataset digits"
    )
