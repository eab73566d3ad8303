"""Images and labels by name or path, split, and served in batches.

    describe(dataset) → DatasetInfo  shape, counts, classes, value range, before training
    sources/                         loading of images: one module per kind of source
    decoding, held_out               image files to arrays; test images of a source without any
    splits                           training, validation and test images
    batches, streaming, loading      what a model trains on
    cache, memory                    decoded images on disk and in memory

This file imports no TensorFlow, so that the command line can check a name, a count or a folder
at once. The rows of known datasets are in ``catalog.datasets``.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from catalog.datasets import DATASETS, SOURCES, DatasetInfo, is_known, is_path, short_name
from catalog.tfds_names import TFDS_NAMES
from catalog.values import Dataset


class DataError(Exception):
    """The images cannot be loaded; the message is one line for the user."""


class UnknownDataset(DataError):
    """No dataset has the name; the message says what is accepted."""

    def __init__(self, name: str, place: str = ""):
        accepted, names = Dataset(tuple(DATASETS)), dict.fromkeys([*DATASETS, *TFDS_NAMES])
        hint = accepted.suggest(re.split("[/:]", name)[0], names, cutoff=0.6)
        super().__init__(f"expected {accepted.accepted}{place}{hint}")


def describe(
    dataset: str | DatasetInfo,
    data_dir: str | None = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> DatasetInfo:
    """Returns the description of a dataset, given by its name or by the path of the user's images.

    No image of a known dataset is read for it. The user's own folders are listed, their array
    files read once, and of other datasets of TFDS the metadata, which is downloaded with the
    images if it is not on disk; the results are kept until the process ends. A description is
    returned unchanged.

    Args:
        dataset: a key of ``DATASETS``, the name of a dataset of TFDS, an absolute path, or a
            description.
        data_dir: folder of prepared datasets; the known datasets are described without it.
        settings: flags by name, of which those that the source reads count.

    Raises:
        UnknownDataset: if no dataset has that name.
        DataError: if the images cannot be used, or not be downloaded.
    """
    if isinstance(dataset, DatasetInfo):
        return dataset
    if is_known(dataset):
        return DATASETS[dataset]
    row = SOURCES[dataset]
    options = {flag.name: settings.get(flag.name, flag.default) for flag in row.flags}
    source = importlib.import_module(f"data.sources.{row.module}")
    place = () if is_path(dataset) else (data_dir,)
    info: DatasetInfo = source.describe(dataset, options, *place)
    return info


def to_record(info: DatasetInfo, folder: Path | None = None) -> dict[str, Any]:
    """Returns what a run depends on, as the JSON object ``dataset`` of run.json.

    Args:
        info: the dataset's description.
        folder: of the run, to record where the user's own images are relative to it.
    """
    record = {
        "name": info.name,
        "image_shape": list(info.image_shape),
        "num_train": info.num_train,
        "num_test": info.num_test,
        "class_names": None if info.class_names is None else list(info.class_names),
        "value_range": list(info.value_range),
    }
    if info.fingerprint is not None:
        record |= {
            "num_validation": info.num_validation,
            "has_validation": info.has_validation,
            "fingerprint": info.fingerprint,
            "notes": list(info.notes),
        }
        if info.version is not None:
            record["version"] = info.version
        if info.path is not None and folder is not None:
            record["relative_path"] = os.path.relpath(info.path, folder)
    return record


def read_description(recorded: Any, dataset: str, settings: Mapping[str, Any]) -> DatasetInfo:
    """Returns the description in a run.json of a dataset that is not known; nothing is opened.

    Args:
        recorded: the object ``dataset``, as ``runs`` has checked it.
        dataset: the name or path that the run was trained on.
        settings: the run's flags.

    Raises:
        DataError: if it is missing or incomplete.
    """
    if recorded is None and not is_path(dataset):
        raise UnknownDataset(dataset)
    wanted = ("num_validation", "has_validation", "fingerprint")
    if not isinstance(recorded, Mapping) or any(name not in recorded for name in wanted):
        raise DataError('"dataset" does not describe the images')
    row, classes = SOURCES[dataset], recorded["class_names"]
    return DatasetInfo(
        short_name(dataset),
        row.description,
        image_shape=tuple(recorded["image_shape"]),
        num_train=recorded["num_train"],
        num_test=recorded["num_test"],
        num_validation=recorded["num_validation"],
        class_names=None if classes is None else tuple(classes),
        source=row.module,
        version=recorded.get("version"),
        path=dataset if is_path(dataset) else None,
        options={flag.name: settings.get(flag.name, flag.default) for flag in row.flags},
        fingerprint=recorded["fingerprint"],
        has_validation=recorded["has_validation"],
    )


def from_record(record: Mapping[str, Any], name: str, data_dir: str | None = None) -> DatasetInfo:
    """Returns the description of the dataset that a run was trained on.

    Args:
        record: the content of run.json. Old runs have no ``dataset`` there: theirs is
            described by its name alone.
        name: the run's ``--dataset``, or the path where its images are now.
        data_dir: as for ``describe``.

    Raises:
        DataError: if the recorded dataset differs from the present dataset of that name.
    """
    recorded = record.get("dataset", {})
    if not isinstance(recorded, dict):
        raise DataError(f'run.json is refused: "dataset" is {recorded!r:.80}, expected an object')
    wanted = name
    if not is_known(name) and not is_path(name) and ":" not in name and "version" in recorded:
        wanted = f"{name}:{recorded['version']}"  # there may be newer ones now
    info = describe(wanted, data_dir, record.get("flags", {}))
    expected = to_record(info)
    recorded = record.get("dataset", expected)
    advice = "type the --data_dir that the run was trained with"
    if info.fingerprint is not None:
        # A folder may be moved and renamed, and notes reworded.
        for field in ("notes", "relative_path", *(["name"] if is_path(name) else [])):
            recorded = {**recorded, field: expected.get(field)}
    if is_path(name):
        advice = "type --dataset with the path of the images that the run was trained on"
    for field in expected | recorded:
        found, known = recorded.get(field), expected.get(field)
        if found != known:
            raise DataError(
                f"run.json describes another dataset than {name}: its {field} is {found!r:.80}, "
                f"expected {known!r:.80}; {advice}"
            )
    return info


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


def source_of(info: DatasetInfo) -> Any:
    """Returns the module of ``data.sources`` that loads a dataset."""
    return importlib.import_module(f"data.sources.{info.source}")


def can_stream(dataset: str | DatasetInfo) -> bool:
    """Whether the training images can be read from the disk in every epoch."""
    return hasattr(source_of(describe(dataset)), "open_stream")


def is_prepared(dataset: str | DatasetInfo, data_dir: str | None) -> bool:
    """Whether the dataset is on disk: no download is needed to load it."""
    info = describe(dataset, data_dir)
    source = source_of(info)
    return not hasattr(source, "is_prepared") or source.is_prepared(info, data_dir)


def check_available(
    dataset: str | DatasetInfo, data_dir: str | None, timeout: float = 10.0
) -> None:
    """Checks, before anything is loaded, that a dataset is on disk or its server answers.

    Raises:
        DataError: if neither holds.
    """
    info = describe(dataset, data_dir)
    if not is_prepared(info, data_dir):
        source_of(info).check_server(info, data_dir, timeout)
