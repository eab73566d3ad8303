"""Datasets: what is known about each before any image is read.

A known dataset is one row of ``DATASETS``; every other one is described when it is opened. A new
way of loading images is a new module in ``data/sources``, whose docstring lists the functions
that a module needs.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from catalog.flags import Flag
from catalog.values import ARRAY_SUFFIXES, Boolean, ImageSize, Number, Text


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
        version: of the dataset in TFDS; None where the source has no versions. The name does not
            contain it.
        download_url: address that TFDS downloads from; None for embedded images.
        sha256: split → digest of its decoded images followed by its labels (int64), where
            they are known.
        path: of the user's own folder or file, absolute; None for a dataset with a name.
        options: the flags that its source reads, by name.
        fingerprint: of the names, sizes or contents of the files of a dataset that is described
            when it is opened; None for a known dataset.
        has_validation: whether the source has validation images of its own: the last
            ``num_validation`` images of the training split.
        notes: what was decided about the images, one line each.
        skipped: images that ``--skip_bad_images`` leaves out, each with the reason.
        scale: of the user's own arrays: ``"integer"`` or ``"float"``, and the number that becomes
            255.
        factors: known factors of variation → number of values; empty if there are none.
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
    path: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fingerprint: str | None = None
    has_validation: bool = False
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    scale: tuple[str, float] | None = None
    factors: Mapping[str, int] = dataclasses.field(default_factory=dict)

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
        DatasetInfo(
            "shapes",
            "shapes with known factors, 32×32, 17,280 + 4,320 images, embedded: no download",
            image_shape=(32, 32, 1),
            num_train=17_280,
            num_test=4_320,
            num_validation=1_728,
            class_names=("ellipse", "triangle", "heart"),
            source="shapes",
            sha256={
                "train": "b4c782bc17bf843a39d0df15b29742aa6b7c870ca61fbc1246f6185ab8417a50",
                "test": "9675e5be30d7a290e95670e81c176ea4255e4985358121c1329d45fb54c15bcb",
            },
            factors={"shape": 3, "size": 5, "angle": 10, "x": 12, "y": 12},
        ),
    )
}


# ----------------------------------------------------------------------- the user's own images

_IMAGE_SIZE = Flag(
    "image_size",
    ImageSize(Number(int, 1, 10_000)),
    None,
    "resize images to this size in pixels and crop them at the center, as in 64 or 64,48",
    "sz",
    "data",
    is_common=True,
)
_GRAYSCALE = Flag(
    "grayscale",
    Boolean(),
    None,
    "convert images to gray, or with 0 to color (default: gray if all are gray)",
    "gray",
    "data",
)
_SKIP_BAD_IMAGES = Flag(
    "skip_bad_images",
    Boolean(),
    False,
    "leave out files that cannot be decoded, and list them in the run's skipped_images.txt; all "
    "files are decoded once to find them",
    "skip",
    "data",
)
_KEY = Text(r"\S(.{0,98}\S)?", "the name of an array", "name")
_IMAGE_KEY = Flag(
    "image_key",
    _KEY,
    None,
    "array of images in an .npz file, or feature of a TFDS dataset",
    "ik-",
    "data",
)
_LABEL_KEY = Flag(
    "label_key",
    _KEY,
    None,
    "array of labels in an .npz file, or feature of a TFDS dataset; none: no labels",
    "lk-",
    "data",
)


class Source(NamedTuple):
    """A choice of ``--dataset``.

    Attributes:
        description: one line for the help text.
        module: in ``data/sources``.
        flags: that it reads.
    """

    description: str
    module: str
    flags: tuple[Flag, ...] = ()


FOLDER, FILE, TFDS = "FOLDER", "FILE.npz", "TFDS_NAME"  # as they stand in messages


class _Sources(dict[str, Source]):
    """The sources of images by dataset; that of a path follows from its suffix."""

    def __missing__(self, dataset: str) -> Source:
        if not is_path(dataset):
            return self[TFDS]
        return self[FILE if dataset.endswith(ARRAY_SUFFIXES) else FOLDER]


SOURCES = _Sources(
    {
        **{name: Source(info.description, info.source) for name, info in DATASETS.items()},
        FOLDER: Source("a folder of images", "folder", (_IMAGE_SIZE, _GRAYSCALE, _SKIP_BAD_IMAGES)),
        FILE: Source(
            "an .npz or .npy file", "arrays", (_IMAGE_SIZE, _GRAYSCALE, _IMAGE_KEY, _LABEL_KEY)
        ),
        TFDS: Source(
            "an image dataset of TFDS", "tfds", (_IMAGE_SIZE, _GRAYSCALE, _IMAGE_KEY, _LABEL_KEY)
        ),
    }
)


def is_path(dataset: str) -> bool:
    """Whether a value of ``--dataset`` is a path, as opposed to the name of a dataset."""
    return dataset.startswith(os.sep)


def is_known(dataset: str) -> bool:
    """Whether a dataset is described here; others are described when they are opened."""
    return dataset in DATASETS


def short_name(dataset: str) -> str:
    """Returns a name for figures and for the folders of runs: that of a path is its last part."""
    if not is_path(dataset):
        return re.sub("[/:]", "-", dataset)
    name = os.path.basename(dataset)
    stem = name.removesuffix(".npz").removesuffix(".npy")
    plain = re.sub(r"[^\w.=+-]+", "-", stem)[:40].strip("._-=+")
    return f"own-{plain}" if plain in DATASETS or not plain else plain
