"""Imports matplotlib with its own defaults, whatever the user's files and environment say.

When it is first imported, matplotlib reads a ``matplotlibrc`` (from the working directory,
``MATPLOTLIBRC`` or the user's configuration) and ``MPLBACKEND``. The import fails if one of them
is damaged or names a backend that is not installed, as ``MPLBACKEND`` does in the subprocess of a
notebook. No figure needs them: ``figures.style`` uses matplotlib's defaults. Import this before
Keras, which imports matplotlib if it is installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path


def _import_matplotlib() -> None:
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("matplotlib is not installed: pip install -r requirements.txt")
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        # This folder has a template of matplotlibrc in which every line is a comment. The file in
        # the working directory takes precedence over all others.
        with contextlib.chdir(Path(spec.origin).parent / "mpl-data"):
            importlib.import_module("matplotlib")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


if "matplotlib" not in sys.modules:
    _import_matplotlib()
