"""``--latent``: where the posterior means lie, by class."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.context import Context

_NAMES = {"test": "test images", "train": "training images"}


def run(context: Context) -> list[Path]:
    """Draws the map of the test images, and that of the training images."""
    return draw_split(context, "test") + draw_split(context, "train")


def draw_split(context: Context, split: str) -> list[Path]:
    """Draws the posterior means of ``"test"`` or ``"train"`` images; an autoencoder's codes.

    A histogram for each class in one latent dimension, the plane itself in two, a t-SNE
    map (van der Maaten and Hinton, 2008) in more. Drawn once a call, however often asked.
    """
    paths = [context.path(f"latent_{split}{suffix}") for suffix in (".png", ".pdf")]
    if split in context.drawn_maps:
        return []
    context.drawn_maps.add(split)
    images, labels = getattr(context, split)
    chosen = np.arange(len(labels))
    if len(chosen) > context.num_points:
        generator = np.random.default_rng(context.seed)
        chosen = np.sort(generator.choice(chosen, context.num_points, replace=False))
    if split == "test":
        z_mean = context.test_posterior[0][chosen]
    else:
        z_mean, _ = batching.encode(context.model, images[chosen])
    what, of_z = ("Posterior means", "mean of ") if context.model.variational else ("Codes", "")
    title = f"{what} of {len(chosen):,} {_NAMES[split]}"
    subtitle = context.subtitle
    if context.latent_dim == 1:
        figure = figures.draw_latent_histograms(
            z_mean[:, 0],
            labels[chosen],
            context.class_names,
            f"{of_z}$z_1$",
            title,
            subtitle,
        )
    else:
        axis_names: tuple[str, str] | None = (f"{of_z}$z_1$", f"{of_z}$z_2$")
        if context.latent_dim > 2:
            subtitle += f" · t-SNE of {context.latent_dim} dimensions"
            axis_names = None
            z_mean = embed(z_mean, context.seed)
        figure = figures.draw_latent_map(
            z_mean, labels[chosen], context.class_names, axis_names, title, subtitle
        )
    context.save_figure(figure, f"latent_{split}")
    return paths


def embed(points: np.ndarray, seed: int) -> np.ndarray:
    """Maps points to the plane by t-SNE, showing how far it is.

    Args:
        points: (num_points, num_dims).
        seed: same seed, same map on the same machine.

    Returns:
        (num_points, 2).
    """
    from sklearn.manifold import TSNE

    if np.ptp(points, axis=0).max() == 0:  # a collapsed posterior: there is nothing to map
        return points[:, :2]
    perplexity = min(30.0, (len(points) - 1) / 3)
    tsne = TSNE(random_state=seed, perplexity=perplexity, verbose=2, n_jobs=-1)
    with contextlib.redirect_stdout(_Progress(len(points), tsne.max_iter, sys.stdout)):
        embedded = tsne.fit_transform(points)
    print(flush=True)
    return embedded


class _Progress(io.TextIOBase):
    """Turns scikit-learn's report on each fiftieth iteration into one line that counts up."""

    def __init__(self, num_points: int, num_iterations: int, shown_on):
        self.what = f"t-SNE of {num_points:,} points"
        self.num_iterations = num_iterations
        self.shown_on = shown_on

    def write(self, text: str) -> int:
        match = re.search(r"Iteration (\d+)", text)
        if match and (self.shown_on.isatty() or int(match[1]) == self.num_iterations):
            line = f"\r{self.what}: {match[1]} of {self.num_iterations} iterations"
            self.shown_on.write(line)
            self.shown_on.flush()
        return len(text)
