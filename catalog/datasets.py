"""Datasets: what is known about each before any image is read.

A dataset is one row of ``DATASETS``. A new way of loading images is a new module in
``data/sources``, whose docstring lists the functions that a module needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """A dataset's description.

    Attributes:
        name: the value of ``--dataset``.
        description: one line for the help text.
        image_shape: (height, width, channels).
        num_train: images in the official training split, validation images included.
        num_test: images in the official test split.
        num_validation: training images held out for validation by default.
        class_names: one name per label, 0 first; None for images without labels.
        source: the module in ``data/sources`` that loads the images.
        value_range: smallest and largest pixel value as loaded, before scaling to [0, 1].
        version: of the dataset in TFDS; None where the source has no versions.
        download_url: address that TFDS downloads from; None for embedded images.
        sha256: split → digest of its decoded images followed by its labels (int64), where
            they are known.
    """

    name: str
    description: str
    image_shape: tuple[int, int, int]
    num_train: int
    num_test: int
    num_validation: int
    class_names: tuple[str, ...] | None
    source: str
    value_range: tuple[int, int] = (0, 255)
    version: str | None = None
    download_url: str | None = None
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def num_images(self, split: str) -> int:
        """Returns the number of images in the official ``"train"`` or ``"test"`` split."""
        return {"train": self.num_train, "test": self.num_test}[split]


_DIGITS = tuple("0123456789")

DATASETS = {
    row.name: row
    for row in (
        DatasetInfo(
            "mnist",
            "handwritten digits, 28×28, 60,000 + 10,000 images",
            image_shape=(28, 28, 1),
            num_train=60_000,
            num_test=10_000,
            num_validation=10_000,
            class_names=_DIGITS,
            source="tfds",
            version="3.0.1",
            download_url="https://storage.googleapis.com/cvdf-datasets/mnist/",
            sha256={
                "train": "fcbef7f0a39631249afe3af3b0a2df41c01592579450834cf6eb8d67655804fd",
                "test": "29bf46f62b56c145189735d86a64898e1dd066fcd59db368c0a0cbf4660114c2",
            },
        ),
        DatasetInfo(
            "fashion_mnist",
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
            source="tfds",
            version="3.0.1",
            download_url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            sha256={
                "train": "8bfde16b7397cae90aef4dc90bde627338bae607b481d377084c799d1a312817",
                "test": "0eb01c98b3af234f61cafe3dd2febcf34f6df075d874863a5920428590b27216",
            },
        ),
        DatasetInfo(
            "digits",
            "handwritten digits, 8×8, 1,437 + 360 images, embedded: no download",
            image_shape=(8, 8, 1),
            num_train=1_437,
            num_test=360,
            num_validation=144,
            class_names=_DIGITS,
            source="digits",
        ),
        DatasetInfo(
            "patches",
            "color patches of two photographs, 16×16, 1,664 + 416 images, no labels, embedded",
            image_shape=(16, 16, 3),
            num_train=1_664,
            num_test=416,
            num_validation=166,
            class_names=None,
            source="patches",
        ),
    )
}
