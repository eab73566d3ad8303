"""How well single latent dimensions represent single known factors of variation.

Codes are (num_images, num_dims), any real numbers. Factors are (num_images, num_factors), the
number of each factor's value, from 0, and every combination of values is equally likely. Matrices
of both are (num_factors, num_dims).
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from evaluation.statistics import summaries

NUM_BINS = 20
NUM_TREES, MIN_LEAF = 50, 20
NUM_VOTES, NUM_TEST_VOTES, GROUP = 10_000, 5_000, 64


# ------------------------------------------------------------------- mutual information gap


def measure_information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns I(z_j; v_k) / H(v_k), the share of a factor that a dimension determines.

    In [0, 1], (num_factors, num_dims). Each dimension is divided into 20 bins of equal width
    between its smallest and its largest value, and the information is that of the joint histogram,
    as in disentanglement_lib (Locatello et al., 2019). It is a little too large: for independent
    bins and values by about (20 − 1) (num_values − 1) / (2 num_images) nats (Miller, 1955).
    """
    bins = np.stack([_discretize(values) for values in codes.T])
    rows = [[_information(values, each) for each in bins] for values in factors.T]
    return np.array(rows) / [[_entropy(np.bincount(values))] for values in factors.T]


def measure_gaps(information: np.ndarray) -> np.ndarray:
    """Returns the mutual information gap of each factor, (num_factors,); their mean is the MIG.

    The information of the most informative dimension minus that of the second (Chen et al., 2018,
    equation 6), for the result of ``measure_information``. A single dimension has no second one,
    which counts as 0.
    """
    ordered = np.sort(np.pad(information, ((0, 0), (1, 0))), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _discretize(values: np.ndarray) -> np.ndarray:
    """Returns the bin of each value, 0 to 19."""
    edges = np.histogram_bin_edges(values.astype(np.float64), NUM_BINS)
    return np.digitize(values, edges[1:-1])


def _information(values: np.ndarray, bins: np.ndarray) -> float:
    """Returns the mutual information of two discrete variables, in nats."""
    counts = np.bincount(values * NUM_BINS + bins, minlength=(values.max() + 1) * NUM_BINS)
    joint = counts.reshape(-1, NUM_BINS)
    return _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1)) - _entropy(counts)


def _entropy(counts: np.ndarray) -> float:
    return float(entr(counts / counts.sum()).sum())


# --------------------------------------- disentanglement, completeness, informativeness (DCI)


def measure_importance(
    codes: np.ndarray, factors: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predicts each factor from the codes; returns the dimensions' importance, and accuracies.

    A random forest for each factor: 50 trees with leaves of 20 images or more, which choose among
    all dimensions. The importance of a dimension is its share in the decrease of the Gini impurity.
    Accuracies are those of the trees that an image was not drawn for (out of bag): they are the
    informativeness (Eastwood and Williams, 2018).

    Returns:
        (num_factors, num_dims), rows that sum to 1, or 0 if no dimension is of use;
        (num_factors,) in [0, 1].
    """
    from sklearn.ensemble import RandomForestClassifier

    importance, accuracy = [], []
    for values in factors.T:
        forest = RandomForestClassifier(
            NUM_TREES,
            min_samples_leaf=MIN_LEAF,
            max_features=None,
            oob_score=True,
            n_jobs=-1,
            random_state=seed,
        ).fit(codes, values)
        importance.append(forest.feature_importances_)
        accuracy.append(forest.oob_score_)
    return np.array(importance), np.array(accuracy)


def measure_disentanglement(importance: np.ndarray) -> float:
    """Returns in [0, 1] to what degree each dimension is important for one factor only.

    The mean over dimensions of 1 − the entropy of a dimension's importance for the factors, to the
    base num_factors, weighted by the dimension's importance (Eastwood and Williams, 2018).
    """
    total = importance.sum(axis=0)
    return float(total @ _concentrate(importance.T) / max(total.sum(), 1e-300))


def measure_completeness(importance: np.ndarray) -> np.ndarray:
    """Returns in [0, 1] to what degree a single dimension is important for each factor.

    1 − the entropy of the dimensions' importance for the factor, to the base num_dims
    (Eastwood and Williams, 2018): (num_factors,), whose mean is the completeness.
    """
    return _concentrate(importance)


def _concentrate(rows: np.ndarray) -> np.ndarray:
    """Returns 1 − the relative entropy of each row; 0 for a row of zeros."""
    total = rows.sum(axis=1)
    shares = rows / np.maximum(total, 1e-300)[:, np.newaxis]
    entropy = entr(shares).sum(axis=1) / np.log(max(rows.shape[1], 2))
    return np.where(total > 0, 1 - entropy, 0)


# ----------------------------------------------------------------------- FactorVAE score


def measure_factor_vae(codes: np.ndarray, factors: np.ndarray, seed: int) -> float:
    """Returns the FactorVAE score: how reliably the steadiest dimension says which factor is fixed.

    A vote draws a factor, one of its values, and 64 images with that value; its dimension is the
    one whose variance over these images is the smallest, relative to that over all images. 10,000
    votes decide which factor a dimension stands for, and the score is the accuracy of that on 5,000
    others (Kim and Mnih, 2018, section 4, with the numbers of disentanglement_lib). Dimensions that
    are not active (``summaries.find_active``) are left out. Chance is 1 / num_factors.
    """
    generator = np.random.default_rng(seed)
    variances = codes.var(axis=0)
    codes = codes / np.sqrt(np.where(summaries.find_active(variances), variances, np.inf))
    fixed = generator.integers(factors.shape[1], size=NUM_VOTES + NUM_TEST_VOTES)
    steadiest = np.empty_like(fixed)
    for factor in range(factors.shape[1]):
        (votes,) = np.nonzero(fixed == factor)
        group = codes[_draw_groups(factors[:, factor], len(votes), generator)]
        variance = group.var(axis=1)
        variance[:, ~summaries.find_active(variances)] = np.inf
        steadiest[votes] = variance.argmin(axis=1)
    votes = np.zeros((codes.shape[1], factors.shape[1]), np.int64)
    np.add.at(votes, (steadiest[:NUM_VOTES], fixed[:NUM_VOTES]), 1)
    predicted = votes.argmax(axis=1)[steadiest[NUM_VOTES:]]
    return float(np.mean(predicted == fixed[NUM_VOTES:]))


def _draw_groups(values: np.ndarray, num_groups: int, generator: np.random.Generator) -> np.ndarray:
    """Returns positions of images, (num_groups, 64), those of a group with the same value.

    The value is that of a random image; images are drawn with replacement.
    """
    order, counts = np.argsort(values, kind="stable"), np.bincount(values)
    value = generator.choice(values, num_groups)[:, np.newaxis]
    rank = (generator.random((num_groups, GROUP)) * counts[value]).astype(np.int64)
    return order[(counts.cumsum() - counts)[value] + rank]
