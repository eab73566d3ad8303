"""``--latent``: a map of posterior means, colored by class."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.session import Session

_NAMES = {"test": "test images", "train": "training images"}


def run(session: Session) -> list[Path]:
    """Draws the map of the test images and that of the training images."""
    return draw_split(session, "test") + draw_split(session, "train")


def draw_split(session: Session, split: str) -> list[Path]:
    """Draws the posterior means (or an autoencoder's codes) of ``"test"`` or ``"train"`` images.

    Histograms for one latent dimension, a scatter plot for two, a t-SNE map (van der Maaten and
    Hinton, 2008) for more. Drawn once per session: later calls return no paths.
    """
    if split in session.drawn_maps:
        return []
    session.drawn_maps.add(split)
    images, labels = session.test if split == "test" else session.train
    chosen = np.arange(len(images))
    if len(chosen) > session.flags["num_points"]:
        generator = np.random.default_rng(session.seed)
        chosen = np.sort(generator.choice(chosen, session.flags["num_points"], replace=False))
    if split == "test":
        z_mean = session.test_posterior[0][chosen]
    else:
        z_mean, _ = batching.encode(session, images[chosen])
    what, of_z = ("Posterior means", "mean of ")
    if not session.model.is_variational:
        what, of_z = ("Codes", "")
    title, subtitle = f"{what} of {len(chosen):,} {_NAMES[split]}", session.subtitle
    classes = (None if labels is None else labels[chosen], session.class_names)
    if session.latent_dim == 1:
        axis_name = f"{of_z}$z_1$"
        figure = figures.draw_latent_histograms(z_mean[:, 0], *classes, axis_name, title, subtitle)
    else:
        axis_names: tuple[str, str] | None = (f"{of_z}$z_1$", f"{of_z}$z_2$")
        if session.latent_dim > 2:
            subtitle += f" · t-SNE of {session.latent_dim} dimensions"
            axis_names = None
            z_mean = embed(z_mean, session.seed)
        figure = figures.draw_latent_map(z_mean, *classes, axis_names, title, subtitle)
    return session.save_figure(figure, f"latent_{split}")


def embed(points: np.ndarray, seed: int) -> np.ndarray:
    """Maps points to the plane by t-SNE; shows its progress.

    Args:
        points: (num_points, num_dims).
        seed: same seed, same map on the same machine.

    Returns:
        (num_points, 2).
    """
    from sklearn.manifold import TSNE

    if np.ptp(points, axis=0).max() == 0:  # a collapsed posterior: nothing to map
        return points[:, :2]
    print(f"t-SNE of {len(points):,} points: 10,000 take a minute or more", flush=True)
    perplexity = min(30.0, (len(points) - 1) / 3)
    tsne = TSNE(random_state=seed, perplexity=perplexity, verbose=2, n_jobs=-1)
    with contextlib.redirect_stdout(_Progress(len(points), tsne.max_iter, sys.stdout)):
        embedded = tsne.fit_transform(points)
    print(flush=True)
    return embedded


class _Progress(io.TextIOBase):
    """Turns scikit-learn's reports, one per fifty iterations, into one line that counts up."""

    def __init__(self, num_points: int, num_iterations: int, terminal):
        self.name = f"t-SNE of {num_points:,} points"
        self.num_iterations = num_iterations
        self.terminal = terminal

    def write(self, text: str) -> int:
        match = re.search(r"Iteration (\d+)", text)
        if match and (self.terminal.isatty() or int(match[1]) == self.num_iterations):
            line = f"\r{self.name}: {match[1]} of {self.num_iterations} iterations"
            self.terminal.write(line)
            self.terminal.flush()
        return len(text)
