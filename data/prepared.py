"""Metadata of datasets that TFDS has prepared: which files, images, labels and classes they have.

A folder may come from a stranger. Its JSON files are read as data of bounded size: nothing that
they name is imported, and no file outside the folder is opened. This file imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data import own_images
from data.regular_files import open_regular

_MOST_BYTES = 2**24  # of a metadata file
_MOST_SHARDS = 100_000
_MOST_PIXELS = 100_000_000  # of an image, as in data.decoding
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}")


class MetadataError(ValueError):
    """The metadata cannot be used; the message is a reason to follow the dataset's name."""


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What the files of a prepared dataset say.

    Attributes:
        splits: split → the names of its files, each with its number of records.
        image_key: name of the images in a record.
        image_size: (height, width); None if they have several.
        num_channels: of the images; None if they have several.
        is_deep: whether they have 16 bits per channel.
        label_key: name of the labels in a record; None without.
        class_names: one per label; None without labels.
        of_labels: where the labels come from, in words.
    """

    splits: Mapping[str, tuple[tuple[str, int], ...]]
    image_key: str
    image_size: tuple[int, int] | None
    num_channels: int | None
    is_deep: bool
    label_key: str | None
    class_names: tuple[str, ...] | None
    of_labels: str


def find_folder(data_dir: Path, name: str, version: str = "") -> Path | None:
    """Returns the folder of a prepared dataset; None if it is not on disk.

    Args:
        data_dir: folder of prepared datasets.
        name: of the dataset, followed by a slash and its configuration if it has any.
        version: wanted; empty for the newest one.

    Raises:
        MetadataError: if the dataset has several configurations, and ``name`` has none.
    """
    found = _versions(data_dir / name)
    if version:
        return data_dir / name / version if version in found else None
    if found:
        return data_dir / name / max(found, key=lambda each: [*map(int, each.split("."))])
    configurations = [] if "/" in name else [*filter(None, _configurations(data_dir / name))]
    if configurations:
        raise MetadataError(
            f"has the configuration{'s' * (len(configurations) > 1)} "
            f"{', '.join(configurations[:20])}: type --dataset {name}/{configurations[0]}"
        )
    return None


def _versions(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _VERSION.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _configurations(folder: Path) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in names if name.isprintable() and _versions(folder / name)]


def read_metadata(folder: Path, name: str, options: Mapping[str, Any]) -> Metadata:
    """Returns what a prepared folder says about itself.

    Args:
        folder: of one version of the dataset.
        name: of the dataset; files begin with its part before a slash.
        options: the flags ``image_key`` and ``label_key``.

    Raises:
        MetadataError: if a file is missing or damaged, or the dataset is of another kind.
        OSError: if a file cannot be read.
    """
    info = _read_json(folder / "dataset_info.json")
    features = _object(_read_json(folder / "features.json"), "features.json")
    features = _object(
        _object(features.get("featuresDict"), "features").get("features"), "features"
    )
    described = {key: each for key, each in features.items() if isinstance(each, dict)}
    images = {key: each["image"] for key, each in described.items() if "image" in each}
    labels = {key: each["classLabel"] for key, each in described.items() if "classLabel" in each}
    supervised = _supervised_keys(info)
    image_key = _choose_images(images, options["image_key"], supervised)
    size, channels, is_deep = _read_shape(_object(images[image_key], image_key))
    target = supervised[1] if supervised[0] == image_key else None
    label_key, of_labels = _choose_labels(labels, options["label_key"], target)
    class_names = None
    if label_key is not None:
        class_names = _read_classes(folder, label_key, _object(labels[label_key], label_key))
        of_labels = f"{own_images.count_classes(class_names)}, from {label_key}"
    splits = _read_splits(info, name.split("/")[0])
    return Metadata(splits, image_key, size, channels, is_deep, label_key, class_names, of_labels)


def _read_text(path: Path) -> str:
    file, size = open_regular(path)
    with file:
        if size > _MOST_BYTES:
            raise MetadataError(f"has {size:,} bytes in {path.name}, more than {_MOST_BYTES:,}")
        return file.read(_MOST_BYTES).decode()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return _object(json.loads(_read_text(path)), path.name)
    except FileNotFoundError:
        raise MetadataError(f"has no {path.name}, which TFDS writes last") from None
    except MetadataError:
        raise
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise MetadataError(f"has a damaged {path.name} ({reason})") from None


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MetadataError(f"does not describe its {_short(name)}")
    return value


def _integer(value: Any, lowest: int, highest: int, noun: str) -> int:
    """Returns an integer, which JSON of TFDS has as text."""
    text = str(value)
    if not re.fullmatch(r"-?\d{1,15}", text) or not lowest <= int(text) <= highest:
        raise MetadataError(f"has {_short(text)} as {noun}: expected {lowest:,} to {highest:,}")
    return int(text)


def _short(text: str) -> str:
    return own_images.make_printable(text)[:60]


# --------------------------------------------------------------------------------- features


def _supervised_keys(info: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Returns the features that TFDS names as a model's input and its target."""
    keys = info.get("supervisedKeys")
    pair = keys.get("tuple", {}) if isinstance(keys, dict) else {}
    items = pair.get("items", []) if isinstance(pair, dict) else []
    names = [each.get("featureKey") if isinstance(each, dict) else None for each in items]
    return (names[0], names[1]) if len(names) == 2 else (None, None)


def _choose_images(
    images: Mapping[str, Any], asked: str | None, supervised: tuple[str | None, str | None]
) -> str:
    names = ", ".join(map(_short, images))
    if not images:
        raise MetadataError("has no images among its features: choose another --dataset")
    if asked is not None:
        if asked not in images:
            raise MetadataError(f"has no images {asked}: type --image_key with one of {names}")
        return asked
    if supervised[0] in images:
        return str(supervised[0])
    if len(images) > 1 and "image" not in images:
        raise MetadataError(f"has several images: type --image_key with one of {names}")
    return "image" if "image" in images else next(iter(images))


def _read_shape(image: Mapping[str, Any]) -> tuple[tuple[int, int] | None, int | None, bool]:
    """Returns (height, width) and channels, None if unknown, and whether values have 16 bits."""
    dtype = image.get("dtype", "uint8")
    if dtype not in ("uint8", "uint16"):
        raise MetadataError(f"has {_short(str(dtype))} images: expected uint8 or uint16")
    dimensions = _object(image.get("shape"), "images' shape").get("dimensions")
    if not isinstance(dimensions, list) or len(dimensions) != 3:
        raise MetadataError("has images that are not (height, width, channels)")
    height, width, channels = (
        _integer(each, -1, 100_000, "a size of its images") for each in dimensions
    )
    if channels not in (-1, 1, 3, 4) or 0 in (height, width) or height * width > _MOST_PIXELS:
        raise MetadataError(
            f"has images of {height}×{width}×{channels}: expected 1, 3 or 4 channels and at most "
            f"{_MOST_PIXELS:,} pixels"
        )
    size = None if -1 in (height, width) else (height, width)
    return size, None if channels == -1 else channels, dtype == "uint16"


def _choose_labels(
    labels: Mapping[str, Any], asked: str | None, target: str | None
) -> tuple[str | None, str]:
    """Returns the name of the labels, or None, and the reason for None."""
    names = ", ".join(map(_short, labels))
    if asked == "none" or not labels:
        if asked not in (None, "none"):
            raise MetadataError(f"has no labels: leave out --label_key {asked}")
        return None, "no labels"
    if asked is not None:
        if asked not in labels:
            raise MetadataError(f"has no labels {asked}: type --label_key none, or one of {names}")
        return asked, ""
    for key in (target, "label"):
        if key in labels:
            return key, ""
    if len(labels) == 1:
        return next(iter(labels)), ""
    return None, f"no labels; for labels, type --label_key with one of {names}"


def _read_classes(folder: Path, key: str, label: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names of the classes: their numbers, if the folder has no names."""
    count = _integer(label.get("numClasses"), 1, 10**9, "its number of classes")
    if count > own_images.MOST_CLASSES:
        raise MetadataError(
            f"has {count:,} classes: expected at most {own_images.MOST_CLASSES:,}; type "
            "--label_key none to use none"
        )
    names = [str(number) for number in range(count)]
    if os.sep not in key:
        try:
            names = _read_text(folder / f"{key}.labels.txt").splitlines()
        except FileNotFoundError:
            pass
        except UnicodeDecodeError:
            raise MetadataError(f"has class names in {_short(key)} that are not UTF-8") from None
    names = [name for name in names if name.strip()]
    if len(names) != count:
        raise MetadataError(f"has {len(names):,} class names for {count:,} classes")
    return tuple(own_images.make_printable(name)[:255] for name in names)


# ----------------------------------------------------------------------------------- splits


def _read_splits(info: Mapping[str, Any], name: str) -> dict[str, tuple[tuple[str, int], ...]]:
    """Returns split → the names of its files and their numbers of records."""
    file_format = info.get("fileFormat", "tfrecord")
    if file_format != "tfrecord":
        raise MetadataError(
            f"is stored as {_short(str(file_format))}: expected tfrecord, which TFDS writes by "
            "default"
        )
    listed = info.get("splits")
    if not isinstance(listed, list) or not listed:
        raise MetadataError("names no splits")
    splits: dict[str, tuple[tuple[str, int], ...]] = {}
    for each in listed:
        split = _object(each, "splits")
        label, lengths = split.get("name"), split.get("shardLengths", [])
        if not isinstance(label, str) or not re.fullmatch(r"[\w.+-]{1,100}", label):
            raise MetadataError(f"has a split called {_short(str(label))}")
        if not isinstance(lengths, list) or len(lengths) > _MOST_SHARDS:
            raise MetadataError(f"does not say how many images its {label} files have")
        counts = [_integer(length, 0, 10**9, f"a number of {label} images") for length in lengths]
        template = split.get("filepathTemplate") or _TEMPLATE
        files = [
            _fill(str(template), name, label, number, len(counts)) for number in range(len(counts))
        ]
        splits[label] = tuple(zip(files, counts, strict=True))
    return splits


def _fill(template: str, name: str, split: str, number: int, total: int) -> str:
    """Returns the name of a file, by TFDS's template."""
    words = {
        "DATASET": name,
        "SPLIT": split,
        "FILEFORMAT": "tfrecord",
        "SHARD_X_OF_Y": f"{number:05}-of-{total:05}",
        "SHARD_INDEX": f"{number:05}",
        "NUM_SHARDS": f"{total:05}",
    }
    file = re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], os.sep), template)
    if os.sep in file or not file.isprintable() or not 0 < len(file) < 256:
        raise MetadataError(f"has files called {_short(template)}, which this program cannot find")
    return file
