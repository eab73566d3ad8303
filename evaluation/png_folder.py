"""Folders of PNG images with a table that lists them; each export replaces the earlier one."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

import runs
from evaluation.progress import Progress
from evaluation.session import Session

_AT_ONCE = 1000  # images in memory
_MAX_BYTES = 2**30  # of a table
_MAX_NAME_BYTES = 100  # of a folder or a file


def write(
    session: Session,
    flag: str,
    table: Path,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    z: np.ndarray,
) -> None:
    """Decodes z into PNG files of E[x|z], and lists them in a table beside them.

    The files of an earlier export are removed; a folder with other files is refused. The table is
    written first, so that it lists every existing image, even after a crash.

    Args:
        session: the run.
        flag: of evaluate.py, for messages.
        table: path of the CSV file, in the folder of the images.
        columns: of the table; the first is ``file``.
        rows: of the table; the first value is the path of an image, relative to the folder.
        z: (num_images, latent_dim), in the order of the rows.

    Raises:
        RunError: if something cannot be written, or would be overwritten.
    """
    import tensorflow as tf

    from evaluation import batching

    with session.writing(table.parent):
        session.make_folder()
        _remove_exported(table, columns, flag)
        with (
            runs.write_atomically(table) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)
    progress = Progress()
    for first in range(0, len(rows), _AT_ONCE):
        images = batching.decode(session, z[first : first + _AT_ONCE])
        for i, image in enumerate(np.round(images * 255).astype(np.uint8), start=first):
            with session.writing(table.parent / rows[i][0]) as path:
                path.parent.mkdir(exist_ok=True)
                with path.open("xb") as file:
                    file.write(tf.io.encode_png(image).numpy())
        num_done = first + len(images)
        progress.show(f"  {num_done:,} of {len(rows):,} images", num_done == len(rows))


def _remove_exported(table: Path, columns: Sequence[str], flag: str) -> None:
    """Makes the folder of a table, or empties it of the files that an earlier export wrote.

    Raises:
        RunError: if it is a link, or holds anything else.
    """
    folder = table.parent
    if folder.is_symlink():
        raise runs.RunError(f"{folder} is a link, which --{flag} does not follow: remove it")
    folder.mkdir(exist_ok=True)
    runs.remove_leftovers(folder)
    exported = {table.name, *_read_listed(table, columns)}
    found = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    for path in found:
        if path.is_symlink() or path.relative_to(folder).as_posix() not in exported:
            raise runs.RunError(
                f"{path} is not from an earlier export: move it, because --{flag} replaces "
                f"the files in {folder}"
            )
    for path in found:
        if path.name != table.name:  # the new table replaces it later
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()


def _read_listed(table: Path, columns: Sequence[str]) -> set[str]:
    """Returns the files that a table lists; empty for a missing or another table."""
    if table.is_symlink() or not table.is_file():
        return set()
    try:
        with runs.open_regular(table, _MAX_BYTES) as file:
            header, *rows = csv.reader(file.read().decode().splitlines(), strict=True)
    except (ValueError, csv.Error):
        return set()
    return {row[0] for row in rows if row} if tuple(header) == tuple(columns) else set()


def make_names(names: Iterable[str], empty: str, taken: Iterable[str] = ()) -> list[str]:
    """Returns a safe and different file name for each name: ``T-shirt-top`` for ``T-shirt/top``.

    Names come from the data. Characters with a special meaning in paths or terminals become
    dashes; the position of the name is added to empty and repeated names.

    Args:
        names: any texts.
        empty: stands for a name of which nothing is left.
        taken: file names that are in use.
    """
    made: list[str] = []
    used = {name.casefold() for name in taken}
    for place, name in enumerate(names):
        text = unicodedata.normalize("NFC", name)
        safe = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "-" for c in text)
        safe = safe.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(". ") or empty
        if safe.casefold() in used or safe == empty:
            safe = f"{safe}-{place}"
        while safe.casefold() in used:
            safe += "-"
        used.add(safe.casefold())
        made.append(safe)
    return made
