"""t-SNE (van der Maaten and Hinton, 2008), with the forces between all points from a grid.

The gradient of the map's points y, with q the normalized (1 + |yᵢ − yⱼ|²)⁻¹ and p the affinities,

    4 Σⱼ (pᵢⱼ − qᵢⱼ) (1 + |yᵢ − yⱼ|²)⁻¹ (yᵢ − yⱼ),

has an attractive part, a sum over near neighbors, and a repulsive part, a sum over all points. The
repulsive part is the derivative of a potential, φ(y) = Σⱼ (1 + |y − yⱼ|²)⁻¹: a convolution,
computed by the fast Fourier transform on a grid, as in FIt-SNE (Linderman et al., 2019), which
takes much less time than to visit all pairs. docs/evaluation.md compares the maps with
scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
import scipy.sparse
from sklearn.neighbors import NearestNeighbors

NUM_STEPS = 300
_PERPLEXITY = 30.0
_EARLY_STEPS, _EXAGGERATION = 75, 12.0  # the first steps multiply p, which lets clusters form
_SLOW_STEPS = 125  # then the momentum grows: earlier, it would fold the map as clusters spread
_SPACING = 0.5  # of the grid's nodes; the kernel of the potential is 1 wide
_MAX_NODES = 1024  # along a side
_FEW = 500  # points: a sum over their pairs takes less time than the grid
_MARGIN = 6  # nodes beside the outermost points, which cubic splines need


def embed(
    points: np.ndarray, seed: int, report: Callable[[int], None] = lambda step: None
) -> np.ndarray:
    """Returns a map of the points, float32 (num_points, 2).

    It begins at the two principal components, to which the seed adds a hundredth of noise, so
    that coinciding points separate.

    Args:
        points: (num_points, num_dims); at least 4, which do not all coincide.
        seed: same seed, same map on the same machine.
        report: called after each step with its number, 1 to ``NUM_STEPS``.
    """
    attraction, repulsion = _Attraction(compute_affinities(points)), _Repulsion()
    y = _start(points, np.random.default_rng(seed))
    velocity, gains = np.zeros_like(y), np.ones_like(y)
    with ThreadPoolExecutor(1) as beside:  # the two parts, of about equal cost, at once
        for step in range(NUM_STEPS):
            exaggeration = _EXAGGERATION if step < _EARLY_STEPS else 1.0
            momentum = 0.8 if step < _SLOW_STEPS else 0.95
            attractive = beside.submit(attraction.compute, y)
            repulsive = repulsion.compute(y)
            gradient = 4 * (exaggeration * attractive.result() - repulsive)
            # As van der Maaten's: a coordinate that turns back takes shorter steps.
            gains = np.where(velocity * gradient < 0, gains + 0.2, gains * 0.8)
            np.maximum(gains, 0.01, out=gains)
            learning_rate = len(y) / (2 * exaggeration)
            velocity = momentum * velocity - learning_rate * gains * gradient
            y += velocity
            report(step + 1)
    return y


def estimate_seconds(num_points: int) -> float:
    """Returns about how long ``embed`` takes on two cores that nothing else uses."""
    return num_points * (4e-4 + 8e-9 * num_points)  # the steps, and the search for neighbors


def compute_affinities(points: np.ndarray) -> scipy.sparse.csr_array:
    """Returns the joint probabilities p, (num_points, num_points), which sum to 1.

    Each point gives its nearest neighbors, three times the perplexity, the weights exp(−β d²),
    normalized; β is such that their perplexity is 30, or a third of the number of points if that
    is less.
    """
    count = len(points)
    perplexity = min(_PERPLEXITY, (count - 1) / 3)
    num_neighbors = int(3 * perplexity)
    search = NearestNeighbors(n_neighbors=num_neighbors, algorithm="brute").fit(points)
    distances, nearest = search.kneighbors()  # without the point itself
    weights = _find_weights(distances.astype(np.float64) ** 2, perplexity)
    starts = np.arange(0, weights.size + 1, num_neighbors)
    conditional = scipy.sparse.csr_array((weights.ravel(), nearest.ravel(), starts), (count, count))
    return (conditional + conditional.T) / (2 * count)


def _find_weights(squares: np.ndarray, perplexity: float) -> np.ndarray:
    """Returns exp(−β d²) by row, normalized, each with this perplexity (β by bisection)."""
    squares = squares - squares[:, :1]  # changes no weight, and prevents underflow
    low, high = np.zeros((2, len(squares), 1))
    high += np.inf
    mean = squares.mean(axis=1, keepdims=True)
    beta = 1 / np.where(mean > 0, mean, 1)
    for _ in range(64):
        weights = np.exp(-beta * squares)
        total = weights.sum(axis=1, keepdims=True)
        mean = np.einsum("pn,pn->p", squares, weights)[:, None] / total
        excess = np.log(total) + beta * mean - np.log(perplexity)  # of entropy
        if np.abs(excess).max() < 1e-5:
            break
        low, high = np.where(excess > 0, beta, low), np.where(excess > 0, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return weights / total


def _start(points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    centered = points.astype(np.float64) - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centered.T @ centered)
    main = centered @ vectors[:, :-3:-1]
    y = main / main[:, 0].std() + 0.01 * generator.standard_normal(main.shape)
    return (1e-4 * y).astype(np.float32)


class _Attraction:
    """Σⱼ pᵢⱼ (1 + |yᵢ − yⱼ|²)⁻¹ (yᵢ − yⱼ). A complex number holds a point's two coordinates."""

    def __init__(self, affinities: scipy.sparse.csr_array):
        self.weights = affinities.data.astype(np.float32)
        self.columns = affinities.indices
        self.starts = affinities.indptr[:-1]
        self.counts = np.diff(affinities.indptr)

    def compute(self, y: np.ndarray) -> np.ndarray:
        """Returns the sums, (num_points, 2)."""
        z = y.view(np.complex64)[:, 0]
        difference = np.repeat(z, self.counts)
        difference -= z.take(self.columns)
        square = difference.real**2
        square += difference.imag**2
        difference *= self.weights / (1 + square)
        return np.add.reduceat(difference, self.starts).view(np.float32).reshape(y.shape)


class _Repulsion:
    """Σⱼ qᵢⱼ (1 + |yᵢ − yⱼ|²)⁻¹ (yᵢ − yⱼ) = −½ ∇φ(yᵢ) / Σ (φ(yᵢ) − 1), φ by cubic B-splines."""

    def __init__(self) -> None:
        self.grid: tuple[int, float] | None = None  # nodes of a side, padded, and their spacing
        self.transform = np.empty(0)

    def compute(self, y: np.ndarray) -> np.ndarray:
        """Returns the sums, (num_points, 2)."""
        if len(y) <= _FEW:
            return _sum_over_pairs(y)
        low = y.min(axis=0)
        reach = float((y.max(axis=0) - low).max())
        wanted = 64 * int(np.ceil((reach / _SPACING + _MARGIN) / 64))  # so that it changes rarely
        nodes = min(wanted, _MAX_NODES)
        spacing = _SPACING
        if nodes in (64, _MAX_NODES):  # finer at the start; coarser if points are far apart
            spacing = max(reach / (nodes - _MARGIN), 0.02)
        size = scipy.fft.next_fast_len(2 * nodes, real=True)  # padded: the convolution is linear
        self._prepare(size, spacing)

        place = (y - low).T / np.float32(spacing) + np.float32(1.5)  # (2, num_points), as all below
        node = place.astype(np.int64)
        value, slope = _splines(place - node.astype(np.float32))  # (4, 2, num_points)
        rows, columns = (node + np.arange(-1, 3)[:, None, None]).transpose(1, 0, 2)
        index = rows[:, None] * nodes + columns  # (4, 4, num_points)
        weights = value[:, None, 0] * value[:, 1]
        grid = np.bincount(index.ravel(), weights.ravel(), nodes**2).astype(np.float32)
        spectrum = scipy.fft.rfft2(grid.reshape(nodes, nodes), (size, size)) * self.transform
        potential = scipy.fft.irfft2(spectrum, (size, size))[:nodes, :nodes].ravel()[index]

        total = np.sum(potential * weights, dtype=np.float64) - len(y)
        slope_x = ((potential * value[:, 1]).sum(axis=1) * slope[:, 0]).sum(axis=0)
        slope_y = ((potential * value[:, None, 0]).sum(axis=0) * slope[:, 1]).sum(axis=0)
        return np.stack([slope_x, slope_y], axis=1) / np.float32(-2 * spacing * total)

    def _prepare(self, size: int, spacing: float) -> None:
        """Computes the kernel's transform, divided by that of the splines, if the grid changed."""
        if self.grid == (size, spacing):
            return
        self.grid = size, spacing
        square = (np.minimum(np.arange(size), size - np.arange(size)) * spacing) ** 2
        kernel = 1 / (1 + square[:, None] + square).astype(np.float32)
        spline = (2 + np.cos(2 * np.pi * np.arange(size) / size)) / 3  # at the nodes: 1/6 4/6 1/6
        transform = scipy.fft.rfft2(kernel).real  # real, because the kernel is symmetric
        splines = spline[:, None] * spline[: size // 2 + 1]
        self.transform = (transform / splines**2).astype(np.float32)


def _sum_over_pairs(y: np.ndarray) -> np.ndarray:
    """Returns the repulsion, (num_points, 2), without a grid."""
    z = y.view(np.complex64)[:, 0]
    difference = z[:, None] - z
    kernel = 1 / (1 + difference.real**2 + difference.imag**2)
    total = kernel.sum(dtype=np.float64) - len(y)
    sums = (kernel**2 * difference).sum(axis=1) / np.float32(total)
    return sums.view(np.float32).reshape(y.shape)


def _splines(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns values and derivatives of the four cubic B-splines at t in [0, 1): (4, *t.shape)."""
    s = 1 - t
    value = np.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]) / 6
    slope = np.stack([-(s**2), 3 * t**2 - 4 * t, 4 * s - 3 * s**2, t**2]) / 2
    return value, slope
