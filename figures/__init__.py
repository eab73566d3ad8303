"""Figures: arrays in, a matplotlib figure out, in one style (``figures/style.py``).

Images are (num_images, height, width, channels) in [0, 1]: one channel is drawn in gray, from
black to white, three as RGB, four as RGBA on white paper, and of any other number the mean in gray.
"""

import figures.own_defaults  # noqa: F401  # before anything imports matplotlib
from figures.bars import draw_kl_per_dimension
from figures.classification import draw_accuracy, draw_confusions
from figures.comparison import (
    draw_compared_curves,
    draw_compared_measures,
    draw_compared_reconstructions,
    draw_compared_samples,
)
from figures.curves import draw_curves
from figures.distributions import draw_loss_distributions
from figures.factors import draw_information
from figures.grids import (
    draw_images,
    draw_named_images,
    draw_reconstructions,
    fill_rows,
    tile,
)
from figures.latent import draw_latent_classes, draw_latent_histograms, draw_latent_map
from figures.manifold import draw_manifold
from figures.snapshots import draw_snapshot, save_animation
from figures.style import class_colors, save, use_style
from figures.traversals import draw_interpolations, draw_traversals

__all__ = [
    "class_colors",
    "draw_accuracy",
    "draw_compared_curves",
    "draw_compared_measures",
    "draw_compared_reconstructions",
    "draw_compared_samples",
    "draw_confusions",
    "draw_curves",
    "draw_images",
    "draw_information",
    "draw_interpolations",
    "draw_kl_per_dimension",
    "draw_latent_classes",
    "draw_latent_histograms",
    "draw_latent_map",
    "draw_loss_distributions",
    "draw_manifold",
    "draw_named_images",
    "draw_reconstructions",
    "draw_snapshot",
    "draw_traversals",
    "fill_rows",
    "save",
    "save_animation",
    "tile",
    "use_style",
]
