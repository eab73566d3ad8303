"""How well a score separates images of one distribution from others."""

from __future__ import annotations

import numpy as np


def measure_auc(inside: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
    """Returns the area under the ROC curve and its standard error over images.

    AUC = P(score outside > score inside) + ½ P(they are equal), over pairs of images, which is
    Mann and Whitney's statistic (Hanley and McNeil, 1982): 1 if every outside image scores
    higher, ½ for an uninformative score, less if outside images score lower. The error is that
    of DeLong et al. (1988).

    Args:
        inside: (num_inside,), scores of in-distribution images; two or more.
        outside: (num_outside,), scores of out-of-distribution images; two or more.

    Raises:
        ValueError: if a score is NaN.
    """
    if np.isnan(inside).any() or np.isnan(outside).any():
        raise ValueError("Received scores that are not numbers.")
    of_outside = _share_below(outside, inside)  # for each outside image, the share it outscores
    of_inside = 1 - _share_below(inside, outside)
    error = np.sqrt(of_outside.var(ddof=1) / len(outside) + of_inside.var(ddof=1) / len(inside))
    return float(of_outside.mean()), float(error)


def _share_below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns, for each score, the share of the others below it, counting equal ones half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left")
    at_most = np.searchsorted(ordered, scores, "right")
    return (below + at_most) / (2 * len(others))
