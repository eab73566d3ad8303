"""Color patches of 16×16 pixels, cut from the two sample photographs of scikit-learn.

The photographs, of a temple in China and of a flower, come with the package. The patches do not
overlap and have no labels. Test patches come from the right fifth of both photographs, training
patches from the rest, so that no test pixel is ever trained on.
"""

from __future__ import annotations

import numpy as np

from catalog.datasets import DatasetInfo

_PHOTOGRAPHS = ("china.jpg", "flower.jpg")  # 427×640 pixels each
_SIZE = 16
_TRAIN_COLUMNS = 32  # of 40 columns of patches
_ORDER_SEED = 0  # part of the dataset's definition


def load(
    info: DatasetInfo,
    split: str,
    data_dir: str | None = None,
    positions: np.ndarray | None = None,
) -> tuple[np.ndarray, None]:
    """Returns the patches of one split, in a fixed random order.

    Args:
        info: the dataset.
        split: ``"train"`` (1,664 patches) or ``"test"`` (416 patches).
        data_dir: not used; the images are embedded.
        positions: of the patches wanted, in that order; None for all.

    Returns:
        images, uint8 (num_images, 16, 16, 3) in 0..255; None in place of labels.
    """
    from sklearn.datasets import load_sample_image

    columns = {"train": slice(_TRAIN_COLUMNS), "test": slice(_TRAIN_COLUMNS, None)}[split]
    found = []
    for name in _PHOTOGRAPHS:
        photograph = load_sample_image(name)
        rows = len(photograph) // _SIZE
        grid = photograph[: rows * _SIZE].reshape(rows, _SIZE, -1, _SIZE, 3).swapaxes(1, 2)
        found.append(grid[:, columns].reshape(-1, _SIZE, _SIZE, 3))
    patches = np.concatenate(found)
    order = np.random.default_rng(_ORDER_SEED).permutation(len(patches))
    return patches[order if positions is None else order[positions]], None
