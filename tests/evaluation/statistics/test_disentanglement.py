"""Disentanglement scores of codes whose values are known, and against scikit-learn and SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import mutual_info_score

from evaluation.statistics import disentanglement

VALUES = (3, 4, 5, 6)  # of each factor
GRID = np.array(list(itertools.product(*map(range, VALUES)))).repeat(6, axis=0)  # 2,160 images


def scale(factors):
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def make_noise(num_dims, seed=0):
    return np.random.default_rng(seed).normal(size=(len(GRID), num_dims))


def measure_gaps(codes, factors=GRID):
    return disentanglement.measure_gaps(disentanglement.measure_information(codes, factors))


def measure_dci(codes):
    importance, accuracy = disentanglement.measure_importance(codes, GRID, seed=0)
    return (
        disentanglement.measure_disentanglement(importance),
        disentanglement.measure_completeness(importance),
        accuracy,
    )


# ------------------------------------------------------------------- known codes


def test_a_perfect_code_has_the_best_scores():
    """Factors of all combinations are independent, so the second dimension has no information."""
    codes = scale(GRID)[:, [2, 0, 3, 1]] * [1, -2, 3, 0.5]
    np.testing.assert_allclose(measure_gaps(codes), 1, rtol=1e-12)
    disentangled, complete, accuracy = measure_dci(codes)
    assert disentangled == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(complete, 1, atol=1e-3)
    np.testing.assert_array_equal(accuracy, 1)
    assert disentanglement.measure_factor_vae(codes, GRID, seed=0) == 1


def test_a_random_code_has_the_scores_of_chance():
    codes = make_noise(6)
    assert measure_gaps(codes).max() < 0.02
    disentangled, complete, accuracy = measure_dci(codes)
    assert disentangled < 0.05
    assert complete.max() < 0.05
    assert (abs(accuracy - 1 / np.array(VALUES)) < 0.05).all()
    score = disentanglement.measure_factor_vae(codes, GRID, seed=0)
    assert score == pytest.approx(1 / 4, abs=0.03)


def test_two_factors_mixed_at_45_degrees_have_no_gap():
    codes = scale(GRID)
    codes[:, 2:] = codes[:, 2:] @ np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    gaps = measure_gaps(codes)
    np.testing.assert_allclose(gaps[:2], 1, rtol=1e-12)
    np.testing.assert_allclose(gaps[2:], 0, atol=0.05)
    disentangled, complete, _ = measure_dci(codes)
    assert disentangled < 0.9
    np.testing.assert_allclose(complete[:2], 1, atol=1e-3)
    np.testing.assert_allclose(complete[2:], 0.5, atol=0.1)  # two of four dimensions


def test_a_factor_in_two_dimensions_has_no_gap_and_is_less_complete():
    codes = np.concatenate([scale(GRID), 2 * scale(GRID)[:, 1:2]], axis=1)
    np.testing.assert_allclose(measure_gaps(codes), [1, 0, 1, 1], rtol=0, atol=1e-12)
    disentangled, complete, accuracy = measure_dci(codes)
    assert disentangled == pytest.approx(1, abs=1e-3)
    # The forest chooses the dimension at random: each has half the importance, ln 2 / ln 5.
    assert complete[1] == pytest.approx(1 - np.log(2) / np.log(5), abs=0.05)
    np.testing.assert_allclose(complete[[0, 2, 3]], 1, atol=1e-3)
    np.testing.assert_array_equal(accuracy, 1)
    assert disentanglement.measure_factor_vae(codes, GRID, seed=0) == 1


def test_two_factors_in_one_dimension_are_complete_and_not_disentangled():
    codes = scale(np.stack([GRID[:, 0], GRID[:, 1], 5 * GRID[:, 3] + GRID[:, 2]], axis=1))
    disentangled, complete, accuracy = measure_dci(codes)
    np.testing.assert_allclose(complete, 1, atol=1e-3)
    np.testing.assert_array_equal(accuracy, 1)
    # Two dimensions for one factor each, with half the importance; one for two factors.
    assert disentangled == pytest.approx(1 - np.log(2) / np.log(4) / 2, abs=1e-3)


def test_a_code_of_one_value_is_of_no_use():
    codes = np.full((len(GRID), 3), 2.5)
    np.testing.assert_allclose(measure_gaps(codes), 0, atol=1e-12)
    disentangled, complete, _ = measure_dci(codes)
    assert disentangled == 0
    np.testing.assert_array_equal(complete, 0)
    score = disentanglement.measure_factor_vae(codes, GRID, seed=0)
    assert score == pytest.approx(1 / 4, abs=0.03)


def test_one_dimension_is_compared_with_none():
    np.testing.assert_allclose(measure_gaps(scale(GRID)[:, :1]), [1, 0, 0, 0], atol=1e-12)


# -------------------------------------------------------------- against other programs


def test_information_is_that_of_scikit_learn_for_the_same_bins():
    codes = np.concatenate([scale(GRID) + 0.5 * make_noise(4), make_noise(2, 1) ** 3], axis=1)
    found = disentanglement.measure_information(codes, GRID)
    for (row, values), (column, code) in itertools.product(enumerate(GRID.T), enumerate(codes.T)):
        lowest, highest = code.min(), code.max()
        bins = np.floor(20 * (code - lowest) / (highest - lowest)).clip(max=19)
        entropy = scipy.stats.entropy(np.bincount(values))
        expected = mutual_info_score(values, bins) / entropy
        assert found[row, column] == pytest.approx(expected, abs=1e-9)


def test_the_information_of_random_codes_is_the_bias_that_the_docstring_states():
    factors = np.random.default_rng(0).integers(0, 6, (4000, 1))
    codes = np.random.default_rng(1).random((4000, 200))
    found = disentanglement.measure_information(codes, factors).mean() * np.log(6)
    assert found == pytest.approx(19 * 5 / (2 * 4000), rel=0.05)


def test_disentanglement_and_completeness_are_those_of_the_paper_for_any_importance():
    importance = np.random.default_rng(0).gamma(0.5, size=(4, 6))
    shares = importance / importance.sum(axis=0)
    of_dims = [1 - scipy.stats.entropy(column, base=4) for column in shares.T]
    weights = importance.sum(axis=0) / importance.sum()
    found = disentanglement.measure_disentanglement(importance)
    assert found == pytest.approx(np.dot(weights, of_dims), abs=1e-12)
    of_factors = [1 - scipy.stats.entropy(row, base=6) for row in importance]
    np.testing.assert_allclose(disentanglement.measure_completeness(importance), of_factors)


def vote(codes, factors, num_votes, generator):
    """Counts votes one by one: (num_dims, num_factors)."""
    votes = np.zeros((codes.shape[1], factors.shape[1]))
    for _ in range(num_votes):
        factor = generator.integers(factors.shape[1])
        value = generator.choice(factors[:, factor])
        group = generator.choice(np.flatnonzero(factors[:, factor] == value), 64)
        votes[np.argmin(codes[group].var(axis=0) / codes.var(axis=0)), factor] += 1
    return votes


def test_the_factor_vae_score_is_that_of_votes_taken_one_by_one():
    """Of a code in which the steadiest dimension is not always the same for a factor."""
    mixing = np.random.default_rng(3).normal(size=(4, 5))
    codes = scale(GRID) @ mixing * [1, 10, 0.5, 3, 1] + 2 * make_noise(5)
    generator = np.random.default_rng(4)
    chosen = vote(codes, GRID, 1500, generator).argmax(axis=1)
    votes = vote(codes, GRID, 1500, generator)
    expected = votes[np.arange(5), chosen].sum() / votes.sum()
    assert 0.35 < expected < 0.9, "a case in which the score says something"
    found = disentanglement.measure_factor_vae(codes, GRID, seed=0)
    assert found == pytest.approx(expected, abs=0.05)


def test_inactive_dimensions_do_not_vote():
    """Their variance would be the smallest, relative to itself, of any group's."""
    codes = np.concatenate([scale(GRID), 0.01 * scale(GRID[:, :1])], axis=1)
    codes[:, 0] += 3 * make_noise(1)[:, 0]  # the first factor is in the inactive dimension alone
    votes_of_all = disentanglement.measure_factor_vae(codes * 100, GRID, seed=0)
    assert votes_of_all == 1
    assert disentanglement.measure_factor_vae(codes, GRID, seed=0) < 0.95


def test_the_same_seed_gives_the_same_scores():
    codes = scale(GRID[:, :2]) + 3 * make_noise(2)
    first, second = (disentanglement.measure_importance(codes, GRID, 1) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    scores = [disentanglement.measure_factor_vae(codes, GRID, seed) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]
