"""Coordinates in a graph of nearest neighbors, learned without labels.

Laplacian eigenmaps (Belkin and Niyogi, 2003) of the graph of nearest neighbors, as features
for a classifier that has few labels (Belkin and Niyogi, 2004, Semi-supervised learning on
Riemannian manifolds). Two images that are connected by a chain of near neighbors get similar
coordinates, however far apart they are.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import eigsh
from sklearn.neighbors import NearestNeighbors

_DENSE = 500  # up to this many points, all eigenvectors are computed


class Neighborhood:
    """A graph of points, and the coordinates of any point in it.

    Each point is joined to its ``num_neighbors`` nearest points with the weight exp(−d²/s), s
    the median of these d². The coordinates are eigenvectors f of the random walk on the graph,
    D⁻¹W f = λ f, with the largest λ below the trivial one (whose f is constant): the functions
    that change least between neighbors.

    Args:
        points: (num_points, num_features); more than ``num_dims`` + 1.
        num_dims: coordinates per point.
        num_neighbors: neighbors per point.
    """

    def __init__(self, points: np.ndarray, num_dims: int = 20, num_neighbors: int = 10):
        count = len(points)
        self.num_neighbors = min(num_neighbors, count - 1)
        self.search = NearestNeighbors(algorithm="brute").fit(points)
        distances, nearest = self.search.kneighbors(n_neighbors=self.num_neighbors)
        squares = distances.astype(np.float64) ** 2  # the point itself is excluded
        self.unit = (
            float(np.median(squares)) or 1.0
        )  # the median is 0 if half of the points coincide: then any unit
        rows = np.repeat(np.arange(count), self.num_neighbors)
        weights = scipy.sparse.csr_array(
            (np.exp(-squares / self.unit).ravel(), (rows, nearest.ravel())), shape=(count, count)
        )
        weights = weights.maximum(weights.T)
        # D⁻¹W has the eigenvectors of the symmetric D⁻½WD⁻½, times D⁻½.
        roots = np.sqrt(np.maximum(weights.sum(axis=1), np.finfo(np.float64).tiny))
        scale = scipy.sparse.diags_array(1 / roots)
        vectors = _largest(scale @ weights @ scale, num_dims + 1)[:, 1:] / roots[:, None]
        length = np.sqrt(np.mean(np.sum(vectors**2, axis=1)))
        self.coordinates = vectors / (length or 1.0)  # of unit length on average

    def place(self, points: np.ndarray) -> np.ndarray:
        """Returns the coordinates of new points, (num_points, num_dims).

        The mean of the coordinates of their nearest neighbors in the graph, with the same weights:
        the eigenvector equation at the new point, for λ = 1.

        Args:
            points: (num_points, num_features).
        """
        distances, nearest = self.search.kneighbors(points, self.num_neighbors)
        squares = distances.astype(np.float64) ** 2
        # The nearest has weight 1, so that a point far from all others still has neighbors.
        weights = np.exp(-(squares - squares[:, :1]) / self.unit)
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("pn,pnd->pd", weights, self.coordinates[nearest])


def _largest(matrix: scipy.sparse.csr_array, count: int) -> np.ndarray:
    """Returns eigenvectors by descending eigenvalue, the first ``count``: (num_points, count)."""
    size = matrix.shape[0]
    if size <= max(_DENSE, 3 * count):
        return np.linalg.eigh(matrix.toarray())[1][:, ::-1][:, :count]
    # A fixed start makes the vectors reproducible.
    start = np.random.default_rng(0).standard_normal(size)
    values, vectors = eigsh(matrix, count, which="LA", v0=start)
    return vectors[:, np.argsort(-values)]
