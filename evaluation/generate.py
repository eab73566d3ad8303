"""``--generate``: what the model makes of samples from the prior, N(0, I)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.context import Context


def run(context: Context) -> list[Path]:
    """Draws ``num_gen`` decoded samples.

    An autoencoder has no prior: what it decodes from N(0, I) is drawn, and said to be that.
    """
    z = np.asarray(context.model.prior.sample(context.num_gen, context.latent_dim, context.seed))
    title, subtitle = "Samples from the prior, decoded", context.subtitle
    if not context.model.variational:
        title = "Samples from N(0, I), decoded"
        subtitle += " · the autoencoder was not trained to decode such"
    figure = figures.draw_images(
        batching.decode(context.model, z), title, f"{subtitle} · seed {context.seed}"
    )
    return context.save_figure(figure, "generated")
