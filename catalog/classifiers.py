"""Classifiers in whose features samples are compared with test images (``--quality``).

``python -m evaluation.train_classifier --dataset NAME`` trains one and prints its row.
"""

from __future__ import annotations

from typing import NamedTuple


class PinnedClassifier(NamedTuple):
    """A trained classifier, whose weights are in ``evaluation/classifiers/<dataset>.npz``.

    Attributes:
        sha256: of that file, in hexadecimal digits.
        accuracy: fraction of the test images whose class it names.
    """

    sha256: str
    accuracy: float


CLASSIFIERS = {
    "mnist": PinnedClassifier(
        "ec8decfe178f41e2690d334b54652cd208a690c9cd2f9bc940b4ae0c7bf3692c",
        accuracy=0.9933,
    ),
    "fashion_mnist": PinnedClassifier(
        "be8eb155473b29f7400138fd016bbc5bc513d0af6426177e6aef165ca2565454",
        accuracy=0.9278,
    ),
    "digits": PinnedClassifier(
        "eb8c4ec5cfdb3d39e6949693378adf171765508d4b2e8d7cc46af22b94931cb9",
        accuracy=0.9889,
    ),
}
