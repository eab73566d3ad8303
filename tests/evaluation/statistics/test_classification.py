"""Classifiers on few labels against scikit-learn's own, and against loops."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import scipy.spatial
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC

from evaluation.statistics import classification
from tests.evaluation.sessions import load_digits

SEED = 3


@pytest.fixture(scope="module")
def pixels():
    """Digits: 100 labeled and 360 to test on, in [0, 1], (num_images, 64), and their labels."""
    images, labels = load_digits("train")
    chosen = classification.choose_balanced(labels, 100, SEED)
    test_images, test_labels = load_digits("test")
    return (
        images[chosen].reshape(100, -1) / np.float32(255),
        labels[chosen],
        test_images.reshape(360, -1) / np.float32(255),
        test_labels,
    )


@pytest.fixture(scope="module")
def searched(pixels):
    """scikit-learn's own grid search, over the same grid and folds, on rows of features."""
    features, labels, _, _ = pixels
    scalers = {"none": "passthrough", "unit length": Normalizer()}
    cells = []
    for scaling, scaler in scalers.items():
        scaled = features if scaling == "none" else Normalizer().fit_transform(features)
        unit = 1 / scipy.spatial.distance.cdist(scaled, scaled, "sqeuclidean").mean()
        cells.append(
            {
                "scaler": [scaler],
                "svm__gamma": [gamma * unit for gamma in classification.GAMMAS],
                "svm__C": list(classification.PENALTIES),
            }
        )
    folds = StratifiedKFold(classification.NUM_FOLDS, shuffle=True, random_state=SEED)
    search = GridSearchCV(Pipeline([("scaler", "passthrough"), ("svm", SVC())]), cells, cv=folds)
    return search.fit(features, labels)


# -------------------------------------------------------------------------- subsets


@pytest.mark.parametrize("count", [10, 100, 570])
def test_a_subset_has_as_many_images_of_each_class_each_once(count):
    labels = np.random.default_rng(0).integers(0, 10, 1000)
    chosen = classification.choose_balanced(labels, count, SEED)
    assert np.all(np.diff(chosen) > 0)
    assert np.bincount(labels[chosen]).tolist() == [count // 10] * 10
    np.testing.assert_array_equal(classification.choose_balanced(labels, count, SEED), chosen)
    other = classification.choose_balanced(labels, count, SEED + 1)
    assert set(other) != set(chosen)


def test_every_image_of_a_class_is_as_likely_in_a_subset():
    labels = np.repeat([4, 9], [8, 12])
    drawn = [classification.choose_balanced(labels, 8, seed) for seed in range(4000)]
    frequency = np.bincount(np.concatenate(drawn), minlength=20) / 4000
    # Four of 8 and four of 12; five standard errors.
    np.testing.assert_allclose(frequency[:8], 4 / 8, atol=5 * np.sqrt(0.25 / 4000))
    np.testing.assert_allclose(frequency[8:], 4 / 12, atol=5 * np.sqrt(0.25 / 4000))


@pytest.mark.parametrize("count", [0, 15, 80])
def test_a_subset_that_cannot_be_balanced_is_refused(count):
    labels = np.repeat(np.arange(10), [7, *([20] * 9)])
    with pytest.raises(ValueError, match=f"Received {count} labels. .*10 classes, at most 70"):
        classification.choose_balanced(labels, count, 0)


# ------------------------------------------------------------------- scale, distances


def test_distances_are_scipys():
    rng = np.random.default_rng(0)
    one, other = rng.normal(5, 1, (40, 7)), rng.normal(size=(30, 7))
    expected = scipy.spatial.distance.cdist(one, other, "sqeuclidean")
    np.testing.assert_allclose(classification.square_distances(one, other), expected, rtol=1e-10)
    assert classification.square_distances(one, one).min() >= 0


def test_scaled_to_unit_length_only_the_direction_counts():
    rows = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [0.0, -2.0]], np.float32)
    scaled = classification.scale(rows, "unit length")
    expected = [[0.6, 0.8], [0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]
    np.testing.assert_allclose(scaled, expected, atol=1e-7)
    np.testing.assert_array_equal(classification.scale(rows, "none"), rows)


# ---------------------------------------------------------------------- the machine


def test_the_svm_is_chosen_as_by_scikit_learns_grid_search(pixels, searched):
    features, labels, test_features, _ = pixels
    classified = classification.classify_by_svm(features, labels, test_features, SEED)
    assert classified.validated == pytest.approx(searched.best_score_)
    scores = searched.cv_results_["mean_test_score"]
    assert scores.std() > 0.005, "any choice would pass"
    best = [
        (
            "none" if cell["scaler"] == "passthrough" else "unit length",
            pytest.approx(cell["svm__gamma"]),
            cell["svm__C"],
        )
        for cell, score in zip(searched.cv_results_["params"], scores, strict=True)
        if score == pytest.approx(searched.best_score_)
    ]
    chosen = classified.chosen
    assert (chosen["scaling"], chosen["gamma"], chosen["C"]) in best


def test_test_images_are_classified_as_by_scikit_learns_svm(pixels, monkeypatch):
    features, labels, test_features, test_labels = pixels
    monkeypatch.setattr(classification, "_ROWS", 50)  # in several parts
    for scalings in (("none",), ("unit length",)):
        predicted, chosen, _ = classification.classify_by_svm(
            features, labels, test_features, SEED, scalings
        )
        scaled, scaled_test = features, test_features
        if scalings == ("unit length",):
            scaled, scaled_test = (Normalizer().fit_transform(x) for x in (features, test_features))
        machine = SVC(C=chosen["C"], gamma=chosen["gamma"]).fit(scaled, labels)
        assert np.mean(machine.predict(scaled_test) == predicted) > 0.995  # float32's last bits
        assert np.mean(predicted == test_labels) > 0.85


def test_an_svm_of_copies_equals_scikit_learns_on_the_copies_of_its_support_vectors(
    pixels, searched
):
    features, labels, test_features, _ = pixels
    noise = np.random.default_rng(0).normal(0, 0.1, (2, *features.shape))
    copies = np.stack([features, *(features + noise)], axis=1)
    found = classification.classify_by_svm_of_copies(copies, labels, test_features, SEED)
    best = searched.best_estimator_
    support = best["svm"].support_
    machine = Pipeline([("scaler", best["scaler"]), ("svm", SVC(C=best["svm"].C))])
    machine.set_params(svm__gamma=best["svm"].gamma)
    machine.fit(
        np.concatenate([copies[support, place] for place in range(3)]), np.tile(labels[support], 3)
    )
    assert found.chosen["C"] == best["svm"].C
    assert found.chosen["gamma"] == pytest.approx(best["svm"].gamma)
    assert found.validated == pytest.approx(searched.best_score_)
    assert np.mean(found.predicted == machine.predict(test_features)) >= 1 - 2 / 360
    assert np.mean(found.predicted == best.predict(test_features)) < 1


@pytest.mark.parametrize(
    "classify", [classification.classify_by_svm, classification.classify_by_neighbors]
)
def test_a_prediction_does_not_depend_on_other_test_images(pixels, classify):
    features, labels, test_features, _ = pixels
    full = classify(features, labels, test_features, SEED)
    wild = np.concatenate([test_features[:20], np.full((50, 64), 1e3, np.float32)])
    part = classify(features, labels, wild, SEED)
    np.testing.assert_array_equal(part.predicted[:20], full.predicted[:20])
    assert (part.chosen, part.validated) == (full.chosen, full.validated)


@pytest.mark.parametrize(
    "classify", [classification.classify_by_svm, classification.classify_by_neighbors]
)
def test_random_labels_are_not_learned_and_have_a_low_validation_accuracy(classify):
    """Features and labels are independent: a high accuracy would reveal a leak."""
    rng = np.random.default_rng(0)
    labels, test_labels = np.repeat(np.arange(4), 50), rng.integers(0, 4, 1000)
    features, test_features = rng.normal(size=(200, 3)), rng.normal(size=(1000, 3))
    classified = classify(features, labels, test_features, SEED)
    assert np.mean(classified.predicted == test_labels) == pytest.approx(0.25, abs=0.07)
    assert classified.validated < 0.4  # the best of a grid of guesses


@pytest.mark.parametrize(
    "classify", [classification.classify_by_svm, classification.classify_by_neighbors]
)
def test_classes_keep_their_labels_and_identical_images_are_accepted(classify):
    labels = np.repeat([3, 7], 4)
    features = np.where(labels[:, None] == 3, 1.0, -1.0) * np.ones((8, 2))
    classified = classify(features, labels, np.array([[2.0, 2.0], [-3.0, -2.0]]), SEED)
    assert classified.predicted.tolist() == [3, 7]
    assert classified.validated == 1
    collapsed = classify(np.zeros((8, 2)), labels, np.zeros((5, 2)), SEED)
    assert set(collapsed.predicted) <= {3, 7}


# ----------------------------------------------------------------------- neighbors


def vote_by_hand(distances, labels, k):
    """Counts votes in a loop; in a tie, the class that comes first is returned."""
    voted = []
    for row in distances:
        nearest = [labels[place] for place in sorted(range(len(row)), key=row.__getitem__)[:k]]
        voted.append(collections.Counter(nearest).most_common(1)[0][0])  # the first of the most
    return voted


@pytest.mark.parametrize("k", [1, 2, 3, 5, 10, 20, 40])
def test_the_vote_equals_that_of_a_loop(k):
    rng = np.random.default_rng(k)
    distances, labels = rng.random((200, 40)), rng.permutation(np.repeat([2, 5, 6, 9], 10))
    assert classification.vote(distances, labels, k).tolist() == vote_by_hand(distances, labels, k)


def test_the_neighbors_are_scikit_learns(pixels, monkeypatch):
    features, labels, test_features, test_labels = pixels
    monkeypatch.setattr(classification, "SCALINGS", ("none",))
    monkeypatch.setattr(classification, "NEIGHBORS", (1,))  # without a tie to break
    predicted, chosen, validated = classification.classify_by_neighbors(
        features, labels, test_features, SEED
    )
    peer = KNeighborsClassifier(1, algorithm="brute").fit(features, labels)
    np.testing.assert_array_equal(peer.predict(test_features), predicted)
    assert chosen == {"scaling": "none", "k": 1}
    folds = StratifiedKFold(classification.NUM_FOLDS, shuffle=True, random_state=SEED)
    search = GridSearchCV(peer, {"n_neighbors": [1]}, cv=folds).fit(features, labels)
    assert validated == pytest.approx(search.best_score_)
    assert 0.7 < np.mean(predicted == test_labels) < 1


def test_the_number_of_neighbors_is_the_one_that_cross_validation_finds_best(monkeypatch):
    """One label in five is wrong, so that a vote of many neighbors is more accurate than one."""
    monkeypatch.setattr(classification, "SCALINGS", ("none",))
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 100)
    features = rng.normal(size=(200, 2)) + 8 * truth[:, None]
    labels = np.where(rng.random(200) < 0.2, 1 - truth, truth)
    test_features = rng.normal(size=(500, 2))
    predicted, chosen, _ = classification.classify_by_neighbors(
        features, labels, test_features, SEED
    )
    assert chosen["k"] >= 10
    assert np.mean(predicted == 0) > 0.97
    monkeypatch.setattr(classification, "NEIGHBORS", (1,))
    single, _, _ = classification.classify_by_neighbors(features, labels, test_features, SEED)
    assert np.mean(single == 0) < 0.9


def test_the_number_of_neighbors_is_at_most_the_size_of_a_fold():
    labels = np.repeat([0, 1], 2)
    features = np.array([[0.0], [0.1], [5.0], [5.1]])
    classified = classification.classify_by_neighbors(features, labels, features, SEED)
    assert classified.chosen["k"] == 1
    assert classified.predicted.tolist() == [0, 0, 1, 1]


# ----------------------------------------------------------------------- confusions


def test_confusions_are_scikit_learns():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 9, 500), rng.integers(0, 10, 500)
    found = classification.count_confusions(labels, predicted, 10)
    expected = confusion_matrix(labels, predicted, labels=range(10))
    np.testing.assert_array_equal(found, expected)
    assert found.tolist() != found.T.tolist()
