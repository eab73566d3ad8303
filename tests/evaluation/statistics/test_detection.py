"""The area under the ROC curve, against scikit-learn's, SciPy's and a count of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from evaluation.statistics import detection


def make_scores(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if kind == "ties":
        return rng.integers(0, 6, 70).astype(float), rng.integers(2, 9, 50).astype(float)
    if kind == "infinite":
        return rng.normal(size=60), np.append(rng.normal(1, 1, 40), [np.inf, np.inf, -np.inf])
    return rng.normal(0, 1, 300).astype(np.float32), rng.normal(0.7, 2, 200).astype(np.float32)


@pytest.mark.parametrize("kind", ["apart", "ties", "infinite"])
@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_share_of_pairs_in_the_right_order(kind, seed):
    inside, outside = make_scores(kind, seed)
    area, _ = detection.measure_auc(inside, outside)
    pairs = [(a < b) + (a == b) / 2 for a in inside for b in outside]
    assert area == pytest.approx(np.mean(pairs), abs=1e-12)
    statistic = scipy.stats.mannwhitneyu(outside, inside).statistic
    assert area == pytest.approx(statistic / (len(inside) * len(outside)), abs=1e-12)
    if kind != "infinite":  # scikit-learn refuses these
        labels = np.repeat([0, 1], [len(inside), len(outside)])
        scores = np.concatenate([inside, outside])
        assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert 0.52 < area < 0.98, "a case that any area would fit"


def test_the_area_is_1_for_separated_scores_0_for_reversed_and_a_half_for_equal_ones():
    low, high = np.arange(5.0), np.arange(10.0, 13.0)
    assert detection.measure_auc(low, high) == (1, 0)
    assert detection.measure_auc(high, low) == (0, 0)
    assert detection.measure_auc(np.ones(4), np.ones(3)) == (0.5, 0)


def test_the_standard_error_is_the_spread_over_samples():
    rng = np.random.default_rng(0)
    found = [detection.measure_auc(rng.normal(0, 1, 80), rng.normal(1, 2, 50)) for _ in range(2000)]
    areas, errors = np.array(found).T
    # An estimate of a spread from 2,000 areas is good to 1/√4000 = 1.6 %; five of these.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(areas.std(), rel=0.08)
    # N(1, 2²) − N(0, 1²) is above 0 with probability Φ(1/√5).
    expected = scipy.stats.norm.cdf(1 / np.sqrt(5))
    assert areas.mean() == pytest.approx(expected, abs=5 * areas.std() / np.sqrt(2000))


def test_a_score_of_nan_is_refused():
    for scores in (([np.nan, 1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, np.nan])):
        with pytest.raises(ValueError, match="not numbers"):
            detection.measure_auc(*map(np.array, scores))
