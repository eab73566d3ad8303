"""Memory: whether a dataset fits, and how it gets to TensorFlow without being there twice.

TensorFlow is imported by what needs it alone: whether a dataset fits is known before.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data import DATASETS

if TYPE_CHECKING:
    import tensorflow as tf

# There are the model and other programs too; at the first start, which decodes the images,
# they are there twice.
PART = 4  # of the memory that is free, one in so many may be the training images


_ALIGNMENT = 64  # bytes: what TensorFlow asks of memory that it did not reserve itself


def choose_streaming(name: str, stream: str, workers: int = 1) -> tuple[bool, str]:
    """Returns whether to stream a worker's training images, and why, in words.

    Args:
        name: a key of ``DATASETS``.
        stream: ``"1"`` or ``"0"``, as the user has it, or ``"auto"``.
        workers: that share the images.
    """
    info = DATASETS[name]
    if stream != "auto":
        return stream == "1", f"as --stream {stream} asks"
    size, free = info.num_train * math.prod(info.image_shape) // workers, available()
    if info.tfds_version is None or free is None:
        return False, f"{in_words(size)} decoded"
    streamed = size > free / PART
    return streamed, (
        f"{in_words(size)} decoded are {'more' if streamed else 'no more'} than a quarter of "
        f"the {in_words(free)} of memory available"
    )


def available() -> int | None:
    """Returns how many bytes this process may still take, or None where no one says."""
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
    """Returns a new uint8 array, not filled, that ``as_tensor`` takes as it is."""
    size = math.prod(shape)
    space = np.empty(size + _ALIGNMENT, np.uint8)
    start = -space.ctypes.data % _ALIGNMENT
    return space[start : start + size].reshape(shape)


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """Returns a uint8 array as a tensor: the same memory, not to be written to any more.

    ``tf.constant`` would copy it, by way of another copy. Copied once it is where the array
    is not as ``make_array`` makes them, and where there is a GPU, which gets it.
    """
    import tensorflow as tf

    if array.ctypes.data % _ALIGNMENT or not array.flags.c_contiguous:
        copy = make_array(array.shape)
        copy[...] = array
        array = copy
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))
