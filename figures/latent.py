"""The latent space: maps and histograms of latent variables, colored by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from catalog.values import counted
from figures.style import (
    CLASS_OPACITY,
    FAINT,
    annotate,
    class_colors,
    new_axes,
    new_figure,
    panel,
    styled,
    to_scale,
    write_name,
)

_SIDE = 5.0  # of the map, in inches
_MAX_NAMED = 62  # classes with a name on the map
_FEW_NAMED = 10  # of more classes: as many as there are colors that everybody can distinguish
_MAX_ROWS = 20  # histograms, or panels of one class each
_PANEL = 1.75  # side of a panel, in inches
_UNNAMED = "#d5d5d5"  # color of the points of the other classes


@styled
def draw_latent_map(
    points: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    axis_names: tuple[str, str] | None,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws points in the plane, each class in its own color and with its name.

    Of more than 62 classes only the 10 with the most points are named and colored, and the others
    are gray; of more than 10 the colors repeat, lighter or darker. The subtitle says so.

    Args:
        points: (num_images, 2).
        labels: (num_images,), indices into ``class_names``; None without labels, and all points
            have one color.
        class_names: (num_classes,); None without labels.
        axis_names: of the coordinates; None if they have no meaning, as in t-SNE.
    """
    present = 0 if labels is None else len(np.unique(labels))
    most = _MAX_NAMED if present <= _MAX_NAMED else _FEW_NAMED
    named, subtitle = _choose_classes(labels, class_names, subtitle, "in color", most)
    if len(named) > _FEW_NAMED:
        subtitle += f" · {present} classes: after ten, hues repeat, lighter or darker"
    low, high, outside = _find_limits(points)
    side = panel(_SIDE)
    figure = new_figure(side + 0.85, side + 0.5, title, subtitle + outside)
    left, bottom = (0.65, 0.42) if axis_names else (0.35, 0.25)
    axes = new_axes(figure, left, bottom, side, side)
    classes = np.zeros(len(points), np.int64) if labels is None or not named else labels
    colors = np.array(class_colors(len(class_names or [""])))
    if len(named) < present:
        colors[:] = _UNNAMED
        colors[list(named)] = class_colors(len(named))
    # One shuffled scatter: no class lies on top of all others because it was drawn last. Only
    # gray points lie below.
    order = np.random.default_rng(0).permutation(len(points))
    order = order[np.argsort(colors[classes[order]] != _UNNAMED, kind="stable")]
    axes.scatter(
        points[order, 0],
        points[order, 1],
        c=colors[classes[order]],
        s=_point_size(points),
        alpha=CLASS_OPACITY,
        linewidths=0,
        rasterized=True,
    )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if axis_names:
        axes.set_xlabel(axis_names[0])
        axes.set_ylabel(axis_names[1])
    else:
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    if not named:
        return figure
    size, longest, least = (10.0, 16, 0.17) if len(named) <= 10 else (8.0, 16, 0.17)
    if len(named) > 20:
        size, longest, least = 6.5, 10, 0.05
    names = [write_name(name, longest) for name in named.values()]
    # A label's width and height in parts of the map.
    room = np.array([max(least, 0.0172 * max(map(len, names))), 0.05]) * to_scale(size) / 10
    spots = _spread(np.array([_densest(points[classes == index]) for index in named]), room, axes)
    halo = [patheffects.withStroke(linewidth=to_scale(2.5), foreground="white")]
    for index, name, (x, y) in zip(named, names, spots, strict=True):
        look: dict[str, Any] = {"color": _darken(colors[index]), "path_effects": halo}
        axes.text(x, y, name, size=to_scale(size), weight="bold", ha="center", va="center", **look)
    return figure


@styled
def draw_latent_classes(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    axis_names: tuple[str, str] | None,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws the map once for each class: its points in color, all others in light gray.

    Of more than 20 classes only the 20 with the most points have a panel; the subtitle says so.

    Args:
        points: (num_images, 2).
        labels: (num_images,), indices into ``class_names``.
        class_names: (num_classes,).
        axis_names: of the coordinates; None if they have no meaning, as in t-SNE.
    """
    named, subtitle = _choose_classes(labels, class_names, subtitle, "shown", _MAX_ROWS)
    low, high, outside = _find_limits(points)
    count = len(named)
    num_columns = count if count <= 5 else min((5, 4, 3), key=lambda columns: -count % columns)
    num_rows = -(-count // num_columns)
    side = _PANEL if count > 3 else 1.4 * _PANEL
    left, bottom, apart, above = (0.6, 0.45, 0.12, 0.26) if axis_names else (0.12, 0.12, 0.12, 0.26)
    figure = new_figure(
        max(left + num_columns * (side + apart), _SIDE),
        bottom + num_rows * (side + above) - 0.15,
        title,
        subtitle + outside,
    )
    colors = class_colors(len(class_names))
    size = _point_size(points)
    for place, (index, name) in enumerate(named.items()):
        row, column = divmod(place, num_columns)
        axes = new_axes(
            figure,
            left + column * (side + apart),
            bottom + (num_rows - 1 - row) * (side + above),
            *(side, side),
        )
        look: dict[str, Any] = {"linewidths": 0, "rasterized": True}
        axes.scatter(*points.T, c=_UNNAMED, s=size / 4, **look)
        of_class = points[labels == index]
        axes.scatter(*of_class.T, c=colors[index], s=size / 2, alpha=CLASS_OPACITY, **look)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.spines[:].set(visible=True, color=_UNNAMED)
        is_lowest, is_first = place + num_columns >= count, column == 0
        ticks = {"labelbottom": bool(is_lowest and axis_names), "labelleft": bool(is_first)}
        axes.tick_params(length=2 if axis_names else 0, color=_UNNAMED, **ticks)
        if not axis_names:
            axes.set(xticks=[], yticks=[])
        elif is_lowest:
            axes.set_xlabel(axis_names[0])
        if axis_names and is_first:
            axes.set_ylabel(axis_names[1])
        heading = {"xycoords": "axes fraction", "va": "bottom"}
        name = write_name(name, 14)
        annotate(axes, name, (0, 1), (0, 3), weight="bold", color=_darken(colors[index]), **heading)
        number = f"n = {len(of_class):,}"
        annotate(axes, number, (1, 1), (0, 3), ha="right", size=7, color=FAINT, **heading)
    return figure


def _point_size(points: np.ndarray) -> float:
    """Returns the area of a point, in square points."""
    return float(np.clip(30_000 / len(points), 2, 16))


def _find_limits(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Returns the lower and upper ends of both axes, and how many points are outside, in words.

    The axes show 99.8 % of the points and 15 % more at each end, or as much of it as has points:
    a single far point would leave most of the paper empty.
    """
    points = points.astype(np.float64)
    low, high = np.quantile(points, [0.001, 0.999], axis=0)
    reach = 0.15 * (high - low)
    low = np.maximum(low - reach, points.min(axis=0))
    high = np.minimum(high + reach, points.max(axis=0))
    # Points may all coincide, at numbers so large that adding 0.5 changes nothing.
    margin = np.where(high > low, 0.03 * (high - low), np.maximum(0.5, 0.06 * np.abs(low)))
    low, high = low - margin, high + margin
    outside = np.count_nonzero(((points < low) | (points > high)).any(axis=1))
    text = f" · {outside:,} of {counted(len(points), 'point')} outside the axes"
    return low, high, text if outside else ""


@styled
def draw_latent_histograms(
    z: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    axis_name: str,
    title: str,
    subtitle: str,
) -> Figure:
    """Draws a histogram for each class on a common axis, the first class on top.

    Of more than 20 classes only the 20 with the most images are shown; the subtitle says so.

    Args:
        z: (num_images,).
        labels: (num_images,), indices into ``class_names``; None without labels, and all images
            have one histogram.
        class_names: (num_classes,); None without labels.
    """
    named, subtitle = _choose_classes(labels, class_names, subtitle, "shown", _MAX_ROWS)
    colors = class_colors(len(class_names or [""]))
    rows = [
        (write_name(name, 13), colors[index], z[labels == index]) for index, name in named.items()
    ]
    rows = rows or [("", colors[0], z)]
    height = 0.42 * max(len(rows), 2)
    figure = new_figure(6.4, height + 0.6, title, subtitle)
    axes = new_axes(figure, 1.15, 0.45, 5.0, height)
    edges = np.histogram_bin_edges(z, bins=80)
    tallest = max(np.histogram(values, edges)[0].max() for _, _, values in rows)
    for place, (name, color, values) in enumerate(reversed(rows)):
        tops = place + 0.9 * np.histogram(values, edges)[0] / tallest
        axes.stairs(tops, edges, baseline=place, fill=True, color=color)
        axes.axhline(place, color=FAINT, linewidth=to_scale(0.4))
        look = {"ha": "right", "va": "center", "weight": "bold", "color": _darken(color)}
        annotate(axes, name, (0, place + 0.3), (-6, 0), xycoords=("axes fraction", "data"), **look)
    axes.set_ylim(0, len(rows))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis_name)
    return figure


def _choose_classes(
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    subtitle: str,
    verb: str,
    most: int,
) -> tuple[dict[int, str], str]:
    """Returns the largest classes, index → name, and the subtitle, which says how many."""
    if labels is None or class_names is None:
        return {}, subtitle
    sizes = np.bincount(labels, minlength=len(class_names))
    present = np.count_nonzero(sizes)
    largest = np.sort(np.argsort(-sizes, kind="stable")[: min(present, most)])
    if present > most:
        subtitle += f" · {verb}: the {most} largest of {present} classes"
    return {int(index): class_names[index] for index in largest}, subtitle


def _densest(points: np.ndarray) -> np.ndarray:
    """Returns the median of the densest part of the points: 5×5 cells of a 20×20 grid."""
    counts, x_edges, y_edges = np.histogram2d(points[:, 0], points[:, 1], bins=20)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(counts, 2), (5, 5))
    column, row = np.unravel_index(np.argmax(windows.sum(axis=(2, 3))), counts.shape)
    low = x_edges[max(column - 2, 0)], y_edges[max(row - 2, 0)]
    high = x_edges[min(column + 3, 20)], y_edges[min(row + 3, 20)]
    return np.median(points[((low <= points) & (points <= high)).all(axis=1)], axis=0)


def _spread(anchors: np.ndarray, room: np.ndarray, axes: Axes) -> np.ndarray:
    """Moves texts apart until none covers another.

    Args:
        anchors: (num_texts, 2), where the texts belong.
        room: (2,), their width and height in parts of the axes.

    Returns:
        (num_texts, 2), where to write them.
    """
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    edge = room / 2 + 0.005
    spots = np.clip((anchors - low) / (high - low), edge, 1 - edge)
    ranks = np.sign(np.arange(len(spots))[:, None] - np.arange(len(spots)))
    for _ in range(2000):
        difference = spots[:, None] - spots[None, :]
        overlap = np.clip(room - np.abs(difference), 0, None)
        hit = (overlap > 0).all(axis=-1) & ~np.eye(len(spots), dtype=bool)
        if not hit.any():
            break
        push = np.where(difference[..., 1] == 0, ranks, np.sign(difference[..., 1]))
        spots[:, 1] += 0.25 * (push * overlap[..., 1] * hit).sum(axis=1)
        spots = np.clip(spots, edge, 1 - edge)
    return low + spots * (high - low)


def _darken(color: str) -> tuple[float, float, float]:
    red, green, blue = to_rgb(color)
    return 0.55 * red, 0.55 * green, 0.55 * blue
