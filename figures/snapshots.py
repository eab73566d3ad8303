"""Snapshots of a training: reconstructions and samples after so many steps, and animations."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from figures.curves import select_metrics
from figures.grids import add_sheet, choose_gap, tile
from figures.style import FAINT, annotate, new_figure, styled, to_scale

_COLUMNS = 10
_INCHES = 0.36  # the width of an image
_HEADING = 0.3
_CHARACTERS = 62  # in a line of losses
_MAX_FRAMES = 200
_SECONDS = 10.0  # approximate duration of an animation
_LAST_SECONDS = 2.0  # for which its last frame is shown


@styled
def draw_snapshot(
    images: np.ndarray,
    reconstructions: np.ndarray,
    samples: np.ndarray,
    losses: Mapping[str, float],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws images above their reconstructions, and samples below; the size never changes.

    Args:
        images: (at most ten, height, width, channels) in [0, 1].
        reconstructions: of the same shape.
        samples: (num_samples, height, width, channels), ten in a row.
        losses: name → mean over the epoch so far, written below; may be empty.

    Raises:
        ValueError: if a loss is not declared in ``catalog.metrics``.
    """
    gap = choose_gap(samples)
    sheets = [
        tile(np.concatenate([images, reconstructions]), len(images), gap),
        tile(samples, min(len(samples), _COLUMNS), gap),
    ]
    headings = ["images, and their reconstructions below", "samples, always from the same z"]
    per_inch = (samples.shape[2] + gap) / _INCHES  # pixels
    heights = [sheet.shape[0] / per_inch for sheet in sheets]
    width = max(_COLUMNS * _INCHES + 0.3, 3.6)
    figure = new_figure(width, sum(heights) + 2 * _HEADING + 0.3, title, subtitle)
    bottoms = [0.3 + heights[1] + _HEADING, 0.3]
    for sheet, heading, bottom in zip(sheets, headings, bottoms, strict=True):
        axes = add_sheet(figure, sheet, 0.12, bottom, sheet.shape[1] / per_inch)
        annotate(axes, heading, (0, 1), (0, 3), xycoords="axes fraction", va="bottom")
    metrics = select_metrics(losses).items()
    values = [f"{metric.heading} {losses[name]:.{metric.digits}f}" for name, metric in metrics]
    lines = textwrap.wrap(f"epoch so far: {', '.join(values)}", _CHARACTERS) if values else [""]
    below = (0.1, "baseline") if len(lines) == 1 else (0.02, "bottom")  # two lines at most
    place = (0.1 / width, below[0] / figure.get_figheight())
    figure.text(*place, "\n".join(lines), va=below[1], size=to_scale(7), color=FAINT)
    return figure


def save_animation(paths: Sequence[Path], path: Path) -> None:
    """Writes a looping GIF of PNG files of one size, at half their size.

    Args:
        paths: in the order of time; of more than 200, 200 evenly spaced ones are shown, the
            last among them.
        path: of the GIF.
    """
    count = min(len(paths), _MAX_FRAMES)
    chosen = [paths[index] for index in np.linspace(len(paths) - 1, 0, count).astype(int)[::-1]]
    frames = []
    for frame in chosen:
        with Image.open(frame) as opened:
            small = opened.convert("RGB").reduce(2)
        frames.append(small.convert("P", palette=Image.Palette.ADAPTIVE, colors=64))
    milliseconds = int(np.clip(1000 * _SECONDS / count, 50, 500) // 10 * 10)
    durations = [*[milliseconds] * (count - 1), int(1000 * _LAST_SECONDS)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)
