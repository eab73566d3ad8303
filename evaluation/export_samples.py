"""``--export_samples N``: samples of the prior as PNG files, in one folder per class."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import runs
from evaluation import samples
from evaluation.session import Session

_AT_ONCE = 1000  # images in memory
_TABLE = "labels.csv"
_COLUMNS = ("file", "class", "probability")
_MAX_BYTES = 2**30  # of labels.csv
_MAX_NAME_BYTES = 100  # of a folder


def check(session: Session) -> None:
    """Raises RequestError for a model without a classifier."""
    samples.check_classifier(session, "export_samples")


def run(session: Session) -> list[Path]:
    """Writes samples/<class>/<number>.png, and samples/labels.csv with one row per image.

    The classifier assigns the classes; the pixels are E[x|z]. The files of an earlier export are
    replaced; a folder with other files is refused. labels.csv is written first, so that it lists
    every existing image, even after a crash.
    """
    import tensorflow as tf

    from evaluation import batching

    names = session.check_labels("export_samples")
    count = session.flags["export_samples"]
    z = batching.sample_prior(session, count)
    predicted, probability = samples.predict(session, z)
    folders, digits = name_folders(names), len(str(count - 1))
    files = [f"{folders[label]}/{i:0{digits}}.png" for i, label in enumerate(predicted)]
    folder = session.path("samples")
    with session.writing(folder):
        session.make_folder()
        remove_exported(folder)
        rows = zip(files, (names[label] for label in predicted), probability, strict=True)
        with (
            runs.write_atomically(folder / _TABLE) as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows((path, name, f"{value:.6f}") for path, name, value in rows)
    for first in range(0, count, _AT_ONCE):
        images = batching.decode(session, z[first : first + _AT_ONCE])
        for i, image in enumerate(np.round(images * 255).astype(np.uint8), start=first):
            with session.writing(folder / files[i]) as path:
                path.parent.mkdir(exist_ok=True)
                with path.open("xb") as file:
                    file.write(tf.io.encode_png(image).numpy())
        print(f"\r  {first + len(images):,} of {count:,} samples", end="", flush=True)
    print()
    written = [folder / name for label, name in enumerate(folders) if label in predicted]
    return [*written, folder / _TABLE]


def remove_exported(folder: Path) -> None:
    """Makes the folder, or empties it of the files that an earlier export wrote.

    Raises:
        RunError: if it is a link, or holds anything else.
    """
    if folder.is_symlink():
        raise runs.RunError(
            f"{folder} is a link, which --export_samples does not follow: remove it"
        )
    folder.mkdir(exist_ok=True)
    runs.remove_leftovers(folder)
    exported = {_TABLE, *_read_listed(folder / _TABLE)}
    found = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    for path in found:
        if path.is_symlink() or path.relative_to(folder).as_posix() not in exported:
            raise runs.RunError(
                f"{path} is not from an earlier export: move it, because --export_samples replaces "
                f"the files in {folder}"
            )
    for path in found:
        if path.name != _TABLE:  # the new table replaces it later
            path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()


def _read_listed(table: Path) -> set[str]:
    """Returns the files that a labels.csv lists; empty for a missing or another table."""
    if table.is_symlink() or not table.is_file():
        return set()
    try:
        with runs.open_regular(table, _MAX_BYTES) as file:
            header, *rows = csv.reader(file.read().decode().splitlines(), strict=True)
    except (ValueError, csv.Error):
        return set()
    return {row[0] for row in rows if row} if tuple(header) == _COLUMNS else set()


def name_folders(class_names: Sequence[str]) -> list[str]:
    """Returns a folder's name for each class, such as ``T-shirt-top`` for ``T-shirt/top``.

    Class names come from the data. Characters with a special meaning in paths or terminals become
    dashes; the number of the class is added to empty and repeated names.
    """
    folders: list[str] = []
    taken = {_TABLE}
    for label, name in enumerate(class_names):
        text = unicodedata.normalize("NFC", name)
        safe = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "-" for c in text)
        safe = safe.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(". ") or "class"
        if safe.casefold() in taken or safe == "class":
            safe = f"{safe}-{label}"
        while safe.casefold() in taken:
            safe += "-"
        taken.add(safe.casefold())
        folders.append(safe)
    return folders
