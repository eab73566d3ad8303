"""Where images lie on the sheet that all images form: coordinates learned without labels.

Laplacian eigenmaps (Belkin and Niyogi, 2003) of the graph of nearest neighbours, as features
for a classifier that has few labels (Belkin and Niyogi, 2004, Semi-supervised learning on
Riemannian manifolds). Two images that a chain of near neighbours joins get coordinates close
to each other, however far apart they are. Arrays in, arrays out; no TensorFlow.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import eigsh
from sklearn.neighbors import NearestNeighbors

_DENSE = 500  # points up to which all eigenvectors are computed


class Neighbourhood:
    """The graph of some points, and the coordinates of any point in it.

    Points are joined to their ``num_neighbours`` nearest with the weight exp(−d²/s), s the
    median of these d². The coordinates are the eigenvectors f of the random walk on the graph,
    D⁻¹W f = λ f, with the largest λ below the trivial one, of which f is constant: the
    functions that change least from neighbour to neighbour.

    Args:
        points: (num_points, num_features); more than ``num_dims`` + 1.
        num_dims: coordinates of a point.
        num_neighbours: of a point.
    """

    def __init__(self, points: np.ndarray, num_dims: int = 20, num_neighbours: int = 10):
        count = len(points)
        self.num_neighbours = min(num_neighbours, count - 1)
        self.search = NearestNeighbors(algorithm="brute").fit(points)
        distances, nearest = self.search.kneighbors(n_neighbors=self.num_neighbours)
        squares = distances.astype(np.float64) ** 2  # without the point itself
        self.unit = float(np.median(squares)) or 1.0  # where half coincide, any unit will do
        rows = np.repeat(np.arange(count), self.num_neighbours)
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
        """Returns the coordinates of other points, (num_points, num_dims).

        The mean of their nearest neighbours' in the graph, by the same weights: what the walk's
        equation asks of a point, with λ = 1.

        Args:
            points: (num_points, num_features).
        """
        distances, nearest = self.search.kneighbors(points, self.num_neighbours)
        squares = distances.astype(np.float64) ** 2
        # The nearest has weight 1: a point far from all still has neighbours.
        weights = np.exp(-(squares - squares[:, :1]) / self.unit)
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("pn,pnd->pd", weights, self.coordinates[nearest])


def _largest(matrix: scipy.sparse.csr_array, count: int) -> np.ndarray:
    """Returns the eigenvectors of the largest eigenvalues, (num_points, count), descending."""
    size = matrix.shape[0]
    if size <= max(_DENSE, 3 * count):
        return np.linalg.eigh(matrix.toarray())[1][:, ::-1][:, :count]
    # A fixed start: the same vectors every time.
    start = np.random.default_rng(0).standard_normal(size)
    values, vectors = eigsh(matrix, count, which="LA", v0=start)
    return vectors[:, np.argsort(-values)]
