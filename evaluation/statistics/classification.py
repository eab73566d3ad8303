"""Classifiers trained on few labeled images.

Kingma et al. (2014), arXiv:1406.5298, section 2.1 (M1): features learned without labels, and a
support vector machine on the few images that have labels. The classifiers work on squared
distances between images. These are computed once per subset; every kernel exp(−γ·d²) of the
grid and every fold of the cross-validation uses a part of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from data import cores

# Candidates of cross-validation, the smoothest first: among equally good ones, it takes the first.
# γ is in units of 1 / (mean squared distance between two labeled images), so that one grid fits
# both 784 pixels and 2 latent dimensions.
SCALINGS = ("none", "unit length")
GAMMAS = (0.25, 0.5, 1.0, 2.0)
PENALTIES = (1.0, 3.0, 10.0, 30.0)
NEIGHBORS = (20, 10, 5, 3, 1)
NUM_FOLDS = 5
_CACHE = 500  # MB, for the distances between copies
_ROWS = 2000  # test images at a time: 2,000 × 3,000 distances take 48 MB


class Classified(NamedTuple):
    """A classifier's predictions for the test images."""

    predicted: np.ndarray  # (num_test,), of the dtype of the labels
    chosen: dict[str, Any]  # what cross-validation chose, by name
    validated: float  # accuracy of that choice in cross-validation


def choose_balanced(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns ascending positions of ``count`` images, equally many of each class.

    Args:
        labels: (num_images,), integers.
        count: a multiple of the number of classes among them.
        seed: of the draw, which is without replacement; another count is an independent draw.

    Raises:
        ValueError: if count is not a multiple, or exceeds what the smallest class allows.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    each, left = divmod(count, len(classes))
    if left or not 0 < each <= sizes.min():
        raise ValueError(
            f"Received {count} labels. Expected a multiple of the {len(classes)} classes, at most "
            f"{sizes.min() * len(classes)}: the smallest class has {sizes.min()} images."
        )
    generator = np.random.default_rng([seed, count])
    drawn = [generator.choice(np.flatnonzero(labels == c), each, replace=False) for c in classes]
    return np.sort(np.concatenate(drawn))


class Machine(NamedTuple):
    """What cross-validation chose for a support vector machine."""

    scaling: str  # one of SCALINGS
    gamma: float  # of k(x, y) = exp(−γ·‖x − y‖²)
    C: float
    validated: float  # accuracy in cross-validation

    def classified(self, predicted: Sequence[np.ndarray]) -> Classified:
        """Returns its predictions for the test images, given in parts."""
        chosen = {"scaling": self.scaling, "gamma": self.gamma, "C": self.C}
        return Classified(np.concatenate(predicted), chosen, self.validated)


def classify_by_svm(
    features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    seed: int,
    scalings: Sequence[str] = SCALINGS,
) -> Classified:
    """Trains a support vector machine with a Gaussian kernel and classifies the test images.

    k(x, y) = exp(−γ·‖x − y‖²), one-versus-one (Cortes and Vapnik, 1995). The scaling of the
    features, C and γ are those with the best accuracy in stratified cross-validation on the
    labeled images. Nothing is fitted to the test images.

    Args:
        features: (num_labeled, num_features).
        labels: (num_labeled,), at least two of each class.
        test_features: (num_test, num_features).
        seed: of the folds.
        scalings: to choose among.
    """
    chosen = _choose_machine(features, labels, seed, scalings)
    machine, scaled = _train(chosen, features, labels)
    predicted = [
        machine.predict(
            np.exp(-chosen.gamma * square_distances(scale(rows, chosen.scaling), scaled))
        )
        for rows in _split(test_features)
    ]
    return chosen.classified(predicted)


def classify_by_svm_of_copies(
    copies: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    seed: int,
    scalings: Sequence[str] = SCALINGS,
) -> Classified:
    """Retrains a support vector machine on altered copies of its support vectors.

    Virtual support vectors (DeCoste and Schölkopf, 2002, Training invariant support vector
    machines): an altered image keeps its label, and only images near the border between classes
    are worth altering. The machine is first chosen and trained as by ``classify_by_svm``.

    Args:
        copies: (num_labeled, num_copies, num_features); the first copy is the unaltered image.
        labels, test_features, seed, scalings: as for ``classify_by_svm``.
    """
    originals = copies[:, 0]
    chosen = _choose_machine(originals, labels, seed, scalings)
    support = _train(chosen, originals, labels)[0].support_
    virtual = copies[support].reshape(-1, copies.shape[-1])
    # All their distances would not fit in memory: scikit-learn computes them as needed.
    machine = SVC(C=chosen.C, gamma=chosen.gamma, cache_size=_CACHE)
    machine.fit(scale(virtual, chosen.scaling), np.repeat(labels[support], copies.shape[1]))
    predicted = [machine.predict(scale(rows, chosen.scaling)) for rows in _split(test_features)]
    return chosen.classified(predicted)


def _choose_machine(
    features: np.ndarray, labels: np.ndarray, seed: int, scalings: Sequence[str]
) -> Machine:
    """Returns the machine with the best accuracy in cross-validation on these images."""
    folds = list(_fold(labels, seed))

    def validate(distances: np.ndarray, gamma: float) -> np.ndarray:
        """Returns the number of held-out images that each C classifies correctly."""
        kernel = np.exp(-gamma * distances)
        right = np.zeros(len(PENALTIES), np.int64)
        for kept, held_out in folds:
            between, across = kernel[np.ix_(kept, kept)], kernel[np.ix_(held_out, kept)]
            for index, penalty in enumerate(PENALTIES):
                machine = SVC(C=penalty, kernel="precomputed").fit(between, labels[kept])
                right[index] += np.sum(machine.predict(across) == labels[held_out])
        return right

    right, units = [], []
    with ThreadPoolExecutor(cores.count()) as threads:  # libsvm computes outside Python's lock
        for scaling in scalings:
            scaled = scale(features, scaling)
            distances = square_distances(scaled, scaled)
            units.append(1 / (distances.mean() or 1.0))  # identical images: any unit
            each = [threads.submit(validate, distances, gamma * units[-1]) for gamma in GAMMAS]
            right.append([counts.result() for counts in each])
    best = [int(place) for place in np.unravel_index(np.argmax(right), np.shape(right))]
    return Machine(
        scalings[best[0]],
        float(GAMMAS[best[1]] * units[best[0]]),
        PENALTIES[best[2]],
        float(np.max(right) / len(labels)),
    )


def _train(chosen: Machine, features: np.ndarray, labels: np.ndarray) -> tuple[SVC, np.ndarray]:
    """Returns the machine, which takes kernels, and the scaled features it was trained on."""
    scaled = scale(features, chosen.scaling)
    machine = SVC(C=chosen.C, kernel="precomputed")
    machine.fit(np.exp(-chosen.gamma * square_distances(scaled, scaled)), labels)
    return machine, scaled


def classify_by_neighbors(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, seed: int
) -> Classified:
    """Assigns each test image the class of most of its k nearest labeled images.

    A tie goes to the class with the nearest image. Cross-validation chooses the scaling and k.
    The arguments are those of ``classify_by_svm``.
    """
    folds = list(_fold(labels, seed))
    numbers = [k for k in NEIGHBORS if k <= min(len(kept) for kept, _ in folds)]
    right = np.zeros((len(SCALINGS), len(numbers)), np.int64)
    for row, scaling in enumerate(SCALINGS):
        scaled = scale(features, scaling)
        distances = square_distances(scaled, scaled)
        for kept, held_out in folds:
            across = distances[np.ix_(held_out, kept)]
            for column, k in enumerate(numbers):
                voted = vote(across, labels[kept], k)
                right[row, column] += np.sum(voted == labels[held_out])
    best = np.unravel_index(np.argmax(right), right.shape)
    scaling, k = SCALINGS[best[0]], numbers[best[1]]
    scaled = scale(features, scaling)
    predicted = [
        vote(square_distances(scale(rows, scaling), scaled), labels, k)
        for rows in _split(test_features)
    ]
    return Classified(
        np.concatenate(predicted),
        {"scaling": scaling, "k": k},
        float(np.max(right) / len(labels)),
    )


def count_confusions(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the number of images by true class (rows) and predicted class (columns)."""
    confusions = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(confusions, (labels, predicted), 1)
    return confusions


def scale(features: np.ndarray, scaling: str) -> np.ndarray:
    """Returns the features unchanged, or each image's divided by its length.

    At unit length, ‖x − y‖² = 2 − 2·cos(x, y): the distance from the prior's mean, or the
    brightness of an image, no longer matters.

    Args:
        features: (num_images, num_features).
        scaling: one of ``SCALINGS``.
    """
    features = features.astype(np.float64)
    if scaling == "none":
        return features
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)


def square_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns ‖x − y‖² for each row x of one and y of other, (len(one), len(other))."""
    squares = np.sum(one**2, axis=1)[:, None] + np.sum(other**2, axis=1) - 2 * one @ other.T
    return np.maximum(squares, 0)  # rounding may give slightly negative values


def vote(distances: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Returns the most frequent class among the k nearest, for each row of distances.

    Args:
        distances: (num_images, num_labeled).
        labels: (num_labeled,).
        k: at most num_labeled.
    """
    nearest = labels[np.argsort(distances, axis=1, kind="stable")[:, :k]]  # (num_images, k)
    classes = np.unique(labels)
    votes = np.zeros((len(distances), len(classes)), np.int64)
    first = np.full(votes.shape, k)  # the rank of the nearest of each class
    for rank in reversed(range(k)):
        place = np.arange(len(distances)), np.searchsorted(classes, nearest[:, rank])
        votes[place] += 1
        first[place] = rank
    return classes[np.argmax(votes * (k + 1) - first, axis=1)]


def _fold(labels: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (kept, held-out) positions of stratified folds."""
    smallest = int(np.unique(labels, return_counts=True)[1].min())
    folds = StratifiedKFold(min(NUM_FOLDS, smallest), shuffle=True, random_state=seed)
    return folds.split(np.zeros(len(labels)), labels)


def _split(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
