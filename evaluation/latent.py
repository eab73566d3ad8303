"""``--latent``: a map of posterior means, colored by class."""

from __future__ import annotations

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
    chosen = choose_points(session, len(images))
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
        if session.latent_dim > 2 and len(z_mean) >= 4:
            subtitle += f" · t-SNE of {session.latent_dim} dimensions"
            axis_names = None
            z_mean = embed(z_mean, session.seed)
        figure = figures.draw_latent_map(z_mean[:, :2], *classes, axis_names, title, subtitle)
    return session.save_figure(figure, f"latent_{split}")


def choose_points(session: Session, num_images: int) -> np.ndarray:
    """Returns the positions of ``--num_points`` images drawn by the seed, ascending; all if fewer.

    Images may be stored class by class, so the first ones would not do.
    """
    num_points = session.flags["num_points"]
    if num_images <= num_points:
        return np.arange(num_images)
    generator = np.random.default_rng(session.seed)
    return np.sort(generator.choice(num_images, num_points, replace=False))


def embed(points: np.ndarray, seed: int) -> np.ndarray:
    """Maps points to the plane by t-SNE; shows its progress on a terminal.

    Args:
        points: (num_points, num_dims).
        seed: same seed, same map on the same machine.

    Returns:
        (num_points, 2).
    """
    from evaluation.statistics import tsne

    if np.ptp(points, axis=0).max() == 0:  # a collapsed posterior: nothing to map
        return points[:, :2]

    def report(step: int) -> None:
        done = step == tsne.NUM_STEPS
        if done or (step % 10 == 0 and sys.stdout.isatty()):
            line = f"\rt-SNE of {len(points):,} points: {step} of {tsne.NUM_STEPS} steps"
            print(line, end="\n" if done else "", flush=True)

    return tsne.embed(points, seed, report)
