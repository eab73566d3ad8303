"""How far the distribution of samples is from that of other images.

Measures of two sets of points, such as the features of samples and of test images:

- the Fréchet distance of the normal distributions with their means and covariances
  (Heusel et al., 2017, arXiv:1706.08500);
- precision and recall (Kynkäänniemi et al., 2019, arXiv:1904.06991);
- density and coverage (Naeem et al., 2020, arXiv:2002.09797).
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from evaluation.statistics.classification import square_distances

_ROWS = 500  # fake points at a time: their distances to 10,000 real ones take 40 MB


def measure_frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Returns the squared Fréchet distance of two normal distributions fitted to points.

    d² = ‖μ − ν‖² + Tr(Σ + Τ − 2 (Σ Τ)^½), Dowson and Landau (1982), with covariances that divide
    by num − 1. It is 0 for equal moments. For a finite number of points it is biased upward, so
    that only values of equal numbers can be compared.

    Args:
        real, fake: (num_real, num_features) and (num_fake, num_features), two or more points.
    """
    covariances = [np.cov(points, rowvar=False, dtype=np.float64) for points in (real, fake)]
    means = [points.mean(axis=0, dtype=np.float64) for points in (real, fake)]
    root = _take_root(covariances[0])
    # Σ Τ has the eigenvalues of Σ^½ Τ Σ^½, which is symmetric; rounding may turn 0 negative.
    eigenvalues = np.linalg.eigvalsh(root @ covariances[1] @ root).clip(min=0)
    squares = np.sum((means[0] - means[1]) ** 2) + sum(map(np.trace, covariances))
    return float(max(squares - 2 * np.sqrt(eigenvalues).sum(), 0))


def _take_root(covariance: np.ndarray) -> np.ndarray:
    """Returns the symmetric square root of a covariance matrix."""
    variances, directions = np.linalg.eigh(covariance)
    return (directions * np.sqrt(variances.clip(min=0))) @ directions.T


def find_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Returns the squared distance of each point to the k-th nearest of the others, (num_points,).

    The balls of these radii around the points are an estimate of where their distribution lies.

    Args:
        points: (num_points, num_features).
        k: less than num_points.
    """
    nearest = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points.astype(np.float64))
    return nearest.kneighbors()[0][:, -1] ** 2


def measure_neighborhoods(
    real: np.ndarray, fake: np.ndarray, radii: np.ndarray, k: int
) -> dict[str, float]:
    """Returns ``precision``, ``recall``, ``density`` and ``coverage`` of points.

    A ball around a point reaches to the k-th nearest other point of its set, border excluded.

    - precision: the fraction of fake points in at least one ball of a real point;
    - recall: the fraction of real points in at least one ball of a fake point;
    - density: the mean number of balls of real points that contain a fake point, divided by k;
    - coverage: the fraction of balls of real points that contain a fake point.

    If both sets are from one distribution, the density is 1 in expectation, and the coverage
    tends to 1 − 2^−k as they grow.

    Args:
        real, fake: (num_real, num_features), (num_fake, num_features).
        radii: of the real points, from ``find_radii`` with the same k.
        k: less than num_fake.
    """
    fake_radii = find_radii(fake, k)
    num_precise, num_inside = 0, 0
    is_recalled, is_covered = np.zeros((2, len(real)), bool)
    for start in range(0, len(fake), _ROWS):
        rows = slice(start, start + _ROWS)
        distances = square_distances(fake[rows].astype(np.float64), real.astype(np.float64))
        is_inside = distances < radii
        num_precise += int(is_inside.any(axis=1).sum())
        num_inside += int(is_inside.sum())
        is_covered |= is_inside.any(axis=0)
        is_recalled |= (distances < fake_radii[rows, None]).any(axis=0)
    return {
        "precision": num_precise / len(fake),
        "recall": float(is_recalled.mean()),
        "density": num_inside / (k * len(fake)),
        "coverage": float(is_covered.mean()),
    }
