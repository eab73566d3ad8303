"""Decoded images kept on disk, so that only the first start decodes them.

One file for each split, in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``).
It is an uncompressed ``.npz``, read without pickle, in which every array has a checksum. With
the arrays lies a fingerprint of the files that they were decoded from: where those change, or
the cache does, it is made anew. Nothing is lost with it, so that a folder that cannot be
written costs time at the next start and no more.

No TensorFlow here: it is what a start waits for that need not.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]  # images and labels

_FORMAT = 1  # of the file; raised when an older one would be misread


def load(
    folder: Path, name: str, split: str, shape: tuple[int, ...], decode: Callable[[], Arrays]
) -> Arrays:
    """Returns a split's images and labels: those kept, or else those decoded now, kept from then.

    Args:
        folder: the prepared dataset.
        name: the dataset's name.
        split: ``"train"`` or ``"test"``.
        shape: that its images are to have, (num_images, height, width, channels).
        decode: reads them from the folder.
    """
    try:
        path = path_for(folder, name, split)
        # Before the folder is read: if it changes meanwhile, the next start will notice.
        source = fingerprint(folder, split, shape)
    except OSError:
        return decode()
    kept = read(path, source)
    if kept is not None:
        return kept
    decoded = decode()
    write(path, source, *decoded)
    return decoded


def fingerprint(folder: Path, split: str, shape: tuple[int, ...]) -> str:
    """Returns what tells whether a split is still the one that was decoded.

    Args:
        folder: the prepared dataset; the names, sizes and times of its files count.
        split: ``"train"`` or ``"test"``.
        shape: that its images are to have, (num_images, height, width, channels).

    Raises:
        OSError: if the folder cannot be read.
    """
    files = {}
    for path in sorted(folder.iterdir()):
        facts = path.stat()
        files[path.name] = [facts.st_size, facts.st_mtime_ns]
    source = {"format": _FORMAT, "split": split, "shape": shape, "files": files}
    return json.dumps(source, sort_keys=True)


def path_for(folder: Path, name: str, split: str) -> Path:
    """Returns where the decoded images of a prepared dataset's split are kept.

    Two folders that hold the same dataset have a cache each.

    Raises:
        OSError: if the user has no home folder.
    """
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute()
    except RuntimeError as error:
        raise OSError(str(error)) from error
    place = zlib.crc32(os.fsencode(folder))
    return root / "keras-vae" / f"{name}-{split}-{place:08x}.npz"


def read(path: Path, source: str) -> Arrays | None:
    """Returns the images and labels, or None where there are none to be trusted.

    Says in one line why a file that is there is not used.

    Args:
        path: of ``path_for``.
        source: of ``fingerprint``.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if file["source"].tobytes().decode() != source:
                print(f"{path} is out of date: decoding the images anew", flush=True)
                return None
            return file["images"], file["labels"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # a damaged file raises whatever its damage leads to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"{path} cannot be read ({reason}): decoding the images anew", flush=True)
        return None


def write(path: Path, source: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Keeps the images and labels; says so in one line where that cannot be done.

    They are written beside their place and renamed: whoever reads, and whoever writes the
    same at once, finds a whole file. It is not flushed to the disk first: what a crash takes
    from it, its checksums miss.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(suffix=".npz", prefix=f".{path.stem}.", dir=path.parent)
        try:
            with open(handle, "wb") as file:
                text = np.frombuffer(source.encode(), np.uint8)
                np.savez(file, source=text, images=images, labels=labels)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        reason = error.strerror or error
        print(f"{path} cannot be written ({reason}): the next start decodes the images again")
