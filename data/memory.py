"""Memory: whether a dataset fits, and arrays that TensorFlow takes over without a copy.

TensorFlow is imported only by the function that needs it, because whether a dataset fits is
decided before TensorFlow is imported.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import data
from data import DatasetInfo

if TYPE_CHECKING:
    import tensorflow as tf

# The training images may take a quarter of the available memory: the model and other programs
# need some too, and the first start, which decodes the images, holds them twice.
PART = 4

# More files than this take more than half a minute to decode on two cores.
_MOST_FILES = 200_000

_ALIGNMENT = 64  # bytes: TensorFlow takes over memory with this alignment only


def choose_streaming(
    dataset: str | DatasetInfo, stream: bool | None, workers: int = 1
) -> tuple[bool, str]:
    """Returns whether to stream a worker's training images, and the reason in words.

    Args:
        dataset: its name, or its description.
        stream: the user's choice; None to stream what does not fit into memory.
        workers: number of workers that share the images.
    """
    info = data.describe(dataset)
    if stream is not None:
        return stream, f"as requested by --stream {int(stream)}"
    size, free = info.num_train * math.prod(info.image_shape) // workers, available()
    if info.source == "folder" and info.num_train // workers > _MOST_FILES:
        return True, f"{info.num_train:,} files would take minutes to decode before training"
    if not data.can_stream(info) or free is None:
        return False, f"{in_words(size)} decoded"
    streamed = size > free / PART
    return streamed, (
        f"{in_words(size)} decoded are {'more' if streamed else 'no more'} than a quarter of "
        f"the {in_words(free)} of memory available"
    )


def available() -> int | None:
    """Returns how many bytes this process may still allocate, or None if that is unknown."""
    known = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                known.append(1024 * int(value.split()[0]))
    except (OSError, ValueError):
        pass
    try:  # in a container
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            known.append(max(0, int(limit) - int((group / "memory.current").read_text())))
    except (OSError, ValueError):
        pass
    if not known:
        try:
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError, AttributeError):
            return None
    return min(known)


def in_words(size: float) -> str:
    """Returns a number of bytes, as 44.9 MiB or 22 GiB."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.3g} {units[0]}"


def make_array(shape: tuple[int, ...]) -> np.ndarray:
    """Returns a new, uninitialized uint8 array that ``as_tensor`` takes without a copy."""
    size = math.prod(shape)
    space = np.empty(size + _ALIGNMENT, np.uint8)
    start = -space.ctypes.data % _ALIGNMENT
    return space[start : start + size].reshape(shape)


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """Returns a uint8 array as a tensor that shares its memory: do not write to it afterwards.

    ``tf.constant`` would copy it twice. Here it is copied once if ``make_array`` did not make
    the array, or if there is a GPU, which gets the copy.
    """
    import tensorflow as tf

    if array.ctypes.data % _ALIGNMENT or not array.flags.c_contiguous:
        copy = make_array(array.shape)
        copy[...] = array
        array = copy
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))
