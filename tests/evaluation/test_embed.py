"""The t-SNE map of posterior means."""

import numpy as np
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn

from evaluation.latent import embed


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


def test_the_steps_are_counted(clusters, capsys):
    embed(clusters, 0)
    assert capsys.readouterr().out == "\rt-SNE of 60 points: 300 of 300 steps\n"


def test_points_that_all_coincide_are_mapped_too():
    """As for a collapsed posterior, which relu with a learning rate of 0.1 can lead to."""
    points = embed(np.zeros((40, 3), np.float32), 0)
    assert points.shape == (40, 2)
    assert np.all(np.isfinite(points))
