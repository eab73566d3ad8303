"""Images and labels by name, split, and served in batches.

    describe(name) → DatasetInfo     shape, counts, classes, value range: no image is read for it
    sources/                         loading of images: one module per kind of source
    splits                           training, validation and test images
    batches, streaming, loading      what a model trains on
    cache, memory                    decoded images on disk and in memory

This file imports no TensorFlow, so that the command line can check a name, a count or a folder
at once. The rows of known datasets are in ``catalog.datasets``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.datasets import DATASETS, DatasetInfo


class DataError(Exception):
    """The images cannot be loaded; the message is one line for the user."""


def describe(dataset: str | DatasetInfo, data_dir: str | None = None) -> DatasetInfo:
    """Returns the description of a dataset, given by its name; a description is returned unchanged.

    Args:
        dataset: a key of ``DATASETS``, or a description.
        data_dir: folder of prepared datasets; the known datasets are described without it.

    Raises:
        DataError: if no dataset has that name.
    """
    if isinstance(dataset, DatasetInfo):
        return dataset
    if dataset not in DATASETS:
        raise DataError(f"unknown dataset {dataset!r}: expected one of {', '.join(DATASETS)}")
    return DATASETS[dataset]


def to_record(info: DatasetInfo) -> dict[str, Any]:
    """Returns what a run depends on, as the JSON object ``dataset`` of run.json."""
    return {
        "name": info.name,
        "image_shape": list(info.image_shape),
        "num_train": info.num_train,
        "num_test": info.num_test,
        "class_names": None if info.class_names is None else list(info.class_names),
        "value_range": list(info.value_range),
    }


def from_record(record: Mapping[str, Any], name: str, data_dir: str | None = None) -> DatasetInfo:
    """Returns the description of the dataset that a run was trained on.

    Args:
        record: the content of run.json. Old runs have no ``dataset`` there: theirs is
            described by its name alone.
        name: the run's ``--dataset``.
        data_dir: as for ``describe``.

    Raises:
        DataError: if the recorded dataset differs from the present dataset of that name.
    """
    info = describe(name, data_dir)
    expected = to_record(info)
    recorded = record.get("dataset", expected)
    if not isinstance(recorded, dict):
        raise DataError(f'run.json is refused: "dataset" is {recorded!r:.80}, expected an object')
    for field in expected | recorded:
        found, known = recorded.get(field), expected.get(field)
        if found != known:
            raise DataError(
                f"run.json describes another dataset than {name}: its {field} is {found!r:.80}, "
                f"expected {known!r:.80}; type the --data_dir that the run was trained with"
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
