"""``--manifold``: what the model decodes along a plane through the latent space."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.context import Context

_STEPS = 20  # images along an axis
_PRIOR_REACH = 2.0  # standard deviations of the prior, as in the paper's figures


def run(context: Context) -> list[Path]:
    """Draws the plane over the prior's ±2 and over the test means' mean ± 2 std.

    In more than two dimensions the plane of the two with the most KL, the others at the
    prior's mean 0; in one, the line. Of an autoencoder's codes the two that vary most, the
    others at their mean over the test images, as it has no prior.
    """
    z_mean, z_log_var = context.test_posterior
    origin = np.zeros(context.latent_dim, np.float32)
    if context.model.variational:
        carried = np.asarray(context.model.prior.kl(z_mean, z_log_var)).mean(axis=0)
        chosen_by, names = "the two with the most KL; the others 0", ("prior", "posterior means")
    else:
        carried, origin = z_mean.var(axis=0), z_mean.mean(axis=0)
        chosen_by, names = "which vary most; the others at their mean", ("N(0, I)", "codes")
    dims = np.sort(np.argsort(-carried, kind="stable")[:2])
    centre = z_mean[:, dims].mean(axis=0)
    spread = np.maximum(z_mean[:, dims].std(axis=0), 1e-3)  # a collapsed posterior has none
    panels = [
        (*_decode_grid(context, dims, low, high, origin), heading)
        for low, high, heading in (
            (
                np.full(len(dims), -_PRIOR_REACH),
                np.full(len(dims), _PRIOR_REACH),
                f"{names[0]}: 0 ± 2",
            ),
            (
                centre - 2 * spread,
                centre + 2 * spread,
                f"test images: mean ± 2 std of their {names[1]}",
            ),
        )
    ]
    title = "Images decoded over the latent plane"
    if context.latent_dim == 1:
        title = "Images decoded along the latent line"
    if context.latent_dim > 2:
        first, second = dims + 1
        title += f" of $z_{{{first}}}$ and $z_{{{second}}}$, {chosen_by}"
    figure = figures.draw_manifold(
        panels, [f"$z_{{{dim + 1}}}$" for dim in dims], title, context.subtitle
    )
    return context.save_figure(figure, "manifold")


def _decode_grid(
    context: Context, dims: np.ndarray, low: np.ndarray, high: np.ndarray, origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the decoded images, top row first, and the values of z along x and y."""
    z_x = np.linspace(low[0], high[0], _STEPS)
    z_y = np.linspace(low[-1], high[-1], _STEPS) if len(dims) == 2 else np.zeros(1)
    z = np.tile(origin, (len(z_y), len(z_x), 1))  # (rows, columns, latent_dim)
    z[..., dims[0]] = z_x
    if len(dims) == 2:
        z[..., dims[1]] = z_y[::-1, np.newaxis]  # y grows upwards, rows downwards
    images = batching.decode(context.model, z.reshape(-1, context.latent_dim))
    return images, z_x, z_y
