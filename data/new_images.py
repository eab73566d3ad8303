"""Images for a trained model: files, a folder or arrays, converted as those of its run were."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from catalog.datasets import DatasetInfo
from catalog.values import ARRAY_SUFFIXES
from data import DataError, decoding, own_images, scaling
from data.array_files import ArrayError, Arrays, open_arrays
from data.decoding import SUFFIXES, Facts, ImageError
from data.sources import arrays as array_source
from data.tree import read_tree

_MOST_HEADERS = 5_000  # read when images are opened: a wrong size found there is found at once
_BYTES_AT_ONCE = 2**25  # of decoded images
_ADVICE = "save the images under the name images"


@dataclasses.dataclass(frozen=True)
class NewImages:
    """Images that are listed and checked, and decoded when they are needed.

    Attributes:
        names: of the images: paths of files, relative to the folder that was given; for arrays,
            the array's name and the position in it. Printable.
        scaling: how values become 256 levels, in words; empty for image files.
        batches: yields the images in the order of the names, some at a time: uint8 (num_images,
            height, width, channels) in 0..255. Raises DataError for a damaged file.
    """

    names: list[str]
    scaling: str
    batches: Callable[[], Iterator[np.ndarray]]

    def __len__(self) -> int:
        return len(self.names)


def open_images(paths: Sequence[str], info: DatasetInfo) -> NewImages:
    """Opens image files, or one folder, or one array file.

    A folder is searched as ``--dataset`` does, subfolders included, in the order of names. Images
    are resized, cropped and converted to gray only if those of the run were. Numbers in arrays
    are scaled as those of the run if they are of the same kind, integers or floats.

    Args:
        paths: of image files, or one path.
        info: the dataset that the run was trained on.

    Raises:
        DataError: if one of them cannot be used; the message is one line.
    """
    if len(paths) == 1 and os.path.isdir(paths[0]):
        own_images.check_path(paths[0])
        tree = read_tree(Path(paths[0]))
        if not len(tree):
            raise DataError(
                f"{paths[0]} holds no images: expected files that end in {', '.join(SUFFIXES)}"
            )
        names = [own_images.make_printable(tree.name(place)) for place in range(len(tree))]
        return _open(names, tree.path, info)
    if len(paths) == 1 and paths[0].endswith(ARRAY_SUFFIXES):
        return _open_arrays(paths[0], info)
    return open_files(paths, info)


def open_files(paths: Sequence[str], info: DatasetInfo) -> NewImages:
    """Opens image files, as ``open_images`` does."""
    for path in paths:
        own_images.check_path(path)
        if not os.path.exists(path):
            raise DataError(f"there is no file {path}")
        if os.path.isdir(path) or path.endswith(ARRAY_SUFFIXES):
            raise DataError(
                f"{path} is not an image: expected image files with commas between them"
            )
    return _open(list(paths), lambda place: Path(paths[place]), info)


def _can(info: DatasetInfo) -> tuple[bool, bool]:
    """Whether the images of a run were resized, and whether they were converted to gray."""
    return info.options.get("image_size") is not None, info.options.get("grayscale") is True


def _problem(height: int, width: int, is_color: bool, info: DatasetInfo) -> str:
    """Returns why images cannot be converted to those of a run; empty if they can be."""
    resize, to_gray = _can(info)
    if (height, width) != info.image_shape[:2] and not resize:
        wanted = f"{info.image_shape[0]}×{info.image_shape[1]}"
        return (
            f"has {height}×{width} pixels, and the run was trained on images of {wanted}: resize "
            f"it to {wanted}"
        )
    if is_color and info.image_shape[2] == 1 and not to_gray:
        return "has colors, and the run was trained on gray images: convert it to gray"
    return ""


# ------------------------------------------------------------------------------ image files


def _open(names: list[str], path_of: Callable[[int], Path], info: DatasetInfo) -> NewImages:
    count = len(names)
    looked_at = np.unique(np.linspace(0, count - 1, min(count, _MOST_HEADERS)).astype(int))
    paths = [path_of(int(place)) for place in looked_at]
    for path, facts in zip(paths, decoding.read_all_facts(paths), strict=True):
        _check(path, facts, info)
    at_once = max(1, _BYTES_AT_ONCE // math.prod(info.image_shape))

    def batches() -> Iterator[np.ndarray]:
        for first in range(0, count, at_once):
            images = np.empty((min(at_once, count - first), *info.image_shape), np.uint8)

            def decode(place: int, first: int = first, images: np.ndarray = images) -> None:
                images[place] = _decode(path_of(first + place), info)

            decoding.for_each(len(images), decode, "decoding")
            yield images

    return NewImages(names, "", batches)


def _check(path: Path, facts: Facts | ImageError, info: DatasetInfo) -> None:
    if isinstance(facts, ImageError):
        raise DataError(f"{path} {facts}: leave it out")
    problem = _problem(facts.height, facts.width, facts.is_color, info)
    if problem:
        raise DataError(f"{path} {problem}")


def _decode(path: Path, info: DatasetInfo) -> np.ndarray:
    try:
        _check(path, decoding.read_facts(path), info)
        return decoding.decode(path, info.image_shape, *_can(info))
    except ImageError as error:
        raise DataError(f"{path} {error}: leave it out") from None


# ----------------------------------------------------------------------------------- arrays


def _open_arrays(path: str, info: DatasetInfo) -> NewImages:
    own_images.check_path(path)
    try:
        with open_arrays(Path(path)) as arrays:
            keys = _choose_images(arrays, info)
            known = info.scale
            if (known is None or known[0] == "float") and all(
                arrays.dtypes[key] == np.uint8 for key in keys
            ):
                known = ("integer", 255)  # a dark image is not scaled
            scale, in_words, _ = scaling.find_scale(arrays, keys, known)
            sizes = [arrays.shapes[key][0] for key in keys]
    except ArrayError as error:
        raise DataError(f"{path} {error}") from None
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error

    def batches() -> Iterator[np.ndarray]:
        try:
            with open_arrays(Path(path)) as arrays:
                for key in keys:
                    for part in arrays.read(key):
                        yield array_source.to_images(part, info.image_shape, scale[1])
        except ArrayError as error:
            raise DataError(f"{path} {error}") from None

    names = []
    for key, size in zip(keys, sizes, strict=True):
        digits = len(str(size - 1))
        name = own_images.make_printable(key or Path(path).stem)
        names += [f"{name}-{place:0{digits}}" for place in range(size)]
    return NewImages(names, in_words, batches)


def _choose_images(arrays: Arrays, info: DatasetInfo) -> list[str]:
    """Returns the names of the arrays of images; raises ArrayError if they do not fit a run."""
    image_key = info.options.get("image_key")
    if image_key not in arrays.shapes:
        image_key = None
    keys = list(array_source.choose_images(arrays, image_key, _ADVICE).values())
    for key in keys:
        height, width, channels = array_source.shape_of(arrays.shapes[key])
        problem = _problem(height, width, channels > 1, info)
        if problem:
            raise ArrayError(f"{problem} (it has {arrays.describe([key])})")
    if not sum(arrays.shapes[key][0] for key in keys):
        raise ArrayError("holds no images")
    return keys
