"""Summaries of values over images: means with standard errors, quantiles, active units."""

from __future__ import annotations

import numpy as np

ACTIVE_VARIANCE = 0.01  # Burda et al. (2016), section 5.2
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def summarize_mean(values: np.ndarray) -> dict[str, float]:
    """Returns the mean over images and its standard error.

    Args:
        values: (num_images,), two or more.
    """
    error = values.std(ddof=1, dtype=np.float64) / np.sqrt(len(values))
    return {"mean": float(values.mean(dtype=np.float64)), "standard_error": float(error)}


def summarize_distribution(values: np.ndarray) -> dict[str, float | dict[str, float]]:
    """Returns mean, standard deviation and quantiles over images.

    Args:
        values: (num_images,), two or more.
    """
    found = np.quantile(values.astype(np.float64), QUANTILES)
    quantiles = {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}
    return {
        "mean": float(values.mean(dtype=np.float64)),
        "standard_deviation": float(values.std(ddof=1, dtype=np.float64)),
        "quantiles": quantiles,
    }


def find_active(variances: np.ndarray) -> np.ndarray:
    """Returns whether each latent dimension is an active unit: (latent_dim,), booleans.

    A unit is active if its posterior mean varies by more than 0.01 over images
    (Burda et al., 2016).

    Args:
        variances: (latent_dim,), of the posterior mean over images.
    """
    return variances > ACTIVE_VARIANCE
