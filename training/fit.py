"""One training run, from an untrained model to the files of its run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import runs
from training.callbacks import ReconstructionImages, RunWriter


def fit(
    model: keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    num_images: int,
    shown_images: np.ndarray,
    run: runs.Run,
    settings: Mapping[str, Any],
) -> RunWriter:
    """Trains a model with Adam and writes its run.

    Args:
        model: built, not compiled.
        train: batches without end; an epoch takes as many as hold ``num_images``.
        validation: batches of the images to choose by.
        num_images: training images.
        shown_images: float32 images in [0, 1], reconstructed for TensorBoard.
        run: already started.
        settings: flags by name; of them ``learning_rate``, ``batch_size``, ``num_epochs``.

    Returns:
        the history and the best epoch.
    """
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]))
    writer = RunWriter(run, num_images)
    model.fit(
        train,
        steps_per_epoch=-(-num_images // settings["batch_size"]),
        epochs=settings["num_epochs"],
        validation_data=validation,
        shuffle=False,  # the batches are shuffled
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            writer,
            keras.callbacks.TensorBoard(run.logs_dir, write_graph=False),
            ReconstructionImages(run.logs_dir, shown_images, settings["num_epochs"]),
        ],
    )
    return writer
