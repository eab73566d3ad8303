"""Checks of priors over two dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from models.priors import Prior


def check_density_and_samples(prior: Prior, reach: float, tolerance: float = 1e-4) -> None:
    """Checks that p(z) integrates to one and has the mean and covariance of its samples.

    Args:
        prior: with two dimensions.
        reach: p(z) is negligible where a coordinate is further from 0; the grid has steps of 0.05.
        tolerance: of the integral.
    """
    axis = np.linspace(-reach, reach, round(2 * reach / 0.05) + 1, dtype=np.float32)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(np.asarray(prior.log_prob(z), np.float64)) * (axis[1] - axis[0]) ** 2
    assert density.sum() == pytest.approx(1, abs=tolerance)
    mean = density @ z
    covariance = (z - mean).T @ ((z - mean) * density[:, None])
    samples = np.asarray(prior.sample(20_000, seed=3))
    error = np.sqrt(np.diag(covariance) / len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - mean) < 4 * error)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.05 * covariance.max())
