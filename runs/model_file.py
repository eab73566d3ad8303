"""Reads ``.keras`` files from strangers.

Such a file is an archive with a config.json, which names classes and sizes, and an HDF5 file of
weights. Keras would create what the config names. This program builds the model from the checked
flags in run.json instead, and only loads the weights, after checking that they are plain arrays
of the shapes that the model has. Neither Keras nor TensorFlow is needed here.
"""

from __future__ import annotations

import collections
import io
import json
from collections.abc import Iterable
from typing import Any, BinaryIO, NamedTuple

from runs.archive import ArchiveError, check_archive, read_member

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_CONFIG_BYTES = 2**22
_MAX_OBJECTS = 10_000  # in the HDF5 file
_MAX_DEPTH = 30  # of nested groups there

# What makes a model with the same shapes of weights another one, and the main sizes.
_COMPARED = (
    *("activation", "dropout", "padding", "paddings", "stride", "strides"),
    *("hidden_dims", "filters", "kernel_sizes", "dense_strides", "latent_dim", "image_shape"),
)

Shape = tuple[int, ...]


class Model(NamedTuple):
    """The checked contents of a file: its configuration, and an HDF5 file of its weights."""

    config: dict[str, Any]
    weights: bytes


def read_model(file: BinaryIO) -> Model:
    """Returns the contents of a ``.keras`` file; raises ArchiveError if it is not one."""
    with check_archive(file, (_CONFIG, _METADATA, _WEIGHTS).__contains__) as archive:
        content = read_member(archive, _CONFIG, _MAX_CONFIG_BYTES)
        weights = read_member(archive, _WEIGHTS)
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"its {_CONFIG} is not JSON") from error
    if not isinstance(config, dict):
        raise ArchiveError(f"its {_CONFIG} is not a JSON object")
    return Model(config, weights)


def check_config(config: Any, expected: Any) -> None:
    """Raises ArchiveError if a file's configuration has other sizes than its run's model.

    Only the keys that decide what a model computes are compared, and only those that both have,
    so that files of older versions, with fewer keys or other class names, are accepted.

    Args:
        config: the file's.
        expected: of the model that run.json describes.
    """
    try:
        found, wanted = _collect(config), _collect(expected)
    except RecursionError as error:
        raise ArchiveError(f"its {_CONFIG} has too many nested values") from error
    for key in found.keys() & wanted.keys():
        for value in found[key] - wanted[key]:
            accepted = " or ".join(sorted(wanted[key]))
            raise ArchiveError(f"its {key} is {value[:60]}, but run.json's flags give {accepted}")


def _collect(config: Any) -> dict[str, set[str]]:
    """Returns the values of the compared keys, as JSON, wherever they are in a configuration."""
    values: dict[str, set[str]] = collections.defaultdict(set)
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for key in part.keys() & set(_COMPARED):
                values[key].add(json.dumps(part[key]))
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
    return values


# ------------------------------------------------------------------------------ weights


def check_weights(content: bytes, shapes: Iterable[Shape]) -> None:
    """Checks that an HDF5 file holds plain arrays of numbers with the shapes of a model's weights.

    The optimizer's arrays, which are in the file too, may have any shapes.

    Args:
        content: the contents of the file.
        shapes: those of the model's weights, in any order.

    Raises:
        ArchiveError: if the file holds links, external, compressed or unwritten data, or other
            weights.
    """
    import h5py

    expected = collections.Counter(shapes)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            found, size = _list_arrays(file)
    except ArchiveError:
        raise
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:200]
        raise ArchiveError(f"its {_WEIGHTS} cannot be read ({reason})") from error
    if size > len(content):
        raise ArchiveError(f"its {_WEIGHTS} claims more bytes than it has")
    for shape, count in (expected - found).items():
        raise ArchiveError(f"its model's weights are incomplete: {count} of shape {shape} missing")
    for shape, count in (found - expected).items():
        raise ArchiveError(f"it has weights that its model does not have: {count} of shape {shape}")


def _list_arrays(file: Any) -> tuple[collections.Counter[Shape], int]:
    """Returns the shapes of the arrays except the optimizer's, and the bytes of all arrays."""
    import h5py

    found: collections.Counter[Shape] = collections.Counter()
    size, seen = 0, 0
    waiting = [("", file)]
    while waiting:
        path, group = waiting.pop()
        if path.count("/") > _MAX_DEPTH:
            raise ArchiveError(f"its {_WEIGHTS} has too many nested groups")
        for name in group:
            seen += 1
            if seen > _MAX_OBJECTS:
                raise ArchiveError(f"its {_WEIGHTS} has more than {_MAX_OBJECTS:,} objects")
            inner = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ArchiveError(f"its {_WEIGHTS} has a link, {ascii(inner)[:60]}")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((inner, item))
                continue
            if not isinstance(item, h5py.Dataset):
                raise ArchiveError(
                    f"its {_WEIGHTS} has an object that is not an array: {ascii(inner)[:60]}"
                )
            _check_array(item, inner)
            size += item.nbytes
            if not inner.startswith("/optimizer/"):
                found[tuple(item.shape)] += 1
    return found, size


def _check_array(array: Any, path: str) -> None:
    """Raises ArchiveError unless an array is stored in the file as plain numbers."""
    plain = (
        array.dtype.kind in "biuf"
        and array.dtype.names is None
        and array.shape is not None
        and not array.is_virtual
        and not array.external
        and array.chunks is None
        and array.id.get_create_plist().get_nfilters() == 0
        and array.id.get_storage_size() == array.nbytes
    )
    if not plain:
        raise ArchiveError(
            f"its {_WEIGHTS} has an array that is not stored as plain numbers: {ascii(path)[:60]}"
        )
