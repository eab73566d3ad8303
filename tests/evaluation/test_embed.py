"""The t-SNE map of posterior means."""

import sys

import numpy as np
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn

from evaluation.latent import embed
from evaluation.statistics import tsne


@pytest.fixture(autouse=True)
def one_thread():
    """Uses one thread: OpenMP's threads spin while they wait, for minutes on a busy machine."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def clusters():
    """Three clouds of twenty points, far from one another in five dimensions."""
    rng = np.random.default_rng(0)
    centers = 20 * np.eye(3, 5)
    return (np.repeat(centers, 20, axis=0) + rng.normal(size=(60, 5))).astype(np.float32)


def test_a_map_repeats_with_its_seed(clusters):
    once, again = embed(clusters, 1), embed(clusters, 1)
    assert once.shape == (60, 2)
    np.testing.assert_array_equal(once, again)


def test_points_that_are_neighbors_stay_neighbors(clusters):
    points = embed(clusters, 0)
    labels = np.repeat(np.arange(3), 20)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert np.all(labels[distance.argmin(axis=1)] == labels)


def test_the_smallest_number_of_points_is_mapped(clusters):
    assert np.all(np.isfinite(embed(clusters[:10], 0)))


def test_a_terminal_shows_the_steps(clusters, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    embed(clusters, 0)
    shown = capsys.readouterr().out.split("\r")[1:]
    assert shown[0].rstrip() == "t-SNE of 60 points: 10 of 300 steps"
    assert shown[-1].rstrip(" ").startswith("t-SNE of 60 points: 300 of 300 steps")
    assert shown[-1].endswith("\n")
    assert all(len(line.strip("\n")) == 79 for line in shown)
    assert len(shown) == 30


@pytest.mark.parametrize(
    ("num_points", "said"),
    [
        (60, ""),
        (10_000, "t-SNE of 10,000 points: about 5 s on two cores; the map is kept\n"),
    ],
)
def test_a_long_computation_is_announced_before_it_begins(monkeypatch, capsys, num_points, said):
    output: list[str] = []

    def compute(points, seed, report):
        output.append(capsys.readouterr().out)
        return points[:, :2]

    monkeypatch.setattr(tsne, "embed", compute)
    embed(np.eye(num_points, 3, dtype=np.float32), 0)
    assert output == [said]


def test_points_that_all_coincide_are_mapped_too():
    """As for a collapsed posterior, which relu with a learning rate of 0.1 can lead to."""
    points = embed(np.zeros((40, 3), np.float32), 0)
    assert points.shape == (40, 2)
    assert np.all(np.isfinite(points))


@pytest.mark.parametrize("num_points", [1, 2, 3])
def test_fewer_points_than_have_neighbors_are_mapped_too(num_points):
    assert embed(np.eye(num_points, 5, dtype=np.float32), 0).shape == (num_points, 2)
