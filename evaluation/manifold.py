"""``--manifold``: images decoded over a plane of the latent space."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import NotApplicable
from evaluation.session import Session

_STEPS = 20  # images along an axis
_NUM_SAMPLES = 10_000  # of a prior whose mean and spread are not known


def check(session: Session) -> None:
    """Raises NotApplicable for a hierarchy: its lower levels depend on those above them."""
    if len(session.levels) > 1:
        raise NotApplicable(
            "--manifold draws a plane of one level of z, and this run has "
            f"{len(session.levels)}, of which each depends on those above: type --traverse"
        )


def run(session: Session) -> list[Path]:
    """Draws the plane twice: over mean ± 2 std of the prior and of the posterior means.

    Once, over the prior, if both ranges agree.

    With more than two latent dimensions, the plane is that of the two with the largest KL, and the
    other dimensions are 0. If the prior has no KL by dimension, it is that of the two whose
    posterior means vary most. For an autoencoder, N(0, I) takes the place of the prior, the plane
    is that of the two dimensions whose codes vary most, and the others are at their mean over the
    test images. With one dimension, a line is drawn.
    """
    from evaluation import batching

    z_mean, _ = session.test_posterior
    is_variational = session.model.is_variational
    kl = batching.compute_kl_by_dimension(session, session.test_posterior)
    importance = z_mean.var(axis=0) if kl is None else kl.mean(axis=0)
    dims = np.sort(np.argsort(-importance, kind="stable")[:2])
    origin = np.zeros(session.latent_dim, np.float32)
    chosen_by = "the two with the most KL" if kl is not None else "which vary most"
    rest, prior, means = "the others 0", "prior", "posterior means"
    if not is_variational:
        origin = z_mean.mean(axis=0)
        rest, prior, means = "the others at their mean", "N(0, I)", "codes"

    center, spread, heading = np.zeros(len(dims)), np.ones(len(dims)), f"{prior}: 0 ± 2"
    if session.prior != "standard_normal":
        center, spread = _measure_reach(batching.sample_prior(session, _NUM_SAMPLES)[:, dims])
        heading = f"{prior}: mean ± 2 std"
    of_images = _measure_reach(z_mean[:, dims])
    name = f"mean ± 2 std of their {means}"
    if _agree((center, spread), of_images):
        ranges = [(center, spread, f"{heading} · about the same for test images: {name}")]
    else:
        ranges = [(center, spread, heading), (*of_images, f"test images: {name}")]
    panels = [
        (*_decode_grid(session, dims, center, spread, origin), heading)
        for center, spread, heading in ranges
    ]

    title = "Images decoded over the latent plane"
    if session.latent_dim == 1:
        title = "Images decoded along the latent line"
    if session.latent_dim > 2:
        first, second = dims + 1
        title += f" of $z_{{{first}}}$ and $z_{{{second}}}$, {chosen_by}; {rest}"
    names = [f"$z_{{{dim + 1}}}$" for dim in dims]
    figure = figures.draw_manifold(panels, names, title, session.subtitle)
    return session.save_figure(figure, "manifold")


def _measure_reach(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation by dimension, the latter at least 0.001."""
    return z.mean(axis=0), np.maximum(z.std(axis=0), 1e-3)


def _agree(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    """Returns whether the ends of two ranges differ by less than a step of the grid."""
    step = 4 * np.minimum(one[1], other[1]) / (_STEPS - 1)
    differences = [np.abs(one[0] - other[0] + 2 * sign * (one[1] - other[1])) for sign in (-1, 1)]
    return bool((np.max(differences, axis=0) < step).all())


def _decode_grid(
    session: Session, dims: np.ndarray, center: np.ndarray, spread: np.ndarray, origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the decoded images, top row first, and the values of z along x and y."""
    from evaluation import batching

    low, high = center - 2 * spread, center + 2 * spread
    z_x = np.linspace(low[0], high[0], _STEPS)
    z_y = np.linspace(low[-1], high[-1], _STEPS) if len(dims) == 2 else np.zeros(1)
    z = np.tile(origin, (len(z_y), len(z_x), 1))  # (rows, columns, latent_dim)
    z[..., dims[0]] = z_x
    if len(dims) == 2:
        z[..., dims[1]] = z_y[::-1, np.newaxis]  # y grows upwards, rows downwards
    images = batching.decode(session, z.reshape(-1, session.latent_dim))
    return images, z_x, z_y
