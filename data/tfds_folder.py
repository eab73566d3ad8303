"""Description of a TFDS dataset by its metadata, and its division into training and test images.

A dataset that is not on disk is downloaded first. This file imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catalog.datasets import SOURCES, DatasetInfo
from catalog.tfds_names import TFDS_NAMES
from catalog.values import TFDS_NAME
from data import DataError, UnknownDataset, held_out, own_images, prepared, resolve_data_dir


@dataclasses.dataclass(frozen=True)
class Opened:
    """A prepared dataset whose metadata has been read.

    Attributes:
        info: its description.
        metadata: what its files say.
        files: split → its files, each with its number of records.
        rows: split → positions of its images among the records of these files, ascending.
    """

    info: DatasetInfo
    metadata: prepared.Metadata
    files: Mapping[str, tuple[tuple[Path, int], ...]]
    rows: Mapping[str, np.ndarray]


def describe(dataset: str, options: Mapping[str, Any], data_dir: str | None) -> DatasetInfo:
    """Returns the description of a dataset, by its metadata; it is downloaded if it is missing.

    Args:
        dataset: its name, its configuration if it has any, and a version if one is wanted.
        options: the flags ``image_size``, ``grayscale``, ``image_key`` and ``label_key``.
        data_dir: folder of prepared datasets; None for ``TFDS_DATA_DIR``, else TFDS's default.

    Raises:
        UnknownDataset: if it is neither prepared nor one of TFDS's own.
        DataError: if it is damaged, cannot be used or cannot be downloaded.
    """
    if not TFDS_NAME.fullmatch(dataset):
        raise UnknownDataset(dataset)
    return _open(dataset, resolve_data_dir(data_dir), tuple(options.items())).info


def _download(dataset: str, data_dir: Path) -> None:
    """Downloads a dataset in a process of its own; raises DataError if that fails."""
    print(f"{dataset} is not in {data_dir}: downloading it", flush=True)
    program = Path(__file__).with_name("download.py")
    result = subprocess.run(
        [sys.executable, "-P", str(program), dataset, str(data_dir)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_GCE_CHECK": "true"},
        stdout=subprocess.PIPE,  # its progress is on the standard error
        text=True,
    )
    if result.returncode:
        lines = result.stdout.strip().splitlines() or [f"exit status {result.returncode}"]
        raise unavailable(dataset, data_dir, lines[-1])


@functools.lru_cache(maxsize=8)
def _open(dataset: str, data_dir: Path, chosen: tuple[tuple[str, Any], ...]) -> Opened:
    options, (name, _, version) = dict(chosen), dataset.partition(":")
    try:
        folder = prepared.find_folder(data_dir, name, version)
        if folder is None:
            first = name.split("/")[0]
            if first not in TFDS_NAMES:
                prepared.find_folder(data_dir, first)  # to say which configurations it has
                raise UnknownDataset(dataset, f"; {dataset} is not prepared in {data_dir}")
            _download(dataset, data_dir)
            folder = prepared.find_folder(data_dir, name, version)
        if folder is None:
            raise unavailable(dataset, data_dir, "TFDS wrote another version")
        metadata = prepared.read_metadata(folder, name, options)
        return _divide(name, folder, metadata, options)
    except prepared.MetadataError as error:
        raise DataError(f"{dataset} in {data_dir} {error}") from None
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{dataset} in {data_dir} cannot be read ({reason})") from error


def open_as(info: DatasetInfo, data_dir: str | None) -> Opened:
    """Opens the dataset of a description; raises DataError if it has changed since."""
    dataset, options = f"{info.name}:{info.version}", tuple(info.options.items())
    opened = _open(dataset, resolve_data_dir(data_dir), options)
    if opened.info != info:
        raise DataError(f"{info.name} has changed since it was described: start again")
    return opened


def _divide(
    name: str, folder: Path, metadata: prepared.Metadata, options: Mapping[str, Any]
) -> Opened:
    """Divides a prepared dataset into training, validation and test images."""
    splits = dict(metadata.splits)
    if "train" not in splits and len(splits) > 1:
        raise prepared.MetadataError(f"has the splits {', '.join(splits)}: expected train")
    parts = {"train": splits.pop("train", None) or splits.popitem()[1]}
    parts |= {part: splits.pop(part, ()) for part in ("validation", "test")}
    sizes = {part: sum(count for _, count in files) for part, files in parts.items()}
    try:
        division = held_out.divide(sizes)
    except ValueError as error:
        raise prepared.MetadataError(str(error)) from None
    size: tuple[int, int] | None = options["image_size"] or metadata.image_size
    if size is None:
        raise prepared.MetadataError(
            "has images of several sizes: type --image_size HEIGHT,WIDTH to resize and crop them, "
            "such as --image_size 64"
        )
    is_gray, has_color = options["grayscale"], metadata.num_channels != 1
    if is_gray is None:
        is_gray = not has_color
    is_resized = size != metadata.image_size
    notes = [
        f"version {folder.name} in {folder.parent}",
        *own_images.note_conversions(size, is_resized, is_gray, has_color),
        *(["16-bit values scaled from 0..65,535 to 256 levels"] if metadata.is_deep else []),
        *(["transparent pixels are put on white"] if metadata.num_channels == 4 else []),
        metadata.of_labels,
        *division.notes,
        *([f"splits ignored: {', '.join(splits)}"] if splits else []),
    ]
    files = {part: [(folder / file, count) for file, count in parts[part]] for part in parts}
    facts = [
        [path.name, path.stat().st_size, count] for part in files.values() for path, count in part
    ]
    info = DatasetInfo(
        name,
        SOURCES[name].description,
        image_shape=(*size, 1 if is_gray else 3),
        num_train=len(division.train),
        num_test=len(division.test),
        num_validation=division.num_validation,
        class_names=metadata.class_names,
        source="tfds",
        version=folder.name,
        options=options,
        fingerprint=hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
        has_validation=division.has_validation,
        notes=tuple(notes),
    )
    # TFDS stores images shuffled: they are read in the order in which they are stored.
    rows = {"train": np.sort(division.train), "test": np.sort(division.test)}
    to_train_on = (*files["train"], *files["validation"])
    if not files["test"]:
        return Opened(info, metadata, {"train": to_train_on, "test": to_train_on}, rows)
    rows["test"] -= sizes["train"] + sizes["validation"]
    return Opened(info, metadata, {"train": to_train_on, "test": tuple(files["test"])}, rows)


def unavailable(dataset: str, data_dir: Path, reason: str) -> DataError:
    """Returns the error for images that are not on disk and cannot be downloaded."""
    return DataError(
        f"{dataset} is not in {data_dir} and cannot be downloaded ({reason}): name the folder "
        "that holds it with --data_dir FOLDER, or work offline with --dataset digits"
    )
