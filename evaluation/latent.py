"""``--latent``: a map of posterior means, colored by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import figures
from evaluation import batching
from evaluation.kept import Kept, Source
from evaluation.progress import Progress
from evaluation.session import Session

_NAMES = {"test": "test images", "train": "training images"}
_LONG = 2.0  # seconds that t-SNE takes, from which on a line says so


def run(session: Session) -> list[Path]:
    """Draws the map of the test images and that of the training images."""
    return draw_split(session, "test") + draw_split(session, "train")


def draw_split(session: Session, split: str) -> list[Path]:
    """Draws the posterior means (or an autoencoder's codes) of ``"test"`` or ``"train"`` images.

    Histograms for one latent dimension, a scatter plot for two, a t-SNE map (van der Maaten and
    Hinton, 2008) for more. A second figure shows each class of a map in a panel of its own. Drawn
    once per session: later calls return no paths.
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
        return session.save_figure(figure, f"latent_{split}")
    axis_names: tuple[str, str] | None = (f"{of_z}$z_1$", f"{of_z}$z_2$")
    if session.latent_dim > 2 and len(z_mean) >= 4:
        subtitle += f" · t-SNE of {session.latent_dim} dimensions"
        axis_names = None
        z_mean = place(session, z_mean, split)
    points = z_mean[:, :2]
    figure = figures.draw_latent_map(points, *classes, axis_names, title, subtitle)
    written = session.save_figure(figure, f"latent_{split}")
    if labels is not None and session.class_names and np.ptp(labels[chosen]):
        shown = (labels[chosen], session.class_names, axis_names, f"{title}, by class", subtitle)
        figure = figures.draw_latent_classes(points, *shown)
        written += session.save_figure(figure, f"latent_{split}_classes")
    return written


def choose_points(session: Session, num_images: int) -> np.ndarray:
    """Returns the positions of ``--num_points`` images drawn by the seed, ascending; all if fewer.

    Images may be stored class by class, so the first ones would not do.
    """
    num_points = session.flags["num_points"]
    if num_images <= num_points:
        return np.arange(num_images)
    generator = np.random.default_rng(session.seed)
    return np.sort(generator.choice(num_images, num_points, replace=False))


def place(session: Session, points: np.ndarray, split: str) -> np.ndarray:
    """Returns the map that ``embed`` makes of a split's points, computed once and then kept.

    The map is in the file ``tsne_<split>.bin`` among the results. It is determined by the
    algorithm, the seed and the points, which depend on the checkpoint and the images.

    Args:
        session: its seed is that of the map.
        points: (num_points, num_dims).
        split: ``"test"`` or ``"train"``.

    Returns:
        float32 (num_points, 2).
    """
    from evaluation.statistics import tsne

    sources: list[Source] = [Path(tsne.__file__).read_bytes(), f"seed {session.seed}", points]
    kept = Kept(session, f"tsne_{split}.bin", sources, num_columns=2, dtype="<f4")
    placed = kept.read(len(points))
    if len(placed) < len(points):
        placed = embed(points, session.seed)
        kept.write(placed)
    return placed


def embed(points: np.ndarray, seed: int) -> np.ndarray:
    """Maps points to the plane by t-SNE; says beforehand if this takes long.

    Its progress is shown on a terminal. Fewer than 4 points, which have no neighborhoods, and
    points that all coincide are placed by their first two coordinates.

    Args:
        points: (num_points, num_dims).
        seed: same seed, same map on the same machine.

    Returns:
        (num_points, 2).
    """
    from evaluation.statistics import tsne

    if len(points) < 4 or np.ptp(points, axis=0).max() == 0:  # the posterior may have collapsed
        return points[:, :2]
    heading = f"t-SNE of {len(points):,} points"
    if (seconds := tsne.estimate_seconds(len(points))) >= _LONG:
        print(f"{heading}: about {seconds:.0f} s on two cores; the map is kept", flush=True)

    progress = Progress()

    def report(step: int) -> None:
        is_last = step == tsne.NUM_STEPS
        if is_last or step % 10 == 0:
            progress.show(f"{heading}: {step} of {tsne.NUM_STEPS} steps", is_last)

    return tsne.embed(points, seed, report)
