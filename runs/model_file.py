"""A ``.keras`` file from a stranger: what it holds, checked before anything is made of it.

Such a file is an archive with a config.json, which names classes and sizes, and an HDF5 file of
weights. Keras makes what the config names. Here it is only compared: with the classes that
models have, and with what run.json says was trained. Neither Keras nor TensorFlow is needed.
"""

from __future__ import annotations

import collections
import io
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from runs.archive import ArchiveError, check_archive, read_member

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MAX_CONFIG_BYTES = 2**22
_MAX_OBJECTS = 10_000  # in the HDF5 file
_MAX_DEPTH = 30  # of groups within each other there

Shape = tuple[int, ...]


class ClassName(NamedTuple):
    """How config.json names a class; ``registered`` where it is not Keras' own."""

    module: str | None
    name: str
    registered: str | None


class Model(NamedTuple):
    """What a checked file holds: its configuration, and an HDF5 file of its weights."""

    config: dict[str, Any]
    weights: bytes


def read_model(file: BinaryIO, classes: Collection[ClassName]) -> Model:
    """Returns what a ``.keras`` file holds, all its classes being known.

    Args:
        file: opened.
        classes: that its configuration may name.

    Raises:
        ArchiveError: if it is no such file, or names any other class.
    """
    with check_archive(file, (_CONFIG, _METADATA, _WEIGHTS).__contains__) as archive:
        content = read_member(archive, _CONFIG, _MAX_CONFIG_BYTES)
        weights = read_member(archive, _WEIGHTS)
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"its {_CONFIG} is no JSON") from error
    if not isinstance(config, dict):
        raise ArchiveError(f"its {_CONFIG} describes no model")
    for part in _walk(config):
        _check_class(part, classes)
    return Model(config, weights)


def _walk(config: Any) -> Iterator[dict[str, Any]]:
    """Yields every JSON object in another."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _check_class(part: dict[str, Any], classes: Collection[ClassName]) -> None:
    """Raises ArchiveError where an object names a class, a function or code that is not known.

    Keras makes something of whatever has a ``class_name``.
    """
    if not {"class_name", "module", "registered_name"} & part.keys():
        return
    words = [part.get(key) for key in ("module", "class_name", "registered_name")]
    if not any(tuple(words) == tuple(known) for known in classes):
        told = ", ".join(ascii(word)[:60] for word in words if word is not None)
        raise ArchiveError(
            f"its {_CONFIG} names {told}, which is no class of this program's models"
        )


def find_contradiction(config: Any, expected: Any, path: str = "") -> str | None:
    """Returns where a configuration is not part of the one that is expected, or None.

    A file may lack what a model has learned to say since; what it has must be equal. Objects
    that Keras numbers as it makes them may have any number.

    Args:
        config: what a file has.
        expected: what the model has that run.json describes.
        path: where this is, such as ``encoder.latent_dim``.
    """
    if isinstance(config, dict) and isinstance(expected, dict):
        for key, value in config.items():
            inner = f"{path}.{key}".lstrip(".")
            if key == "shared_object_id":
                continue
            if key not in expected:
                return f"{inner}, which its model has not"
            if key == "name" and _is_renumbered(value, expected[key]):
                continue
            found = find_contradiction(value, expected[key], inner)
            if found:
                return found
        return None
    if isinstance(config, list) and isinstance(expected, list | tuple):
        if len(config) != len(expected):
            return f"{path}, of {len(config)} and not {len(expected)}"
        pairs = enumerate(zip(config, expected, strict=True))
        found_in = (find_contradiction(*pair, f"{path}[{at}]") for at, pair in pairs)
        return next(filter(None, found_in), None)
    if type(config) is type(expected) and config == expected:
        return None
    return f"{path}, {ascii(config)[:60]} and not {ascii(expected)[:60]}"


def _is_renumbered(name: Any, expected: Any) -> bool:
    """Whether two names differ in the number at their ends alone: ``bernoulli_1``."""
    if not isinstance(name, str) or not isinstance(expected, str) or len(name) > 200:
        return False
    return name.rstrip("0123456789").rstrip("_") == expected.rstrip("0123456789").rstrip("_")


# ------------------------------------------------------------------------------ weights


def check_weights(content: bytes, shapes: Iterable[Shape]) -> None:
    """Checks that an HDF5 file holds plain arrays of numbers, and those of a model.

    Its optimiser's are there as well, and are not read.

    Args:
        content: of the file.
        shapes: of the model's weights, in any order.

    Raises:
        ArchiveError: if it holds links, data of other files, compressed or unwritten data, or
            other weights.
    """
    import h5py

    expected = collections.Counter(shapes)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            found, size = _list_arrays(file)
    except ArchiveError:
        raise
    except Exception as error:  # a damaged file raises whatever its damage leads to
        reason = " ".join(str(error).split())[:200]
        raise ArchiveError(f"its {_WEIGHTS} cannot be read ({reason})") from error
    if size > len(content):
        raise ArchiveError(f"its {_WEIGHTS} claims to hold more than it does")
    for shape, count in (expected - found).items():
        raise ArchiveError(f"it lacks weights of its model: {count} of the shape {shape}")
    for shape, count in (found - expected).items():
        raise ArchiveError(f"it holds weights that its model has not: {count} of {shape}")


def _list_arrays(file: Any) -> tuple[collections.Counter[Shape], int]:
    """Returns the shapes of the arrays but the optimiser's, and the bytes of all of them."""
    import h5py

    found: collections.Counter[Shape] = collections.Counter()
    size, seen = 0, 0
    waiting = [("", file)]
    while waiting:
        path, group = waiting.pop()
        if path.count("/") > _MAX_DEPTH:
            raise ArchiveError(f"its {_WEIGHTS} holds groups within groups without end")
        for name in group:
            seen += 1
            if seen > _MAX_OBJECTS:
                raise ArchiveError(f"its {_WEIGHTS} holds more than {_MAX_OBJECTS:,} objects")
            inner = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ArchiveError(f"its {_WEIGHTS} holds a link, {ascii(inner)[:60]}")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((inner, item))
                continue
            if not isinstance(item, h5py.Dataset):
                raise ArchiveError(f"its {_WEIGHTS} holds no array at {ascii(inner)[:60]}")
            _check_array(item, inner)
            size += item.nbytes
            if not inner.startswith("/optimizer/"):
                found[tuple(item.shape)] += 1
    return found, size


def _check_array(array: Any, path: str) -> None:
    """Raises ArchiveError unless all of an array's numbers lie in the file, as they are."""
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
            f"its {_WEIGHTS} holds other than plain numbers at {ascii(path)[:60]}: compressed, "
            "elsewhere, or none"
        )
