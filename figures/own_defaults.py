"""Imports matplotlib with its own defaults, whatever the user's files and environment say.

matplotlib reads a ``matplotlibrc`` (of the working directory, of ``MATPLOTLIBRC`` or of the
user's configuration) and ``MPLBACKEND`` when it is first imported, and fails where one of them
is damaged or names a backend that is not installed, as ``MPLBACKEND`` does in a notebook's
subprocess. No figure needs any of them: ``figures.style`` draws from matplotlib's defaults.
Import this before Keras, too, which imports matplotlib where it is installed.
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
        # Its template of a matplotlibrc, every line a comment, lies in this folder; the file of
        # the working directory comes before all others.
        with contextlib.chdir(Path(spec.origin).parent / "mpl-data"):
            importlib.import_module("matplotlib")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


if "matplotlib" not in sys.modules:
    _import_matplotlib()
