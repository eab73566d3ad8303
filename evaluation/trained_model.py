"""A trained model from its run's folder, of which nothing is run.

The model is built from the flags in run.json, which have been checked as a command line is,
and its file gives it the numbers, and nothing else: no object is made of what the file names.
Before that, what it names must agree with the model, and its arrays with the model's weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

import models  # noqa: F401  registers the classes
import runs

# Keras' own classes in the configurations of models that train.py writes.
_OF_KERAS = {
    "DTypePolicy": "keras",
    "Adam": "keras.optimizers",
    "LossScaleOptimizer": "keras.optimizers",
    "CosineDecay": "keras.optimizers.schedules",
}


def load(
    run: runs.Run, checkpoint: str, build: Callable[[], keras.Model]
) -> tuple[Any, int | None]:
    """Returns a run's model, and after which epoch it was saved (None if nothing says so).

    Args:
        run: the run.
        checkpoint: ``"best"`` or ``"last"``.
        build: makes the model that run.json describes, untrained.

    Raises:
        RunError: if the file is missing, damaged, or not of that model.
    """
    name = runs.CHECKPOINTS[checkpoint]
    with runs.open_file(run, name) as opened:
        try:
            saved = runs.read_model(opened.file, known_classes())
            with keras.StatelessScope(initialize_variables=False):  # shapes, and no memory
                blueprint = build()
                expected = keras.saving.serialize_keras_object(blueprint)
                shapes = [tuple(weight.shape) for weight in blueprint.weights]
            for part in ("class_name", "config"):
                wrong = runs.find_contradiction(saved.config.get(part), expected[part])
                if wrong:
                    raise runs.ArchiveError(f"it is not of the flags in run.json: it has {wrong}")
            runs.check_weights(saved.weights, shapes)
        except runs.ArchiveError as error:
            raise runs.RunError(
                f"{run.folder / name} is refused ({error}): train the run anew with --overwrite"
            ) from error
    model = build()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        path.write_bytes(saved.weights)
        try:
            model.load_weights(path)
        except Exception as error:  # its arrays lie in other places than the model's
            reason = " ".join(str(error).split())[:200]
            raise runs.RunError(
                f"{run.folder / name} cannot be opened ({type(error).__name__}: {reason}): train "
                "the run anew with --overwrite"
            ) from error
    return model, opened.epoch


def known_classes() -> set[runs.ClassName]:
    """Returns the classes that a model's configuration may name: ours, and a few of Keras."""
    ours = {
        runs.ClassName(known.__module__, known.__name__, registered)
        for registered, known in keras.saving.get_custom_objects().items()
        if known.__module__.split(".")[0] == "models"
    }
    return ours | {runs.ClassName(module, name, None) for name, module in _OF_KERAS.items()}
