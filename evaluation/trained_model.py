"""Loads the trained model of a run without executing anything in its file.

The model is built from the flags in run.json, which are checked like a command line; its file
provides only the weights. No class that the file names is instantiated, and the shapes of the
weights are checked before they are loaded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

import runs


def load(
    run: runs.Run, checkpoint: str, build: Callable[[], keras.Model]
) -> tuple[Any, int | None]:
    """Returns a run's model, and the epoch after which it was saved (None if unknown).

    Args:
        run: the run.
        checkpoint: ``"best"`` or ``"last"``.
        build: returns the model that run.json describes, untrained.

    Raises:
        RunError: if the file is missing, damaged, or of another model.
    """
    name = runs.CHECKPOINTS[checkpoint]
    with runs.open_file(run, name) as opened:
        try:
            saved = runs.read_model(opened.file)
            with keras.StatelessScope(initialize_variables=False):  # shapes without memory
                blueprint = build()
                expected = keras.saving.serialize_keras_object(blueprint)
                shapes = [tuple(weight.shape) for weight in blueprint.weights]
            runs.check_config(saved.config.get("config"), expected["config"])
            runs.check_weights(saved.weights, shapes)
        except runs.ArchiveError as error:
            raise runs.RunError(
                f"{run.folder / name} is refused ({error}): train the run again with --overwrite"
            ) from error
    model = build()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        path.write_bytes(saved.weights)
        try:
            model.load_weights(path)
        except Exception as error:  # the arrays have other paths than the model's weights
            reason = " ".join(str(error).split())[:200]
            raise runs.RunError(
                f"{run.folder / name} cannot be opened ({type(error).__name__}: {reason}): train "
                "the run again with --overwrite"
            ) from error
    return model, opened.epoch
