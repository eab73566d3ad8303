"""Images that tensorflow-datasets (TFDS) has prepared: TFRecord files of encoded images.

TFDS itself is used to download a dataset only. A prepared folder is read here, because TFDS
imports whatever Python class its ``features.json`` names, and because folders come from
strangers too. What is read are the records: regular files of bounded records, each one image
and, if the dataset has classes, one label in their range. Of the known datasets nothing else in
the folder is opened, and their images are PNG files of the expected size; the others are
described by their metadata, which ``data.prepared`` reads.
"""

from __future__ import annotations

import dataclasses
import functools
import http.client
import os
import re
import struct
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.datasets import DatasetInfo
from data import DataError, cache, cores, decoding, memory, resolve_data_dir
from data.regular_files import open_regular
from data.tfds_folder import describe, open_as, unavailable

if TYPE_CHECKING:
    import tensorflow as tf

    from data import streaming

__all__ = ["check_server", "damaged", "describe", "is_prepared", "load", "open_stream"]

_AT_ONCE = 100  # records that are parsed together, which is faster
_OVERHEAD = 16  # bytes that TFRecord adds to a record: its length and two checksums
_LARGEST = 2**28  # bytes of a record whose image may have any size
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")  # what TFDS decodes
_KIND = "PNG, JPEG, GIF or BMP file"


@dataclasses.dataclass(frozen=True)
class _Records:
    """Where the images of a split are stored, and what is expected of them.

    Attributes:
        paths, counts: files and their numbers of records.
        image_key, label_key: names in a record; no label_key for images without labels.
        signatures: how an image may begin.
        kind: of image, in words.
        rows: positions of the split's images among the records, ascending; None for all.
    """

    paths: list[Path]
    counts: list[int]
    image_key: str
    label_key: str | None
    signatures: tuple[bytes, ...]
    kind: str
    rows: np.ndarray | None = None


def folder_of(info: DatasetInfo, data_dir: str | None) -> Path:
    """Returns the folder of a prepared dataset."""
    assert info.version is not None
    return resolve_data_dir(data_dir) / info.name / info.version


def is_prepared(info: DatasetInfo, data_dir: str | None) -> bool:
    """Whether the dataset has a folder, which TFDS makes when a download is complete."""
    return os.path.lexists(folder_of(info, data_dir))


def check_server(info: DatasetInfo, data_dir: str | None, timeout: float) -> None:
    """Checks that the server of the images answers.

    TFDS itself retries for three minutes before it reports that there is no network.

    Raises:
        DataError: if the server does not answer.
    """
    assert info.download_url is not None
    try:
        urllib.request.urlopen(info.download_url, timeout=timeout).close()
    except urllib.error.HTTPError:
        return  # the server answers; it need not list the folder
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error))
        raise unavailable(info.name, resolve_data_dir(data_dir), reason) from error


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> cache.Arrays:
    """Returns images of one official split, downloaded first if the dataset has no folder.

    The decoded images are cached on disk: the next call reads them from there.

    Args:
        info: the dataset.
        split: ``"train"`` or ``"test"``.
        data_dir: folder of prepared datasets; None for ``TFDS_DATA_DIR``, else TFDS's default.
        positions: of the images wanted, in that order; None for all as they are stored.

    Returns:
        images, uint8 (num_images, height, width, channels) in 0..255; labels, int64
        (num_images,), or None for a dataset without classes.

    Raises:
        DataError: if the dataset is damaged, or neither on disk nor downloadable.
    """
    if not is_prepared(info, data_dir):
        download(info, data_dir)
    decode = functools.partial(_decode_split, info, split, data_dir)
    return cache.load(folder_of(info, data_dir), info, split, decode, positions)


def open_stream(info: DatasetInfo, split: str, data_dir: str | None = None) -> streaming.Encoded:
    """Returns one official split as it is stored, in the order in which ``load`` returns it.

    Raises:
        DataError: as ``load`` does; damaged records are found when they are read.
    """
    from data import streaming

    if not is_prepared(info, data_dir):
        download(info, data_dir)
    try:
        found = _find_records(info, split, data_dir)
    except (OSError, ValueError) as error:
        raise damaged(info, data_dir, error) from error
    read = functools.partial(_read_records, info, found)
    if found.rows is None:
        decode = functools.partial(_decode_png, info.image_shape)
        return streaming.Encoded(read, decode, info.image_shape, sum(found.counts))
    decode = functools.partial(_decode_any, info)
    replace = functools.partial(damaged, info, data_dir)
    count = len(found.rows)
    return streaming.Encoded(read, decode, info.image_shape, count, damaged=replace)


def damaged(info: DatasetInfo, data_dir: str | None, error: Exception) -> DataError:
    """Returns the error for images that are on disk and cannot be read."""
    folder = resolve_data_dir(data_dir)
    reason = _first_line(error)
    if "type --" in reason:
        return DataError(f"{info.name} in {folder}: {reason}")
    return DataError(
        f"{info.name} in {folder} cannot be read ({reason}): remove {folder / info.name} to "
        "download it again, or name another folder with --data_dir"
    )


def download(info: DatasetInfo, data_dir: str | None) -> None:
    """Downloads a dataset and prepares its folder.

    Raises:
        DataError: if that fails.
    """
    import tensorflow_datasets as tfds

    folder = resolve_data_dir(data_dir)
    print(f"{info.name} is not in {folder}: downloading it", flush=True)
    try:
        # The class from TFDS's own code; `tfds.builder` would look into the folder first.
        builder = tfds.builder_cls(info.name)(data_dir=folder, version=info.version)
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises a dozen kinds, from urllib's to its own
        raise unavailable(info.name, folder, _first_line(error)) from error


def _find_records(info: DatasetInfo, split: str, data_dir: str | None) -> _Records:
    """Returns where a split is stored; raises OSError or ValueError if a file is damaged."""
    if info.fingerprint is None:
        height, width, channels = info.image_shape
        color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
        header = struct.pack(
            ">8sI4sIIBB", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", height, width, 8, color_type
        )
        paths, counts = _find_shards(info, split, data_dir)
        label_key = None if info.class_names is None else "label"
        kind = f"PNG of {height}×{width}×{channels}"
        return _Records(paths, counts, "image", label_key, (header,), kind)
    opened = open_as(info, data_dir)
    for path, expected in opened.files[split]:
        found = _count_records(path, _LARGEST, expected)
        if found != expected:
            raise ValueError(f"{path.name} has {found:,} images, not {expected:,}")
    paths, counts = map(list, zip(*opened.files[split], strict=True))
    keys = opened.metadata.image_key, opened.metadata.label_key
    return _Records(paths, counts, *keys, _SIGNATURES, _KIND, opened.rows[split])


def _find_shards(
    info: DatasetInfo, split: str, data_dir: str | None
) -> tuple[list[Path], list[int]]:
    """Returns the files of a split in their order, and how many records each has.

    Raises:
        OSError: if one cannot be opened, or is not a regular file.
        ValueError: if one is missing or damaged, or the number of records is not as expected.
    """
    folder = folder_of(info, data_dir)
    shard = re.compile(rf"{re.escape(info.name)}-{split}\.tfrecord-\d{{5}}-of-\d{{5}}")
    paths = sorted(path for path in folder.iterdir() if shard.fullmatch(path.name))
    total = len(paths)
    for number, path in enumerate(paths):
        if not path.name.endswith(f"-{number:05}-of-{total:05}"):
            raise ValueError(f"{path.name} is not file {number} of {total}")
    expected = info.num_images(split)
    counts: list[int] = []
    for path in paths:
        largest = 2 * int(np.prod(info.image_shape)) + 2**16  # uncompressed
        counts.append(_count_records(path, largest, expected - sum(counts)))
    if sum(counts) != expected:
        raise ValueError(f"it has {sum(counts):,} {split} images, not {expected:,}")
    return paths, counts


def _count_records(path: Path, largest: int, most: int) -> int:
    """Returns the number of records in a file, and checks that TensorFlow can read them.

    TensorFlow reserves the memory that a record says it has, whatever the file's size.

    Raises:
        ValueError: if a record has more than ``largest`` bytes, or the file is truncated, or has
            more than ``most`` records.
    """
    file, size = open_regular(path)
    position = count = 0
    with file:
        while position < size:
            header = file.read(8)
            length = struct.unpack("<Q", header)[0] if len(header) == 8 else size
            position += length + _OVERHEAD
            if position > size:
                raise ValueError(f"{path.name} is truncated or damaged in record {count}")
            if length > largest:
                raise ValueError(f"{path.name} has {length:,} bytes in record {count}")
            count += 1
            if count > most:
                raise ValueError(f"{path.name} has more images than the {most:,} expected")
            file.seek(position)
    return count


def _read_records(info: DatasetInfo, found: _Records, first: int, stop: int) -> tf.data.Dataset:
    """Returns ``{"image": encoded, "label": int64}`` of the images from first to before stop.

    Reading them fails at a record whose image does not begin as expected, which is therefore
    never decoded, or whose label is not one of the classes.
    """
    import tensorflow as tf

    rows = found.rows
    begin, end = (first, stop) if rows is None else (int(rows[first]), int(rows[stop - 1]) + 1)
    features = {found.image_key: tf.io.FixedLenFeature((), tf.string)}
    if found.label_key is not None:
        features[found.label_key] = tf.io.FixedLenFeature((), tf.int64)

    def check(holds: tf.Tensor, position: tf.Tensor, reason: str) -> tf.Operation:
        place = tf.strings.as_string(position + tf.argmin(tf.cast(holds, tf.int8)))
        return tf.Assert(tf.reduce_all(holds), [tf.strings.join(["image ", place, reason])])

    def parse(position: tf.Tensor, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        batch, position = tf.io.parse_example(examples, features), begin + _AT_ONCE * position
        read = {"image": batch[found.image_key]}
        begins = [
            tf.strings.substr(read["image"], 0, len(start)) == start for start in found.signatures
        ]
        is_image = tf.reduce_any(begins, axis=0)
        checks = [check(is_image, position, f" is not a {found.kind}")]
        if found.label_key is not None:
            label, classes = batch[found.label_key], len(info.class_names or ())
            is_class = (label >= 0) & (label < classes)
            checks.append(check(is_class, position, f" has a label outside 0…{classes - 1}"))
            read["label"] = label
        with tf.control_dependencies(checks):
            return {name: tf.identity(values) for name, values in read.items()}

    starts = np.cumsum([0, *found.counts])
    shard = int(np.searchsorted(starts, begin, side="right")) - 1
    records = tf.data.TFRecordDataset([str(path) for path in found.paths[shard:]])
    records = records.skip(begin - starts[shard]).take(end - begin)
    parsed = records.batch(_AT_ONCE).enumerate().map(parse).unbatch()
    if rows is None or end - begin == stop - first:
        return parsed
    is_ours = np.zeros(end - begin, bool)
    is_ours[rows[first:stop] - begin] = True
    table = tf.constant(is_ours)
    chosen = parsed.enumerate().filter(lambda position, _: table[position])
    return chosen.map(lambda _, record: record)


def _decode_png(image_shape: tuple[int, int, int], encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG; returns uint8 (height, width, channels)."""
    import tensorflow as tf

    return tf.ensure_shape(tf.io.decode_png(encoded, image_shape[-1]), image_shape)


def _decode_any(info: DatasetInfo, encoded: tf.Tensor) -> tf.Tensor:
    """Decodes an image of any kind and size; returns uint8 (height, width, channels)."""
    import tensorflow as tf

    resize, to_gray = info.options["image_size"] is not None, info.options["grayscale"] is True

    def decode(content: Any) -> np.ndarray:  # bytes, in an array outside of a graph
        plain = content if isinstance(content, bytes) else content.item()
        return decoding.decode(plain, info.image_shape, resize, to_gray)

    image = tf.numpy_function(decode, [encoded], tf.uint8, stateful=False)
    return tf.ensure_shape(image, info.image_shape)


def _decode_split(info: DatasetInfo, split: str, data_dir: str | None) -> cache.Arrays:
    """Reads and decodes all images of a split."""
    encoded = open_stream(info, split, data_dir)
    images = memory.make_array((encoded.num_images, *info.image_shape))
    labels = None if info.class_names is None else np.empty(len(images), np.int64)
    threads = cores.count()
    records = encoded.records(0, len(images)).map(
        lambda record: {**record, "image": encoded.decode(record["image"])},
        num_parallel_calls=threads,
        deterministic=True,
    )
    stop, report = 0, decoding.make_report(len(images), "decoding")
    try:
        for number, batch in enumerate(records.batch(1000).as_numpy_iterator()):
            first, stop = 1000 * number, 1000 * number + len(batch["image"])
            images[first:stop] = batch["image"]
            if labels is not None:
                labels[first:stop] = batch["label"]
            report(stop)
        if stop != len(images):
            raise ValueError(f"it changed while it was read, at image {stop}")
    except Exception as error:  # damage can raise anything
        raise damaged(info, data_dir, error) from error
    return images, labels


def _first_line(error: Exception) -> str:
    """Returns an error's message in one line, without TensorFlow's names of operations."""
    text = str(getattr(error, "message", error))
    if fault := re.search(r"assertion failed: \[(.*?)\]", text):
        return fault[1]
    if faults := re.findall(r"ImageError: (.*)", text):  # in the decoding thread's traceback
        return f"an image {faults[-1]}"
    text = re.sub(r"\{\{.*?\}\}|Error in user-defined function .* iterator: \S+", "", text)
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()[:200]}" if lines else type(error).__name__
