"""Images in an ``.npz`` or ``.npy`` file.

    .npy    one array of images
    .npz    images in x_train, train_images, images, data, … (and x_val, x_test, …), and labels, if
            there are any, in y_train, train_labels, labels, … (and y_val, y_test, …)

An array of images is (num_images, height, width), (num_images, height, width, channels) or
(num_images, channels, height, width). Files may come from strangers: nothing in them is unpickled,
and arrays are read a part at a time.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catalog.datasets import SOURCES, DatasetInfo, short_name
from data import DataError, decoding, held_out, memory, own_images, scaling
from data.array_files import ArrayError, Arrays, open_arrays

_NAMES = {
    "train": ("x_train", "train_images", "images", "data", "x", "X", "image", "arr_0"),
    "validation": ("x_val", "x_valid", "x_validation", "val_images", "validation_images"),
    "test": ("x_test", "test_images"),
}
_LABEL_NAMES = {
    "train": ("y_train", "train_labels", "labels", "label", "y", "Y", "targets", "target"),
    "validation": ("y_val", "y_valid", "y_validation", "val_labels", "validation_labels"),
    "test": ("y_test", "test_labels"),
}
_CHANNELS = (1, 3, 4)


@dataclasses.dataclass(frozen=True)
class _Opened:
    """An array file that has been read once.

    Attributes:
        info: its description.
        keys: names of the arrays of images, in the order of the parts.
        rows: split → positions of its images, counted over these arrays.
        labels: of all images, int64; None without.
        highest: the value that becomes 255.
    """

    info: DatasetInfo
    keys: tuple[str, ...]
    rows: Mapping[str, np.ndarray]
    labels: np.ndarray | None
    highest: float


def describe(path: str, options: Mapping[str, Any]) -> DatasetInfo:
    """Returns the description of an array file, whose images are read once to check them.

    Args:
        path: absolute.
        options: the flags ``image_size``, ``grayscale``, ``image_key`` and ``label_key``.

    Raises:
        DataError: if it cannot be used; the message is one line.
    """
    return _open(path, tuple(options.items())).info


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns images of one split, scaled to uint8.

    Args:
        info: the file's description.
        split: ``"train"`` or ``"test"``.
        data_dir: not used; the description has the file's path.
        positions: of the images wanted, in that order; None for all.

    Returns:
        images, uint8 (num_images, height, width, channels) in 0..255; labels, int64
        (num_images,), or None.

    Raises:
        DataError: if the file cannot be read, has changed, or does not fit into memory.
    """
    assert info.path is not None
    opened = _open(info.path, tuple(info.options.items()))
    if opened.info != info:
        raise DataError(f"{info.path} has changed since it was described: start again")
    rows = opened.rows[split] if positions is None else opened.rows[split][positions]
    size, free = len(rows) * int(np.prod(info.image_shape)), memory.available()
    if free is not None and size > free:
        raise DataError(
            f"{info.path} takes {memory.in_words(size)} in memory, and {memory.in_words(free)} are "
            "available: type a smaller --image_size, or write the images as files into a folder, "
            "which is streamed"
        )
    images = memory.make_array((len(rows), *info.image_shape))
    order = np.argsort(rows, kind="stable")
    ascending, first = rows[order], 0
    try:
        with open_arrays(Path(info.path)) as arrays:
            for key in opened.keys:
                for part in arrays.read(key):
                    begin, end = np.searchsorted(ascending, [first, first + len(part)])
                    wanted = part[ascending[begin:end] - first]
                    images[order[begin:end]] = to_images(wanted, info.image_shape, opened.highest)
                    first += len(part)
    except ArrayError as error:
        raise DataError(f"{info.path} {error}") from None
    return images, None if opened.labels is None else opened.labels[rows]


def to_images(rows: np.ndarray, image_shape: tuple[int, int, int], highest: float) -> np.ndarray:
    """Scales and converts some images.

    Args:
        rows: images of an array that ``choose_images`` accepts.
        image_shape: (height, width, channels) wanted; 1 or 3 channels.
        highest: the value that becomes 255.

    Returns:
        uint8 (num_images, height, width, channels).
    """
    height, width, channels = image_shape
    pixels = _channels_last(scaling.to_bytes(rows, highest))
    if pixels.shape[1:] == image_shape:
        return pixels
    images = np.empty((len(rows), height, width, channels), np.uint8)
    for number, each in enumerate(pixels):
        image = Image.fromarray(each[..., 0] if each.shape[-1] == 1 else each)
        image = decoding.fit(decoding.to_mode(image, channels), (height, width))
        images[number] = np.asarray(image).reshape(height, width, channels)
    return images


def _channels_last(images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        return images[..., np.newaxis]
    return np.moveaxis(images, 1, -1) if _is_channels_first(images.shape) else images


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[-1] not in _CHANNELS and shape[1] in _CHANNELS


# --------------------------------------------------------------------------- describing a file


@functools.lru_cache(maxsize=4)  # reading it takes seconds
def _open(path: str, chosen: tuple[tuple[str, Any], ...]) -> _Opened:
    options = dict(chosen)
    own_images.check_path(path)
    try:
        with open_arrays(Path(path)) as arrays:
            return _describe(path, arrays, options)
    except FileNotFoundError:
        raise DataError(
            f"there is no file {path}: type --dataset with the path of the images"
        ) from None
    except ArrayError as error:
        raise DataError(f"{path} {error}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error


def _describe(path: str, arrays: Arrays, options: Mapping[str, Any]) -> _Opened:
    keys = choose_images(arrays, options["image_key"])
    sizes = {part: arrays.shapes[key][0] for part, key in keys.items()}
    shapes = {arrays.shapes[key][1:] for key in keys.values()}
    if len(shapes) > 1:
        raise ArrayError(f"holds images of several shapes, {arrays.describe(keys.values())}")
    scale, in_words, digest = scaling.find_scale(arrays, list(keys.values()))
    try:
        division = held_out.divide(sizes)
    except ValueError as error:
        raise ArrayError(str(error)) from None
    class_names, labels, of_labels = _read_labels(arrays, keys, options["label_key"])
    height, width, channels = shape_of(arrays.shapes[next(iter(keys.values()))])
    size: tuple[int, int] = options["image_size"] or (height, width)
    is_gray = (channels == 1) if options["grayscale"] is None else options["grayscale"]
    is_resized = size != (height, width)
    notes = [in_words, *own_images.note_conversions(size, is_resized, is_gray, channels > 1)]
    if channels == 4:
        notes.append("transparent pixels are put on white")
    info = DatasetInfo(
        short_name(path),
        SOURCES[path].description,
        image_shape=(*size, 1 if is_gray else 3),
        num_train=len(division.train),
        num_test=len(division.test),
        num_validation=division.num_validation,
        class_names=class_names,
        source="arrays",
        path=path,
        options=options,
        fingerprint=digest,
        has_validation=division.has_validation,
        notes=(*notes, of_labels, *division.notes),
        scale=scale,
    )
    rows = {"train": division.train, "test": division.test}
    return _Opened(info, tuple(keys.values()), rows, labels, scale[1])


def choose_images(
    arrays: Arrays, image_key: str | None, advice: str = "type --image_key NAME"
) -> dict[str, str]:
    """Returns part → name of its images.

    Raises:
        ArrayError: if there are none; it ends in ``advice``.
    """
    if image_key is None and "" in arrays.shapes:
        keys = {"train": ""}
    elif image_key is not None:
        if image_key not in arrays.shapes:
            raise ArrayError(f"has no array {image_key}: it has {arrays.describe()}")
        keys = {"train": image_key}
    else:
        keys = {
            part: found[0]
            for part, names in _NAMES.items()
            if (found := [name for name in names if name in arrays.shapes])
        }
    if "train" not in keys:
        raise ArrayError(
            f"has no array of a usual name, such as images or x_train: {advice}; it has "
            f"{arrays.describe()}"
        )
    for key in keys.values():
        shape = arrays.shapes[key]
        usable = len(shape) == 3 or (len(shape) == 4 and {shape[1], shape[3]} & set(_CHANNELS))
        if not usable or 0 in shape[1:] or arrays.dtypes[key].kind not in "buif":
            raise ArrayError(
                f"has the array {arrays.describe([key])}: expected numbers of shape (images, "
                "height, width), with 1, 3 or 4 channels last or second; for another array "
                f"{advice}"
            )
    return keys


def shape_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Returns (height, width, channels) of an array of images."""
    if len(shape) == 3:
        return shape[1], shape[2], 1
    if _is_channels_first(shape):
        return shape[2], shape[3], shape[1]
    return shape[1], shape[2], shape[3]


def _read_labels(
    arrays: Arrays, keys: Mapping[str, str], label_key: str | None
) -> tuple[tuple[str, ...] | None, np.ndarray | None, str]:
    """Returns the names of the classes, the labels of all images, and what was read, in words."""
    if label_key == "none":
        return None, None, "no labels"
    if label_key is not None:
        if label_key not in arrays.shapes:
            raise ArrayError(f"has no array {label_key}: it has {arrays.describe()}")
        if len(keys) > 1:
            raise ArrayError(
                f"has several arrays of images, and --label_key {label_key} is one: type "
                "--image_key too"
            )
        names = {"train": label_key}
    else:
        names = {
            part: found[0]
            for part in keys
            if (found := [name for name in _LABEL_NAMES[part] if name in arrays.shapes])
        }
    if len(names) < len(keys):
        return None, None, "no labels" + (" for all images" if names else "")
    read = [_read_one(arrays, names[part], arrays.shapes[keys[part]][0]) for part in keys]
    classes, labels = np.unique(np.concatenate(read), return_inverse=True)
    if len(classes) > own_images.MOST_CLASSES:
        raise ArrayError(
            f"has {len(classes):,} different labels in {' and '.join(names.values())}: expected at "
            f"most {own_images.MOST_CLASSES:,}; type --label_key none to use none"
        )
    texts = [
        each.decode(errors="backslashreplace") if isinstance(each, bytes) else str(each)
        for each in classes.tolist()
    ]
    plain = tuple(own_images.make_printable(text)[:255] for text in texts)
    of_labels = f"{own_images.count_classes(plain)}, from {' and '.join(names.values())}"
    return plain, labels.astype(np.int64), of_labels


def _read_one(arrays: Arrays, key: str, count: int) -> np.ndarray:
    """Returns the labels of one array: integers or texts, (count,)."""
    shape, dtype = arrays.shapes[key], arrays.dtypes[key]
    advice = "type --label_key NAME, or --label_key none"
    if shape[:1] != (count,) or len(shape) > 2 or 0 in shape:
        raise ArrayError(f"has labels {arrays.describe([key])} for {count:,} images: {advice}")
    values = np.concatenate(list(arrays.read(key)))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        is_one_hot = dtype.kind in "buif" and np.all((values == 0) | (values == 1))
        if not is_one_hot or not np.all(values.sum(axis=1) == 1):
            raise ArrayError(f"has several labels per image in {key}: {advice}")
        return values.argmax(axis=1)
    if dtype.kind == "f":
        whole = (
            values.astype(np.int64, casting="unsafe") if np.all(np.abs(values) < 2**53) else None
        )
        if whole is None or not np.all(whole == values):
            raise ArrayError(f"has labels in {key} that are not integers: {advice}")
        return whole
    if dtype.kind not in "buiSU":
        raise ArrayError(
            f"has labels {arrays.describe([key])}: expected integers or texts; {advice}"
        )
    return values.astype(np.int64) if dtype.kind in "bui" else values
