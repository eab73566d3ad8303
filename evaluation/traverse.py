"""``--traverse``: images decoded along each latent dimension."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.session import Session

_ROWS = 12  # dimensions, at most
_STEPS = np.linspace(-3, 3, 13, dtype=np.float32)  # in standard deviations
_NUM_SAMPLES = 10_000  # of a prior whose mean and spread are not known


def run(session: Session) -> list[Path]:
    """Draws a row for each latent dimension, from −3 to 3 standard deviations of the prior.

    Each row takes the posterior mean of a typical test image and replaces one dimension of it. The
    image is the one whose posterior mean has the median distance from their common mean. (z = 0 is
    not typical, and decoders that normalize their first layer see only the direction from it.)

    The 12 dimensions with the most KL are drawn, largest first. If the prior has no KL by
    dimension, or the model no prior (an autoencoder), they are those whose posterior means vary
    most. The mean and standard deviation of a prior other than N(0, I) are measured on samples;
    for an autoencoder they are those of the codes of the test images.
    """
    images, labels = session.test
    z_mean, _ = session.test_posterior
    kl = batching.compute_kl_by_dimension(session, session.test_posterior)
    importance = z_mean.var(axis=0) if kl is None else kl.mean(axis=0)
    dims = np.argsort(-importance, kind="stable")[:_ROWS]

    center, spread = np.zeros(session.latent_dim), np.ones(session.latent_dim)
    reach = "value of the dimension, in standard deviations of the prior, N(0, I)"
    if not session.model.is_variational:
        center, spread = z_mean.mean(axis=0), z_mean.std(axis=0)
        reach = "standard deviations from the mean of the codes of the test images"
    elif not session.draws_standard_normal:
        samples = batching.sample_prior(session, _NUM_SAMPLES)
        center, spread = samples.mean(axis=0), samples.std(axis=0)
        reach = "standard deviations from the mean of the prior"
    first = _find_typical(z_mean)
    z = np.tile(z_mean[first], (len(dims), len(_STEPS), 1))  # (rows, columns, latent_dim)
    for row, dim in enumerate(dims):
        z[row, :, dim] = center[dim] + _STEPS * spread[dim]
    decoded = batching.decode(session, z.reshape(-1, session.latent_dim))

    start = f"test image {first}"
    if labels is not None and session.class_names:
        start += f": {session.class_names[labels[first]]}"
    title, subtitle = "Images decoded along each latent dimension", session.subtitle
    if session.latent_dim > _ROWS:
        which = "which vary most" if kl is None else "with the most KL"
        title = f"Images decoded along the {_ROWS} of {session.latent_dim} dimensions {which}"
        if kl is not None:
            subtitle += f" · with {importance[dims].sum():.2f} of {importance.sum():.2f} nats of KL"
    figure = figures.draw_traversals(
        decoded.reshape(len(dims), len(_STEPS), *images.shape[1:]),
        [(f"$z_{{{dim + 1}}}$", float(importance[dim])) for dim in dims],
        "variance of z" if kl is None else "KL, nats",
        (_STEPS, reach),
        (images[first], batching.reconstruct(session, images[[first]])[0], start),
        title,
        subtitle,
    )
    return session.save_figure(figure, "traversal")


def _find_typical(z: np.ndarray) -> int:
    """Returns the position of the row whose distance from the mean of the rows is the median."""
    distance = np.square(z - z.mean(axis=0)).sum(axis=1)
    return int(np.argsort(distance, kind="stable")[len(distance) // 2])
