"""Fréchet distance, precision, recall, density and coverage, against independent oracles."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from scipy.spatial.distance import cdist

from evaluation.statistics import fidelity


def draw(mean, covariance, num=400, seed=0):
    """Returns points whose mean and covariance are exactly these."""
    points = np.random.default_rng(seed).normal(size=(num, len(mean)))
    points -= points.mean(axis=0)
    whitened = points @ np.linalg.inv(scipy.linalg.cholesky(np.cov(points, rowvar=False)))
    return mean + whitened @ scipy.linalg.cholesky(np.asarray(covariance))


def measure(real, fake, k=5):
    return fidelity.measure_neighborhoods(real, fake, fidelity.find_radii(real, k), k)


# ------------------------------------------------------------------------ Fréchet distance


def test_independent_features_add_the_squares_of_their_differences():
    """Of N(m, s²) and N(n, t²): (m − n)² + (s − t)² for each feature."""
    means, stddevs = np.array([[0.0, 3, -1], [2, 3, 1]]), np.array([[1.0, 2, 0.5], [1, 5, 4]])
    real, fake = (draw(means[i], np.diag(stddevs[i] ** 2), seed=i) for i in range(2))
    expected = np.sum((means[0] - means[1]) ** 2 + (stddevs[0] - stddevs[1]) ** 2)
    assert fidelity.measure_frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_a_normal_distribution_rotated_by_an_angle_has_its_closed_form():
    """The covariance diag(a, b) rotated by t: 2 (a + b) − 2 √((a + b)² cos² t + 4 a b sin² t)."""
    a, b, angle = 4.0, 0.25, 0.7
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    upright = np.diag([a, b])
    real, fake = draw([1, 1], upright), draw([1, 1], rotation @ upright @ rotation.T, seed=1)
    root = np.sqrt((a + b) ** 2 * cos**2 + 4 * a * b * sin**2)
    found = fidelity.measure_frechet_distance(real, fake)
    assert found == pytest.approx(2 * (a + b) - 2 * root, rel=1e-9)


@pytest.mark.parametrize("num_fake", [300, 12])  # 12 points have a singular covariance
def test_correlated_features_agree_with_scipys_matrix_root(num_fake):
    rng = np.random.default_rng(0)
    real = (rng.normal(size=(250, 16)) @ rng.normal(size=(16, 16))).astype(np.float32)
    fake = (rng.normal(size=(num_fake, 16)) @ rng.normal(size=(16, 16)) + 1).astype(np.float32)
    one, other = (np.cov(points.astype(np.float64).T) for points in (real, fake))
    root = scipy.linalg.sqrtm(scipy.linalg.sqrtm(one) @ other @ scipy.linalg.sqrtm(one)).real
    between = np.sum((real.mean(axis=0, dtype=float) - fake.mean(axis=0, dtype=float)) ** 2)
    expected = between + np.trace(one) + np.trace(other) - 2 * np.trace(root)
    found = fidelity.measure_frechet_distance(real, fake)
    assert found == pytest.approx(expected, rel=1e-5)
    assert fidelity.measure_frechet_distance(fake, real) == pytest.approx(found, rel=1e-6)


def test_the_distance_of_a_set_from_itself_is_0_even_where_a_feature_is_constant():
    points = np.random.default_rng(0).normal(size=(100, 8))
    points[:, 3] = 2
    assert fidelity.measure_frechet_distance(points, points) == pytest.approx(0, abs=1e-6)


# ----------------------------------------------------------------------------- neighborhoods


def measure_by_definition(real, fake, k):
    """The four definitions, ball by ball."""

    def balls(points):
        return [np.sort(cdist([center], points)[0])[k] for center in points]  # itself is first

    real_balls, fake_balls = balls(real), balls(fake)
    inside = [
        [np.linalg.norm(x - y) < radius for x, radius in zip(real, real_balls, strict=True)]
        for y in fake
    ]
    recalled = [
        any(np.linalg.norm(x - y) < radius for y, radius in zip(fake, fake_balls, strict=True))
        for x in real
    ]
    return {
        "precision": np.mean([any(row) for row in inside]),
        "recall": np.mean(recalled),
        "density": np.sum(inside) / (k * len(fake)),
        "coverage": np.mean([any(row[i] for row in inside) for i in range(len(real))]),
    }


@pytest.mark.parametrize(("num_fake", "k"), [(70, 1), (70, 5), (40, 3)])
def test_small_sets_agree_with_the_definitions(num_fake, k):
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(60, 3)), rng.normal(0.7, 0.8, size=(num_fake, 3))
    assert measure(real, fake, k) == pytest.approx(measure_by_definition(real, fake, k))


def test_sets_larger_than_a_block_agree_with_all_distances_at_once():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(1100, 6)), rng.normal(0.3, 1.1, size=(1203, 6))
    between = cdist(real, fake)
    real_radii, fake_radii = (np.sort(cdist(each, each), axis=1)[:, 4] for each in (real, fake))
    inside = between < real_radii[:, None]
    assert measure(real, fake, 4) == pytest.approx(
        {
            "precision": inside.any(axis=0).mean(),
            "recall": (between < fake_radii).any(axis=1).mean(),
            "density": inside.sum() / (4 * 1203),
            "coverage": inside.any(axis=1).mean(),
        }
    )


def test_identical_sets_are_all_covered():
    """Each ball contains its center and k − 1 neighbors; of the k-th, rounding decides."""
    points = np.random.default_rng(2).normal(size=(200, 4))
    found = measure(points, points, k=5)
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert 1 <= found["density"] <= 6 / 5


def test_disjoint_sets_have_nothing_in_common():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(100, 4)), rng.normal(50, 1, size=(100, 4))
    assert set(measure(real, fake).values()) == {0.0}


def test_a_dropped_mode_costs_recall_and_coverage_but_not_precision():
    rng = np.random.default_rng(4)
    modes = rng.normal(0, 100, size=(4, 5))
    real = np.repeat(modes, 100, axis=0) + rng.normal(size=(400, 5))
    fake = np.repeat(modes[:3], 100, axis=0) + rng.normal(size=(300, 5))
    found, without = measure(real, fake), measure(real[:300], fake)
    assert found["precision"] == without["precision"] > 0.8
    assert found["recall"] == pytest.approx(0.75 * without["recall"])
    assert found["coverage"] == pytest.approx(0.75 * without["coverage"])


def test_a_collapsed_sampler_is_precise_and_recalls_nothing():
    rng = np.random.default_rng(5)
    real = rng.normal(size=(300, 2))
    fake = np.tile(real[np.argmin(np.linalg.norm(real, axis=1))], (300, 1))
    found = measure(real, fake)
    assert (found["precision"], found["recall"]) == (1, 0)
    assert found["coverage"] < 0.05


def test_two_sets_of_one_distribution_have_the_expected_density_and_coverage():
    """Naeem et al. (2020), equations 5 and 8: 1, and 1 − Π (n − i) / (2n − i), near 1 − 2^−k."""
    rng = np.random.default_rng(6)
    each = [measure(*rng.normal(size=(2, 100, 4)), k=3) for _ in range(25)]
    density, coverage = ([one[name] for one in each] for name in ("density", "coverage"))
    i = np.arange(1, 4)
    expected = 1 - np.prod((100 - i) / (200 - i))
    assert np.mean(density) == pytest.approx(1, abs=3 * scipy.stats.sem(density))
    assert np.mean(coverage) == pytest.approx(expected, abs=3 * scipy.stats.sem(coverage))
