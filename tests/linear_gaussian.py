"""A linear-Gaussian VAE, whose log p(x) and true posterior are known in closed form."""

from __future__ import annotations

import numpy as np
import scipy.stats

import models

SHAPE = (4, 4, 1)
STDDEV = 0.3  # of a pixel given z


class LinearGaussian(models.likelihoods.Gaussian):
    """N(outputs, σ²): with a decoder of one layer, p(x) is Gaussian."""

    def mean(self, outputs):
        return outputs


def make_linear(
    rng: np.random.Generator, error: float
) -> tuple[models.VAE, np.ndarray, np.ndarray]:
    """Returns a linear-Gaussian VAE, its matrix (16, 3) and its offsets (16,).

    Its posteriors are the true ones, diagonal because the columns are orthogonal; or their means
    are wrong by ``error`` standard deviations.
    """
    matrix = np.linalg.qr(rng.normal(size=(16, 3)))[0] * [0.5, 1.0, 2.0]
    offset = rng.normal(0.5, 0.1, 16)
    variance = 1 / (1 + np.square(matrix).sum(axis=0) / STDDEV**2)
    encoder = models.Encoder(latent_dim=3, hidden_dims=())
    decoder = models.Decoder(image_shape=SHAPE, hidden_dims=())
    vae = models.VAE(encoder, decoder, LinearGaussian(STDDEV))
    vae.build((None, *SHAPE))
    to_mean = matrix * variance / STDDEV**2
    encoder.z_mean.set_weights([to_mean, error * np.sqrt(variance) - offset @ to_mean])
    encoder.z_log_var.set_weights([np.zeros((16, 3)), np.log(variance)])
    decoder.logits.set_weights([matrix.T, offset])
    return vae, matrix, offset


def find_log_p(matrix: np.ndarray, offset: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Returns log p(x) of each image in nats: x ~ N(offset, matrix matrixᵀ + σ² I)."""
    covariance = matrix @ matrix.T + STDDEV**2 * np.eye(len(offset))
    distribution = scipy.stats.multivariate_normal(offset, covariance)
    return distribution.logpdf(images.reshape(len(images), -1))
