"""Handwritten digits of 8×8 pixels: the 1,797 images that come with scikit-learn."""

from __future__ import annotations

import numpy as np

from catalog.datasets import DatasetInfo

_SPLIT_SEED = 0  # part of the dataset's definition: the official data has no test split


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images of one split; a fixed, stratified fifth is the test split.

    The original gray values 0..16 are scaled to 0..255.

    Args:
        info: the dataset.
        split: ``"train"`` (1,437 images) or ``"test"`` (360 images).
        data_dir: not used; the images are embedded.
        positions: of the images wanted, in that order; None for all.

    Returns:
        images, uint8 (num_images, 8, 8, 1) in 0..255; labels, int64 (num_images,).
    """
    from sklearn import datasets, model_selection

    digits = datasets.load_digits()
    train, test = model_selection.train_test_split(
        np.arange(len(digits.target)),
        test_size=info.num_test,
        stratify=digits.target,
        random_state=_SPLIT_SEED,
    )
    chosen = {"train": train, "test": test}[split]
    if positions is not None:
        chosen = chosen[positions]
    images = np.round(digits.images[chosen, ..., np.newaxis] * (255 / 16)).astype(np.uint8)
    return images, digits.target[chosen].astype(np.int64)
