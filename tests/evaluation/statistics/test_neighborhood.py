"""Coordinates in the graph of nearest neighbors, compared with loops and used by a classifier."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.statistics import classification, neighborhood
from evaluation.statistics.neighborhood import Neighborhood


def make_graph_by_hand(points: np.ndarray, num_neighbors: int) -> tuple[np.ndarray, float]:
    """Returns the matrix of weights, and the unit of the squared distances, by loops."""
    squares = np.array([[np.sum((x - y) ** 2) for y in points] for x in points])
    count = len(points)
    nearest = [
        sorted((other for other in range(count) if other != one), key=squares[one].__getitem__)
        for one in range(count)
    ]
    joined = [(one, other) for one in range(count) for other in nearest[one][:num_neighbors]]
    unit = np.median([squares[pair] for pair in joined])
    weights = np.zeros((count, count))
    for one, other in joined:
        weights[one, other] = weights[other, one] = np.exp(-squares[one, other] / unit)
    return weights, unit


def make_moons(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles with a little noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2)
    angles = np.pi * rng.random(count)
    x = np.where(labels == 0, np.cos(angles), 1 - np.cos(angles))
    y = np.where(labels == 0, np.sin(angles), 0.5 - np.sin(angles))
    return np.stack([x, y], axis=1) + 0.06 * rng.normal(size=(count, 2)), labels


@pytest.mark.parametrize("dense", [500, 0])
def test_the_coordinates_change_least_along_the_graph(dense, monkeypatch):
    """D⁻¹W f = λ f with the largest λ except the first, for W computed in loops."""
    monkeypatch.setattr(neighborhood, "_DENSE", dense)
    points = np.random.default_rng(0).normal(size=(120, 3))
    found = Neighborhood(points, num_dims=6, num_neighbors=8)
    weights, unit = make_graph_by_hand(points, 8)
    assert found.unit == pytest.approx(unit)
    walk = weights / weights.sum(axis=1, keepdims=True)
    values = np.sort(np.linalg.eigvals(walk).real)[::-1]
    assert values[0] == pytest.approx(1)
    assert values[1] < 1 - 1e-6, "the graph is to be of one piece"
    for column, value in zip(found.coordinates.T, values[1:7], strict=True):
        np.testing.assert_allclose(walk @ column, value * column, atol=1e-8)
        assert np.ptp(column) > 0.1
    assert np.mean(np.sum(found.coordinates**2, axis=1)) == pytest.approx(1)


def test_other_points_have_the_mean_of_their_neighbors():
    rng = np.random.default_rng(1)
    points, others = rng.normal(size=(100, 3)), rng.normal(size=(20, 3))
    found = Neighborhood(points, num_dims=4, num_neighbors=5)
    placed = found.place(others)
    for other, coordinates in zip(others, placed, strict=True):
        squares = np.array([np.sum((other - point) ** 2) for point in points])
        nearest = np.argsort(squares)[:5]
        weights = np.exp(-squares[nearest] / found.unit)
        expected = weights @ found.coordinates[nearest] / weights.sum()
        np.testing.assert_allclose(coordinates, expected, rtol=1e-8)
    far = found.place(np.full((1, 3), 1e4))
    assert np.isfinite(far).all()


def test_the_first_coordinate_separates_two_unconnected_groups():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(60, 2)) + np.repeat([0, 100], 30)[:, None]
    first = Neighborhood(points, num_dims=2).coordinates[:, 0]
    assert np.ptp(first[:30]) < 1e-6
    assert np.ptp(first[30:]) < 1e-6
    assert abs(first[0] - first[-1]) > 0.5


def test_with_few_labels_an_svm_follows_the_shape_of_the_unlabeled_points():
    """Two labeled points per half circle do not determine its shape without unlabeled points."""
    points, _ = make_moons(1500, 0)
    test_points, test_labels = make_moons(1000, 1)
    sheet = Neighborhood(points, num_dims=1)
    plain: list[float] = []
    following: list[float] = []
    for seed in range(5):
        few, few_labels = make_moons(4, 10 + seed)
        for features, test_features, accuracies in (
            (few, test_points, plain),
            (sheet.place(few), sheet.place(test_points), following),
        ):
            classified = classification.classify_by_svm(
                features, few_labels, test_features, seed, scalings=("none",)
            )
            accuracies.append(float(np.mean(classified.predicted == test_labels)))
    assert np.mean(following) > 0.97
    assert np.mean(plain) < 0.9


def test_the_same_points_give_the_same_coordinates():
    points, _ = make_moons(700, 0)
    first, again = (Neighborhood(points).coordinates for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (700, 20)


@pytest.mark.parametrize("count", [30, 600])
def test_identical_points_have_finite_coordinates(count):
    """As for a collapsed posterior."""
    found = Neighborhood(np.zeros((count, 2)))
    assert np.isfinite(found.coordinates).all()
    assert np.isfinite(found.place(np.zeros((3, 2)))).all()
