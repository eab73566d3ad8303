"""Trains the classifier in whose features ``--quality`` compares images, and pins its weights.

    python -m evaluation.train_classifier --dataset mnist

Trains on the dataset's training images without its validation images, writes the weights to
evaluation/classifiers/, and prints their checksum and accuracy, for catalog/classifiers.py.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np

import data
from catalog.datasets import DATASETS
from data import splits
from evaluation import features

_BATCH_SIZE = 100
_MIN_EPOCHS, _MIN_IMAGES = 8, 100_000  # seen in training, the same image repeatedly


def train(dataset: str, seed: int = 0) -> tuple[str, float]:
    """Trains and saves a classifier; returns the SHA-256 of its weights and its accuracy.

    Cross-entropy, Adam with a learning rate of 0.002 that falls to 0 along a cosine. The accuracy
    is that of the saved weights on the test images.

    Args:
        dataset: a key of ``DATASETS``, with labels.
        seed: of the initial weights, the order of the images and dropout.
    """
    keras.utils.set_random_seed(seed)
    info = data.describe(dataset)
    shape, num_classes = info.image_shape, len(info.class_names or ())
    (train, validation), test = splits.load_train_and_validation(info), splits.load_test(info)
    num_epochs = max(_MIN_EPOCHS, -(-_MIN_IMAGES // len(train)))
    num_steps = num_epochs * -(-len(train) // _BATCH_SIZE)
    classifier, _ = features.build(shape, num_classes)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, num_steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA's convolutions take ten times as long
    )
    classifier.fit(
        *_scale(train),
        batch_size=_BATCH_SIZE,
        epochs=num_epochs,
        validation_data=_scale(validation),
        verbose=2,
    )
    features.FOLDER.mkdir(exist_ok=True)
    sha256 = features.save(classifier, features.FOLDER / f"{dataset}.npz")
    for weight in classifier.weights:
        weight.assign(np.asarray(weight).astype(np.float16))
    images, labels = _scale(test)
    predicted = classifier.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    return sha256, float(np.mean(predicted == labels))


def _scale(split: splits.Split) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns images in [0, 1], and their labels."""
    return split.images.astype(np.float32) / 255, split.labels


def main() -> None:
    labeled = [name for name, info in DATASETS.items() if info.class_names]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", choices=labeled, required=True)
    dataset = parser.parse_args().dataset
    sha256, accuracy = train(dataset)
    print(f'"{dataset}": PinnedClassifier(\n    "{sha256}",\n    accuracy={accuracy:.4f},\n),')


if __name__ == "__main__":
    main()
