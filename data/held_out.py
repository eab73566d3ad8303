"""Training, validation and test images of a source that does not have all three.

What is missing is drawn at random by a fixed seed, so that all runs on the same images have the
same test images. It does not depend on ``--seed``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

PARTS = ("train", "validation", "test")
_SEED = 0  # part of the definition of the user's datasets
_FRACTION, _MOST = 10, 10_000  # a tenth of the images is held out, and at most so many
_LEAST = {"train": 1, "validation": 1, "test": 2}  # a standard error needs two images


@dataclasses.dataclass(frozen=True)
class Division:
    """Which images are for training, validation and testing.

    Attributes:
        train: numbers of images, counted over the three parts one after the other; validation
            images of the source itself are last.
        test: the same of the test images.
        num_validation: number of validation images by default.
        has_validation: whether the source has validation images.
        notes: what was decided, one line each.
    """

    train: np.ndarray
    test: np.ndarray
    num_validation: int
    has_validation: bool
    notes: tuple[str, ...]


def divide(sizes: Mapping[str, int]) -> Division:
    """Divides images, in a fixed random order.

    The order is random because images are often stored by class, and images that are streamed
    are not shuffled completely.

    Args:
        sizes: number of images in ``"train"``, ``"validation"`` and ``"test"``; 0 without.

    Raises:
        ValueError: if there are too few images; the message follows the source's name.
    """
    counts = {part: sizes.get(part, 0) for part in PARTS}
    missing = [part for part in PARTS[1:] if not counts[part]]
    least = {**_LEAST, "train": 1 + sum(_LEAST[part] for part in missing)}
    for part, count in counts.items():
        if count < least[part] and part not in missing:
            raise ValueError(
                f"has {count} {part} image{'' if count == 1 else 's'}: expected at least "
                f"{least[part]}"
                + (f", of which {' and '.join(missing)} images are held out" if missing else "")
            )
    generator = np.random.default_rng(_SEED)
    train, notes = generator.permutation(counts["train"]), []
    test = counts["train"] + counts["validation"] + generator.permutation(counts["test"])
    if "test" in missing:
        size = _held_out(len(train), "test")
        test, train = train[:size], train[size:]
        notes.append(f"no test images of its own: {size:,} drawn by a fixed seed are held out")
    num_validation = counts["validation"] or _held_out(len(train), "validation")
    if "validation" not in missing:
        own = counts["train"] + generator.permutation(num_validation)
        train = np.concatenate([train, own])
        notes.append(f"{num_validation:,} validation images of its own")
    return Division(train, test, num_validation, "validation" not in missing, tuple(notes))


def _held_out(count: int, part: str) -> int:
    return min(max(round(count / _FRACTION), _LEAST[part]), _MOST)
