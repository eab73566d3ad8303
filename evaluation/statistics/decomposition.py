"""The parts of the KL from the prior: mutual information, total correlation, dimension-wise KL."""

from __future__ import annotations

import math

import numpy as np

_BLOCK = 50  # samples of z at a time: each array takes 2 MB for 10,000 images


def decompose_kl(
    z: np.ndarray, image: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns parts of log q(z|x) − log p(z), whose mean over x and z is the mean KL.

    Chen et al. (2018), equation 2, with the aggregate posterior q(z) = (1/N) Σ_n q(z|x_n) of all N
    images, exact as a mixture of N Gaussians:

    - ``mutual_information`` of image and z: log q(z|x) − log q(z), at most log N on average;
    - ``total_correlation``: log q(z) − Σ_d log q(z_d);
    - ``log_marginals``: Σ_d log q(z_d), which with −log p(z) is the dimension-wise KL.

    Args:
        z: samples, (num_samples, latent_dim).
        image: number of the image from whose posterior each was drawn, (num_samples,).
        z_mean, z_log_var: posteriors of all images, (num_images, latent_dim).

    Returns:
        name → (num_samples,), float64, in nats.
    """
    own = _log_density(z, z_mean[image], z_log_var[image])
    log_q_of_x = np.sum(own, axis=1, dtype=np.float64)
    blocks = range(0, len(z), _BLOCK)
    aggregates = [_log_aggregate(z[i : i + _BLOCK], z_mean, z_log_var) for i in blocks]
    log_q, log_marginals = np.concatenate(aggregates, axis=1)
    return {
        "mutual_information": log_q_of_x - log_q,
        "total_correlation": log_q - log_marginals,
        "log_marginals": log_marginals - 0.5 * z.shape[1] * math.log(2 * math.pi),
    }


def _log_aggregate(z: np.ndarray, z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    """Returns log q(z) and Σ_d log q(z_d) as rows, (2, num_samples), without log 2π."""
    joint = np.zeros((len(z), len(z_mean)), z.dtype)
    log_marginals = np.zeros(len(z))
    for dim in range(z.shape[1]):
        log_density = _log_density(z[:, dim, None], z_mean[:, dim], z_log_var[:, dim])
        joint += log_density
        log_marginals += _log_mean_exp(log_density)
    return np.stack([_log_mean_exp(joint), log_marginals])


def _log_density(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Returns the logarithm of each normal density, without −½ log 2π."""
    return -0.5 * (np.square(z - mean) * np.exp(-log_var) + log_var)


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the mean of exp(values) over the second axis, in float64."""
    largest = values.max(axis=1, keepdims=True)
    mean = np.mean(np.exp(values - largest), axis=1, dtype=np.float64)
    return largest[:, 0].astype(np.float64) + np.log(mean)
