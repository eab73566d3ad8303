"""``--generate``: what the model makes of samples from the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.context import Context


def run(context: Context) -> list[Path]:
    """Draws ``num_gen`` decoded samples."""
    z = np.asarray(context.model.prior.sample(context.num_gen, context.latent_dim, context.seed))
    figure = figures.draw_images(
        batching.decode(context.model, z),
        "Samples from the prior, decoded",
        f"{context.subtitle} · seed {context.seed}",
    )
    return context.save_figure(figure, "generated")
