"""The image files in a folder and its subfolders, in a stable order."""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from data import DataError
from data.decoding import SUFFIXES


@dataclasses.dataclass(frozen=True)
class Tree:
    """Image files by folder; a million take about 100 MB.

    Attributes:
        root: the folder.
        folders: those with images, relative to the root, each before its subfolders and in the
            order of their names; the root itself is ``""``.
        starts: position of each folder's first image, and the number of images.
        names: of the files, in order within each folder.
        fingerprint: changes with the name or the size of any file.
        state: changes with the time of any file too.
        empty: folders that hold no images, also not in subfolders.
        ignored: some files that are no images.
        num_ignored: how many these are.
    """

    root: Path
    folders: list[str]
    starts: list[int]
    names: list[str]
    fingerprint: str
    state: str
    empty: list[str]
    ignored: list[str]
    num_ignored: int

    def __len__(self) -> int:
        return len(self.names)

    def name(self, position: int) -> str:
        """Returns the path of a file, relative to the root."""
        folder = self.folders[bisect.bisect_right(self.starts, position) - 1]
        return os.path.join(folder, self.names[position])

    def path(self, position: int) -> Path:
        """Returns the path of a file."""
        return self.root / self.name(position)


def read_tree(root: Path) -> Tree:
    """Lists the image files in a folder, recognized by their suffixes.

    Hidden files and folders are left out. Links are followed.

    Raises:
        DataError: if a folder cannot be read, or a link leads to a folder that contains it.
    """
    folders: list[str] = []
    starts: list[int] = []
    names: list[str] = []
    empty: list[str] = []
    ignored: list[str] = []
    lasting, passing = hashlib.sha256(), hashlib.sha256()
    num_ignored = 0
    for folder, entries, subfolders, others in _walk(root):
        num_ignored += len(others)
        ignored += [os.path.join(folder, name) for name in others[: 3 - len(ignored)]]
        if not entries:
            if not subfolders and folder:
                empty.append(folder)
            continue
        folders.append(folder)
        starts.append(len(names))
        for hashed in (lasting, passing):
            hashed.update(os.fsencode(f"{folder}\0\0"))
        for name, size, changed in entries:
            names.append(name)
            lasting.update(os.fsencode(f"{name}\0{size}\0"))
            passing.update(b"%d\0" % changed)
    passing.update(lasting.digest())
    starts.append(len(names))
    found = (lasting.hexdigest(), passing.hexdigest(), empty, ignored, num_ignored)
    return Tree(root, folders, starts, names, *found)


_Visit = tuple[str, list[tuple[str, int, int]], list[str], list[str]]


def _walk(root: Path) -> Iterator[_Visit]:
    """Yields each folder, its images (name, size, time), subfolders and other files, sorted."""
    waiting: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while waiting:
        folder, above = waiting.pop()
        path = os.path.join(root, folder)
        entries, subfolders, others = [], [], []
        try:
            facts = os.stat(path)
            place = (facts.st_dev, facts.st_ino)
            if place in above:
                raise DataError(f"{path} leads back to a folder that contains it: remove the link")
            with os.scandir(path) as listed:
                for entry in listed:
                    name = entry.name
                    if name.startswith((".", "__MACOSX")):
                        continue
                    if entry.is_dir():
                        subfolders.append(name)
                    elif name.lower().endswith(SUFFIXES):
                        entries.append((name, *_facts_of(entry)))
                    else:
                        others.append(name)
        except OSError as error:
            raise DataError(
                f"the folder {path} cannot be read ({error.strerror}): change its permissions, or "
                "move it"
            ) from error
        entries.sort()
        subfolders.sort()
        yield folder, entries, subfolders, sorted(others)
        below = (*above, place)
        waiting += [(os.path.join(folder, name), below) for name in reversed(subfolders)]


def _facts_of(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Returns the size and the time of a file; zeros for a broken link, which nobody can open."""
    try:
        facts = entry.stat()
    except FileNotFoundError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
