"""Image files in a folder of the user's.

    photos/*.jpg                       images without labels
    photos/<class>/*.jpg               one folder per class
    photos/{train,validation,test}/    each of them either of these

Images are found in subfolders too. ``validation`` (also ``val`` and ``valid``) and ``test`` may be
missing. Labels are used if every part has one folder per class and no images beside these.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.datasets import SOURCES, DatasetInfo, short_name
from data import DataError, cache, decoding, held_out, memory, own_images
from data.decoding import Facts, ImageError
from data.tree import Tree, read_tree

if TYPE_CHECKING:
    import tensorflow as tf

    from data import streaming

_PART_OF = {
    "train": "train",
    **dict.fromkeys(("validation", "val", "valid"), "validation"),
    "test": "test",
}
_MOST_HEADERS = 5_000  # read before training: an error found there is found at once


@dataclasses.dataclass(frozen=True)
class _Opened:
    """A folder whose files are listed.

    Attributes:
        info: its description.
        tree: its files.
        rows: split → positions of its images in the tree, in the order of the split.
        labels: of all files in the tree, int64; None without.
    """

    info: DatasetInfo
    tree: Tree
    rows: Mapping[str, np.ndarray]
    labels: np.ndarray | None


def describe(path: str, options: Mapping[str, Any]) -> DatasetInfo:
    """Returns the description of a folder, whose headers are read: at most 5,000 of them.

    Args:
        path: absolute.
        options: the flags ``image_size``, ``grayscale`` and ``skip_bad_images``.

    Raises:
        DataError: if it cannot be used; the message is one line.
    """
    return _open(path, tuple(options.items())).info


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> cache.Arrays:
    """Returns images of one split, decoded by several threads and cached where that pays.

    Args:
        info: the folder's description.
        split: ``"train"`` or ``"test"``.
        data_dir: not used; the description has the folder's path.
        positions: of the images wanted, in that order; None for all.

    Returns:
        images, uint8 (num_images, height, width, channels) in 0..255; labels, int64
        (num_images,), or None.

    Raises:
        DataError: if a file cannot be used.
    """
    opened = _open_as(info)
    if not cache.pays(info, split):
        return _decode(opened, split, positions)
    assert info.path is not None
    source = json.dumps(
        [split, info.image_shape, dict(info.options), opened.tree.state, len(info.skipped)]
    )
    try:
        kind = "x".join(map(str, info.image_shape))
        path = cache.path_for(Path(info.path), f"{info.name}-{kind}", split)
    except OSError:
        return _decode(opened, split, positions)
    cached = cache.read(path, source, info, split, positions)
    if cached is not None:
        return cached
    images, labels = _decode(opened, split, None)
    cache.write(path, source, images, labels)
    if positions is None:
        return images, labels
    return images[positions], None if labels is None else labels[positions]


def open_stream(info: DatasetInfo, split: str, data_dir: str | None = None) -> streaming.Encoded:
    """Returns one split as files that are decoded whenever they are used.

    Raises:
        DataError: as ``describe`` does; damaged files are found when they are decoded.
    """
    import tensorflow as tf

    from data import streaming

    opened = _open_as(info)
    rows = opened.rows[split]
    labels = None if opened.labels is None else tf.constant(opened.labels[rows])

    def records(first: int, stop: int) -> tf.data.Dataset:
        def record(position: tf.Tensor) -> dict[str, tf.Tensor]:
            found = {"image": position}
            return found if labels is None else {**found, "label": labels[position]}

        return tf.data.Dataset.range(first, stop).map(record)

    def decode_file(position: np.ndarray) -> np.ndarray:
        return _decode_file(opened, int(rows[position]))

    def decode(position: tf.Tensor) -> tf.Tensor:
        image = tf.numpy_function(decode_file, [position], tf.uint8, stateful=False)
        return tf.ensure_shape(image, info.image_shape)

    def load_some(positions: np.ndarray) -> cache.Arrays:
        return _decode(opened, split, positions)

    error = functools.partial(damaged, info, data_dir)
    return streaming.Encoded(records, decode, info.image_shape, len(rows), load_some, error)


def damaged(info: DatasetInfo, data_dir: str | None, error: Exception) -> DataError:
    """Returns the error for files that cannot be used while a model trains."""
    if isinstance(error, DataError):
        return error
    # TensorFlow's error holds the traceback of the decoding thread, whose last line names it.
    lines = [line for line in str(error).splitlines() if "DataError: " in line]
    if not lines:
        return DataError(f"{info.path} cannot be read ({' '.join(str(error).split())[:300]})")
    return DataError(lines[-1].partition("DataError: ")[2])


# ---------------------------------------------------------------------------- reading pixels


def _decode(opened: _Opened, split: str, positions: np.ndarray | None) -> cache.Arrays:
    """Decodes the images of a split, or some of them."""
    rows = opened.rows[split]
    if positions is not None:
        rows = rows[positions]
    images = memory.make_array((len(rows), *opened.info.image_shape))

    def decode(number: int) -> None:
        images[number] = _decode_file(opened, int(rows[number]))

    decoding.for_each(len(rows), decode, "decoding")
    return images, None if opened.labels is None else opened.labels[rows]


def _decode_file(opened: _Opened, row: int) -> np.ndarray:
    """Decodes one file of the tree."""
    options = opened.info.options
    resize, to_gray = options["image_size"] is not None, options["grayscale"] is True
    path = opened.tree.path(row)
    try:
        return decoding.decode(path, opened.info.image_shape, resize, to_gray)
    except ImageError as error:
        raise _refuse(path, error) from None


def _refuse(path: Path, error: ImageError) -> DataError:
    advice = "" if "type --" in str(error) else ": remove it, or type --skip_bad_images 1"
    return DataError(f"{path} {error}{advice}")


# ------------------------------------------------------------------------- describing a folder


def _open_as(info: DatasetInfo) -> _Opened:
    """Opens the folder of a description.

    Raises:
        DataError: if its images have changed since it was described.
    """
    assert info.path is not None
    opened = _open(info.path, tuple(info.options.items()))
    if opened.info != info:
        raise DataError(f"{info.path} has changed since its images were listed: start again")
    return opened


@functools.lru_cache(maxsize=4)  # listing a million files takes seconds
def _open(path: str, chosen: tuple[tuple[str, Any], ...]) -> _Opened:
    options, root = dict(chosen), Path(path)
    own_images.check_path(path)
    if not root.exists():
        raise DataError(f"there is no folder {path}: type --dataset with the path of the images")
    if not root.is_dir():
        raise DataError(f"{path} is not a folder of images, nor an .npz or .npy file")
    tree = read_tree(root)
    if not len(tree):
        other = f"; it holds other files, such as {tree.ignored[0]}" if tree.ignored else ""
        raise DataError(
            f"{path} holds no images: expected files that end in {', '.join(decoding.SUFFIXES)}"
            + other
        )
    skipped = _find_bad(tree) if options["skip_bad_images"] else {}
    parts, in_parts = _parts_of(tree)
    class_names, labels = _classes_of(tree, in_parts)
    if skipped:
        bad = np.array(list(skipped))
        parts = {part: np.setdiff1d(rows, bad) for part, rows in parts.items()}
    try:
        division = held_out.divide({part: len(rows) for part, rows in parts.items()})
    except ValueError as error:
        raise DataError(f"{path} {error}") from None
    all_rows = np.concatenate([parts.get(part, np.empty(0, int)) for part in held_out.PARTS])
    image_shape, how = _shape_of(tree, all_rows, options)
    info = DatasetInfo(
        short_name(path),
        SOURCES[path].description,
        image_shape=image_shape,
        num_train=len(division.train),
        num_test=len(division.test),
        num_validation=division.num_validation,
        class_names=class_names,
        source="folder",
        path=path,
        options=options,
        fingerprint=tree.fingerprint,
        has_validation=division.has_validation,
        notes=(*how, *_note_classes(class_names), *division.notes, *_note_others(tree, skipped)),
        skipped=tuple(f"{tree.name(row)} {error}" for row, error in skipped.items()),
    )
    rows = {"train": all_rows[division.train], "test": all_rows[division.test]}
    return _Opened(info, tree, rows, labels)


def _find_bad(tree: Tree) -> dict[int, ImageError]:
    """Returns the files that cannot be decoded; all files are decoded for it."""
    found: dict[int, ImageError] = {}

    def check(row: int) -> None:
        try:
            decoding.check(tree.path(row))
        except ImageError as error:
            found[row] = error

    decoding.for_each(len(tree), check, "checking")
    return dict(sorted(found.items()))


def _parts_of(tree: Tree) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    """Divides a tree into its parts.

    Returns:
        part → positions of its images; for each folder, its part and its path within the part.
    """
    tops = {folder.split(os.sep)[0] for folder in tree.folders}
    if "train" not in tops or not tops <= set(_PART_OF):
        return {"train": np.arange(len(tree))}, [("train", folder) for folder in tree.folders]
    if len({_PART_OF[top] for top in tops}) < len(tops):
        raise DataError(
            f"{tree.root} holds {' and '.join(sorted(tops - {'train', 'test'}))}: "
            "expected one folder of validation images"
        )
    in_parts = []
    rows: dict[str, list[np.ndarray]] = {}
    for folder, first, stop in zip(tree.folders, tree.starts, tree.starts[1:], strict=False):
        top, _, inner = folder.partition(os.sep)
        in_parts.append((_PART_OF[top], inner))
        rows.setdefault(_PART_OF[top], []).append(np.arange(first, stop))
    return {part: np.concatenate(found) for part, found in rows.items()}, in_parts


def _classes_of(
    tree: Tree, in_parts: list[tuple[str, str]]
) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """Returns the names of the classes and the labels of all files, or None twice."""
    folders = [inner.split(os.sep)[0] for _, inner in in_parts]
    if "" in folders:  # images beside the folders
        return None, None
    classes = sorted(set(folders))
    if len(classes) > own_images.MOST_CLASSES:
        raise DataError(
            f"{tree.root} holds {len(classes):,} folders of images: expected at most "
            f"{own_images.MOST_CLASSES:,} classes; put images without classes into one folder"
        )
    names: dict[str, str] = {}
    for folder in classes:
        name = unicodedata.normalize("NFC", own_images.make_printable(folder))
        if name in names:
            raise DataError(
                f"{tree.root} holds two folders called {name}, written with different characters: "
                "rename one of them"
            )
        names[name] = folder
    number = {folder: label for label, folder in enumerate(names.values())}
    sizes = np.diff(tree.starts)
    return tuple(names), np.repeat([number[folder] for folder in folders], sizes).astype(np.int64)


def _shape_of(
    tree: Tree, rows: np.ndarray, options: Mapping[str, Any]
) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Returns the shape of the images, and how they are converted, from the headers of some.

    Raises:
        DataError: if one is damaged, or they have several sizes and no size is given.
    """
    looked_at = rows
    if len(rows) > _MOST_HEADERS:
        looked_at = rows[np.linspace(0, len(rows) - 1, _MOST_HEADERS).astype(int)]
    size: tuple[int, int] | None = options["image_size"]
    found: list[tuple[int, Facts]] = []
    paths = [tree.path(int(row)) for row in looked_at]
    for row, path, facts in zip(looked_at, paths, decoding.read_all_facts(paths), strict=True):
        if isinstance(facts, ImageError):
            raise _refuse(path, facts)
        found.append((int(row), facts))
    sizes = {(facts.height, facts.width): row for row, facts in reversed(found)}
    if size is None:
        if len(sizes) > 1:
            (one, first), (other, second) = sorted(sizes.items(), key=lambda item: item[1])[:2]
            least = min(min(each) for each in sizes)
            raise DataError(
                f"{tree.root} holds images of several sizes ({tree.name(first)} has "
                f"{one[0]}×{one[1]} pixels, {tree.name(second)} {other[0]}×{other[1]}): type "
                f"--image_size HEIGHT,WIDTH to resize and crop them, such as --image_size "
                f"{min(least, 64)}"
            )
        size = next(iter(sizes))
    is_gray = options["grayscale"]
    has_color = any(facts.is_color for _, facts in found)
    if is_gray is None:
        is_gray = not has_color
    notes = own_images.note_conversions(size, set(sizes) != {size}, is_gray, has_color)
    if any(facts.is_deep for _, facts in found):
        notes.append("16-bit values scaled from 0..65,535, floats from 0..1, to 256 levels")
    return (*size, 1 if is_gray else 3), tuple(notes)


def _note_classes(class_names: tuple[str, ...] | None) -> tuple[str, ...]:
    if class_names is None:
        return ("no labels",)
    return (f"{own_images.count_classes(class_names)}, named by the folders",)


def _note_others(tree: Tree, skipped: Mapping[int, ImageError]) -> tuple[str, ...]:
    """Returns what was left out of a folder."""
    notes = []
    if tree.num_ignored:
        notes.append(f"{tree.num_ignored:,} other files ignored, such as {tree.ignored[0]}")
    if tree.empty:
        notes.append(f"{len(tree.empty):,} folders without images ignored, such as {tree.empty[0]}")
    if skipped:
        notes.append(f"{len(skipped):,} images that cannot be decoded are skipped")
    return tuple(map(own_images.make_printable, notes))
