"""``result/index.html``: every folder in result/ with its numbers and links.

Each folder says of itself, in index.json, what the page lists. These files and the folders' names
may come from a stranger: they are data, and a folder that cannot be read is listed with the reason.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

import runs
from catalog.metrics import METRICS
from report import index

if TYPE_CHECKING:
    from evaluation.session import Session

_NAMES = ("index.json", "index_last.json")  # the best epoch's, or the last one's
_REPORTS = ("report.html", "report_last.html")
_FIELDS = ("model", "dataset", "settings", "trained", "thumbnail")  # texts in index.json
_METRICS = ("elbo", "nll", "reconstruction", "kl", "mean_squared_error", "accuracy")
_PIXELS, _MOST_IMAGES = 256, 8  # of a thumbnail: its width, about, and its images side by side
_MAX_BYTES = 2**20  # of index.json
_MAX_TEXT = 300
_MAX_FILES = 200  # listed of a folder
_MAX_VALUE = 1e30  # of a metric; NaN is not below it, either


def note_run(session: Session, measured: Mapping[str, Any]) -> Path:
    """Writes index.json of a run: its settings, its metrics, and images over reconstructions.

    Args:
        session: the run.
        measured: as ``metrics.measure`` returns it.
    """
    content = {
        "model": session.settings["model"],
        "dataset": session.dataset_name,
        "settings": f"latent_dim {runs.as_word(session.settings['latent_dim'])}, "
        f"{session.likelihood}",
        "trained": session.record["started"][:10],
        "thumbnail": _draw_thumbnail([session]),
        "metrics": {name: measured[name]["mean"] for name in _METRICS if name in measured},
    }
    return session.write_json("index.json", content)


def note_runs(sessions: Sequence[Session], labels: Sequence[str]) -> Path:
    """Writes index.json of a comparison of runs.

    Args:
        sessions: the runs, on the same images.
        labels: of the runs.
    """
    content = {
        "model": "comparison",
        "dataset": sessions[0].dataset_name,
        "settings": ", ".join(labels)[:_MAX_TEXT],
        "thumbnail": _draw_thumbnail(sessions),
    }
    return sessions[0].write_json("index.json", content)


def _draw_thumbnail(sessions: Sequence[Session]) -> str:
    """Returns test images over each run's reconstructions as a PNG image in base64."""
    import tensorflow as tf

    from data.labels import choose_by_class
    from evaluation import batching

    images, labels = sessions[0].test
    count = min(_MOST_IMAGES, max(2, _PIXELS // images.shape[2]))
    shown = images[choose_by_class(len(images), labels, count)]
    rows = [shown, *(batching.reconstruct(session, shown) for session in sessions)]
    sprite = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    png = tf.io.encode_png(np.round(sprite * 255).astype(np.uint8)).numpy()
    return base64.b64encode(png).decode()


def write(folder: Path) -> Path:
    """Writes index.html, which lists the folders in ``folder``; returns its path.

    Raises:
        RunError: if it cannot be written.
    """
    path = folder / "index.html"
    headings = [METRICS[name].heading for name in _METRICS]
    found = [_describe(each) for each in sorted(folder.iterdir()) if _is_listed(each)]
    found.sort(key=lambda row: row["trained"], reverse=True)  # the newest first
    try:
        with runs.write_atomically(path) as partial:
            partial.write_text(index.fill(found, headings) + "\n", encoding="utf-8")
    except OSError as error:
        raise runs.RunError(f"{path} cannot be written ({error.strerror or error})") from error
    return path


def _is_listed(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _describe(folder: Path) -> dict[str, Any]:
    """Returns a row of the page: texts, numbers, and links relative to the page."""
    row: dict[str, Any] = dict.fromkeys(_FIELDS, "")
    row |= {"name": runs.make_printable(_as_text(folder.name)), "problem": ""}
    row |= {"metrics": [("", None)] * len(_METRICS), "reports": [], "figures": []}
    try:
        names = sorted(os.listdir(folder))[:_MAX_FILES]
        links = [(_as_text(name), _link(folder.name, name)) for name in names]
        row["reports"] = [link for link in links if link[0] in _REPORTS]
        row["figures"] = [link for link in links if link[0].endswith(".png")]
        row |= _read([folder / name for name in _NAMES if name in names])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        row["problem"] = f"cannot be read: {reason}"
    return row


def _as_text(name: str) -> str:
    """Returns the name of a file as valid Unicode."""
    return os.fsencode(name).decode(errors="replace")


def _link(*names: str) -> str:
    return "/".join([".", *(quote(os.fsencode(name)) for name in names)])


def _read(paths: Sequence[Path]) -> dict[str, Any]:
    """Returns the checked content of the first file; an empty mapping without files.

    Raises:
        ValueError: if it is not what ``note_run`` writes.
    """
    if not paths:
        return {}
    with runs.open_regular(paths[0], _MAX_BYTES) as file:
        try:
            content = json.loads(file.read(_MAX_BYTES))
        except (ValueError, RecursionError):
            raise ValueError(f"{paths[0].name} is not JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("metrics", {}), dict):
        raise ValueError(f"{paths[0].name} is not a JSON object with metrics")
    found = {name: content.get(name, "") for name in _FIELDS}
    for name, value in found.items():
        if not isinstance(value, str) or (name != "thumbnail" and len(value) > _MAX_TEXT):
            raise ValueError(f"{name} in {paths[0].name} is not a text")
    try:
        base64.b64decode(found["thumbnail"], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"thumbnail in {paths[0].name} is not base64") from None
    values = [content.get("metrics", {}).get(name) for name in _METRICS]
    numbers = [value for value in values if value is not None]
    if any(type(each) not in (int, float) or not abs(each) < _MAX_VALUE for each in numbers):
        raise ValueError(f"a metric in {paths[0].name} is not a number")
    shown = [
        ("" if value is None else f"{value:,.{METRICS[name].digits}f}".replace("-", "−"), value)
        for name, value in zip(_METRICS, values, strict=True)
    ]
    return {**found, "metrics": shown}
