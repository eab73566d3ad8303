"""Formats of exported models: a writer and a use of each in ``evaluation/``."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """A format of ``--export``.

    Attributes:
        description: where it runs.
        suffix: of its files' names.
        packages: needed to write it, of requirements-export.txt.
    """

    description: str
    suffix: str
    packages: tuple[str, ...] = ()


FORMATS = {
    "onnx": Format("ONNX Runtime", ".onnx", ("onnx", "tf2onnx")),
    "saved_model": Format("TensorFlow", ".saved_model"),
    "tflite": Format("LiteRT (TensorFlow Lite)", ".tflite"),
    "keras": Format("Keras, without this program", ".keras"),
}
