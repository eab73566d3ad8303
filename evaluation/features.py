"""Features of images: the penultimate layer of a small classifier, pinned for each dataset."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import keras
import numpy as np
from keras import layers

import runs
from catalog.classifiers import CLASSIFIERS

FOLDER = Path(__file__).parent / "classifiers"
NUM_FEATURES = 64


def build(image_shape: tuple[int, int, int], num_classes: int) -> tuple[keras.Model, keras.Model]:
    """Returns an untrained classifier, and the part of it that computes the features.

    Three convolutions, the first two followed by pooling, and a dense layer: its outputs before
    the nonlinearity, with mean 0 and variance 1 over the training images (batch normalization
    without scale and offset), are the features.

    Args:
        image_shape: (height, width, channels), of images in [0, 1].
        num_classes: the number of logits that the classifier returns.
    """
    images = outputs = keras.Input(image_shape)
    for number, (channels, is_pooled) in enumerate(((16, True), (32, True), (64, False)), start=1):
        outputs = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv_{number}")(
            outputs
        )
        outputs = layers.BatchNormalization(name=f"norm_{number}")(outputs)
        outputs = layers.ReLU()(outputs)
        if is_pooled:
            outputs = layers.MaxPooling2D(padding="same")(outputs)
    outputs = layers.Dropout(0.3)(layers.Flatten()(outputs))
    outputs = layers.Dense(NUM_FEATURES, use_bias=False, name="dense")(outputs)
    features = layers.BatchNormalization(center=False, scale=False, name="features")(outputs)
    logits = layers.Dense(num_classes, name="logits")(layers.ReLU()(features))
    return keras.Model(images, logits), keras.Model(images, features)


def save(classifier: keras.Model, path: Path) -> str:
    """Writes the weights as float16 arrays to an .npz file; returns its SHA-256."""
    content = io.BytesIO()
    arrays = {weight.path: np.asarray(weight).astype(np.float16) for weight in classifier.weights}
    np.savez(content, **arrays)  # type: ignore[arg-type]  # taken for allow_pickle
    path.write_bytes(content.getvalue())
    return hashlib.sha256(content.getvalue()).hexdigest()


def load(
    dataset: str, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[keras.Model, keras.Model]:
    """Returns the pinned classifier of a dataset, and the part of it that computes the features.

    Args:
        dataset: a key of ``CLASSIFIERS``.
        image_shape, num_classes: as for ``build``.

    Raises:
        RunError: if the file of its weights is missing or has another SHA-256.
    """
    path = FOLDER / f"{dataset}.npz"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != CLASSIFIERS[dataset].sha256:
        raise runs.RunError(
            f"{path} is {'damaged' if content else 'missing'}: restore it from the repository"
        )
    classifier, features = build(image_shape, num_classes)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for weight in classifier.weights:
            weight.assign(arrays[weight.path])
    return classifier, features
