"""``--export``: encoder, decoder and model in formats that are used without this program."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

import runs
from catalog.exports import FORMATS
from evaluation import RequestError, export_readme
from evaluation.session import Session

_PARTS = ("encoder", "decoder", "model", "prior")  # the last of a hierarchy
_README, _PRIOR = "README.md", "prior.npz"


def check(session: Session) -> None:
    """Raises RequestError if a format needs a missing package, or --quantize another format."""
    formats = session.flags["export"]
    for name in formats:
        missing = [each for each in FORMATS[name].packages if not importlib.util.find_spec(each)]
        if missing:
            raise RequestError(
                f"flag --export={name}: needs {' and '.join(missing)}: type pip install -r "
                "requirements-export.txt"
            )
    if session.flags["quantize"] and "tflite" not in formats:
        raise RequestError(
            f"flag --quantize is for tflite, not for --export {','.join(formats)}: leave it out, "
            "or add tflite"
        )


def run(session: Session) -> list[Path]:
    """Writes export/ with each part in each format, and a README.md that uses them.

    The folder replaces that of an earlier export when it is complete; one that holds other files
    is refused.
    """
    import models
    from evaluation import export_formats

    folder = session.path("export")
    check_replaceable(folder)
    formats = [name for name in FORMATS if name in session.flags["export"]]
    parts = models.functional.build(session.model, session.recorded_info.image_shape)
    with session.writing(folder):
        session.make_folder()
        with runs.replace_folder(folder) as new:
            for name in formats:
                for part, model in parts.items():
                    path = new / f"{part}{FORMATS[name].suffix}"
                    export_formats.write(name, model, path, session.flags["quantize"])
                    print(f"  {path.name}", flush=True)
            arrays = session.model.prior.arrays()
            if arrays:
                np.savez(new / _PRIOR, **arrays)
            text = export_readme.describe(session, parts, formats)
            (new / _README).write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


def check_replaceable(folder: Path) -> None:
    """Raises RunError if the folder is a link, or has anything that ``run`` does not write."""
    if folder.is_symlink():
        raise runs.RunError(f"{folder} is a link, which --export does not follow: remove it")
    known = {f"{part}{row.suffix}" for part in _PARTS for row in FORMATS.values()}
    known |= {_README, _PRIOR}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in known:
            raise runs.RunError(
                f"{path} is not from an earlier export: move it, because --export replaces {folder}"
            )
