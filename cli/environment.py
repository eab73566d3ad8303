"""Prepares the environment that the scripts start in, before TensorFlow is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# CUDA_VISIBLE_DEVICES is not among them: empty, it means no GPU.
_PREFIXES = ("KERAS_", "OMP_", "TF_", "TFDS_", "XLA_")


def prepare(argv: Sequence[str]) -> None:
    """Removes empty variables, and refuses paths that TensorFlow cannot open.

    Libraries fail on a variable that is set but empty: TensorFlow aborts the process for
    ``TF_DETERMINISTIC_OPS=``, Keras raises ValueError for ``KERAS_MAX_EPOCHS=``.

    Args:
        argv: the command line, the script's path first.

    Raises:
        OSError: if the program's folder, an argument or TFDS_DATA_DIR is not valid UTF-8.
    """
    for name, value in list(os.environ.items()):
        if name.startswith(_PREFIXES) and not value.strip():
            del os.environ[name]
    folder = str(Path(argv[0]).resolve().parent)
    _check_text("the program's folder", folder, "rename the folder")
    for word in argv[1:]:
        _check_text("the argument", word, "rename the file or folder that it names")
    _check_text("TFDS_DATA_DIR", os.environ.get("TFDS_DATA_DIR", ""), "rename the folder")


def _check_text(noun: str, text: str, remedy: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        encoding = sys.getfilesystemencoding()
        if encoding.lower() != "utf-8":
            raise OSError(
                f"{noun} {text} cannot be read in this locale, whose encoding is {encoding}: "
                "set PYTHONUTF8=1"
            ) from None
        raise OSError(
            f"{noun} {text} is not valid UTF-8, which TensorFlow expects of paths: {remedy}"
        ) from None
