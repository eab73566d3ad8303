"""Maps of the latent space, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from figures.style import CLASS_COLORS, FAINT, new_axes, new_figure, styled

_SIDE = 5.0  # of the map, in inches
_HALO = [patheffects.withStroke(linewidth=2.5, foreground="white")]


@styled
def draw_latent_map(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    axis_names: tuple[str, str] | None,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws points in the plane, each class in its colour with its name on it.

    Args:
        points: (num_images, 2).
        labels: (num_images,), indices into ``class_names``.
        class_names: at most ten.
        axis_names: of the coordinates; None if they mean nothing, as in t-SNE.
    """
    figure = new_figure(_SIDE + 0.85, _SIDE + 0.5, title, subtitle)
    left, bottom = (0.65, 0.42) if axis_names else (0.35, 0.25)
    axes = new_axes(figure, left, bottom, _SIDE, _SIDE)
    # One shuffled scatter: no class lies on top of all others because it was drawn last.
    order = np.random.default_rng(0).permutation(len(points))
    colors = np.array(CLASS_COLORS)[labels[order]]
    size = np.clip(30_000 / len(points), 2, 16)
    axes.scatter(
        points[order, 0],
        points[order, 1],
        c=colors,
        s=size,
        alpha=0.75,
        linewidths=0,
        rasterized=True,
    )
    # As far as 99.8 % reach: a single far point would leave most of the paper empty.
    low, high = np.quantile(points, [0.001, 0.999], axis=0)
    margin = np.where(high > low, 0.06 * (high - low), 0.5)  # points may all coincide
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    if axis_names:
        axes.set_xlabel(axis_names[0])
        axes.set_ylabel(axis_names[1])
    else:
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    present = [index for index in range(len(class_names)) if np.any(labels == index)]
    anchors = np.array([_densest(points[labels == index]) for index in present])
    spots = _spread(anchors, axes)
    for index, spot in zip(present, spots, strict=True):
        axes.text(
            spot[0],
            spot[1],
            class_names[index],
            color=_darken(CLASS_COLORS[index]),
            weight="bold",
            size=10,
            ha="center",
            va="center",
            path_effects=_HALO,
        )
    return figure


@styled
def draw_latent_histograms(
    z: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    axis_name: str,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws where each class lies on a line, one row a class on a common axis.

    Args:
        z: (num_images,).
        labels: (num_images,), indices into ``class_names``.
    """
    present = [index for index in range(len(class_names)) if np.any(labels == index)]
    row = 0.42
    height = row * len(present)
    figure = new_figure(6.4, height + 0.6, title, subtitle)
    axes = new_axes(figure, 1.15, 0.45, 5.0, height)
    edges = np.histogram_bin_edges(z, bins=80)
    tallest = max(np.histogram(z[labels == index], edges)[0].max() for index in present)
    for place, index in enumerate(reversed(present)):
        counts, _ = np.histogram(z[labels == index], edges)
        axes.stairs(
            place + 0.9 * counts / tallest,
            edges,
            baseline=place,
            fill=True,
            color=CLASS_COLORS[index],
        )
        axes.axhline(place, color=FAINT, linewidth=0.4)
        axes.annotate(
            class_names[index],
            (0, place + 0.3),
            (-6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            weight="bold",
            color=_darken(CLASS_COLORS[index]),
        )
    axes.set_ylim(0, len(present))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis_name)
    return figure


def _densest(points: np.ndarray) -> np.ndarray:
    """Returns the middle of the points where they lie closest, in 5×5 cells of a grid."""
    counts, x_edges, y_edges = np.histogram2d(points[:, 0], points[:, 1], bins=20)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(counts, 2), (5, 5))
    column, row = np.unravel_index(np.argmax(windows.sum(axis=(2, 3))), counts.shape)
    low = x_edges[max(column - 2, 0)], y_edges[max(row - 2, 0)]
    high = x_edges[min(column + 3, 20)], y_edges[min(row + 3, 20)]
    return np.median(points[((low <= points) & (points <= high)).all(axis=1)], axis=0)


def _spread(anchors: np.ndarray, axes: Axes) -> np.ndarray:
    """Moves labels apart until none covers another: pairs too close push each other away."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    spots = (anchors - low) / (high - low)
    room = np.array([0.17, 0.05])  # a label's width and height in parts of the map
    ranks = np.sign(np.arange(len(spots))[:, None] - np.arange(len(spots)))
    for _ in range(200):
        difference = spots[:, None] - spots[None, :]
        overlap = np.clip(room - np.abs(difference), 0, None)
        hit = (overlap > 0).all(axis=-1) & ~np.eye(len(spots), dtype=bool)
        if not hit.any():
            break
        push = np.where(difference[..., 1] == 0, ranks, np.sign(difference[..., 1]))
        spots[:, 1] += 0.25 * (push * overlap[..., 1] * hit).sum(axis=1)
        spots = np.clip(spots, [0.09, 0.03], [0.91, 0.97])
    return low + spots * (high - low)


def _darken(color: str) -> tuple[float, float, float]:
    red, green, blue = to_rgb(color)
    return 0.55 * red, 0.55 * green, 0.55 * blue
