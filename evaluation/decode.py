"""``--decode FILE``: images decoded from the user's z."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import data
import figures
import runs
from data.array_files import ArrayError, Arrays, open_arrays
from evaluation import png_folder
from evaluation.session import Session

_KEYS = ("z", "z_mean")
_TABLE = "names.csv"


def check(session: Session) -> None:
    """Raises DataError for a file that holds no z of the run's latent space."""
    read(session)


def run(session: Session) -> list[Path]:
    """Writes decoded/<name>.png and decoded/names.csv, and draws the first ``num_gen`` images.

    The pixels are E[x|z]. The files have the names in the array ``names``, made safe, or numbers.
    """
    from evaluation import batching

    z, names = read(session)
    digits = len(str(len(z) - 1))
    numbers = [f"{place:0{digits}}" for place in range(len(z))]
    texts = numbers if names is None else [runs.make_printable(name) for name in names]
    stems = png_folder.make_names([os.path.splitext(text)[0] for text in texts], "image")
    rows = [(f"{stem}.png", text) for stem, text in zip(stems, texts, strict=True)]
    folder = session.path("decoded")
    png_folder.write(session, "decode", folder / _TABLE, ("file", "name"), rows, z)
    count = session.flags["num_gen"]
    images, title, subtitle = batching.decode(session, z[:count]), "Decoded z", session.subtitle
    if len(z) > count:
        subtitle += f" · the first {count:,} of {len(z):,}"
    if names is None:
        figure = figures.draw_images(images, title, subtitle)
    else:
        figure = figures.draw_named_images(
            images, [shorten(text, 16) for text in texts[:count]], title, subtitle
        )
    return [folder, *session.save_figure(figure, "decoded")]


def shorten(name: str, max_length: int) -> str:
    """Returns the end of a long name, where those of one folder differ."""
    return name if len(name) <= max_length else f"…{name[1 - max_length :]}"


def read(session: Session) -> tuple[np.ndarray, list[str] | None]:
    """Returns the z in the file of ``--decode``, and their names.

    Returns:
        float32 (num_images, latent_dim), finite; (num_images,) texts, or None.

    Raises:
        DataError: if it has none, of another shape, or not finite. Nothing is unpickled.
    """
    path = Path(os.path.expanduser(session.flags["decode"])).absolute()
    try:
        with open_arrays(path) as arrays:
            return _read_z(arrays, session.latent_dim), _read_names(arrays)
    except FileNotFoundError:
        raise data.DataError(f"there is no file {path}: type --decode FILE.npz") from None
    except ArrayError as error:
        raise data.DataError(f"{path} {error}") from None
    except OSError as error:
        raise data.DataError(f"{path} cannot be read ({error.strerror or error})") from error


def _find(arrays: Arrays) -> str:
    """Returns the name of the array of z; that of an .npy file is empty."""
    found = [key for key in ("", *_KEYS) if key in arrays.shapes]
    if not found:
        raise ArrayError(f"has no array {' or '.join(_KEYS)}: it has {arrays.describe()}")
    return found[0]


def _read_z(arrays: Arrays, latent_dim: int) -> np.ndarray:
    key = _find(arrays)
    shape, dtype = arrays.shapes[key], arrays.dtypes[key]
    if len(shape) != 2 or shape[1] != latent_dim or not shape[0] or dtype.kind not in "iufO":
        raise ArrayError(
            f"has the array {arrays.describe([key])}: expected numbers of shape (num, "
            f"{latent_dim}), as the run has {latent_dim} latent dimensions"
        )
    parts = []
    for part in arrays.read(key):
        with np.errstate(over="ignore"):
            parts.append(part.astype(np.float32))
    z = np.concatenate(parts)
    wrong = np.argwhere(~np.isfinite(z))
    if len(wrong):
        row, column = map(int, wrong[0])
        raise ArrayError(
            f"has the value {z[row, column]:g} in {key or 'the array'} at [{row}, {column}]: "
            "expected finite float32 numbers"
        )
    return z


def _read_names(arrays: Arrays) -> list[str] | None:
    if "names" not in arrays.shapes:
        return None
    shape, dtype = arrays.shapes["names"], arrays.dtypes["names"]
    count = arrays.shapes[_find(arrays)][0]
    if shape != (count,) or dtype.kind not in "USO":
        raise ArrayError(f"has names {arrays.describe(['names'])}: expected {count:,} texts")
    names = np.concatenate(list(arrays.read("names"))).tolist()
    return [name.decode(errors="replace") if isinstance(name, bytes) else name for name in names]
