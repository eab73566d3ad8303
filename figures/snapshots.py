"""What a model makes of the same images and the same z as it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from figures.grids import choose_gap, show, tile
from figures.style import FAINT, new_axes, new_figure, styled

_NAMES = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}
_COLUMNS = 10
_INCHES = 0.36  # the width of an image
_HEADING = 0.3
_MAX_FRAMES = 200
_SECONDS = 10.0  # that an animation takes, about
_LAST_SECONDS = 2.0  # that its last frame stays


@styled
def draw_snapshot(
    images: np.ndarray,
    reconstructions: np.ndarray,
    samples: np.ndarray,
    losses: Mapping[str, float],
    title: str,
    subtitle: str,
) -> Figure:
    """Draws images above their reconstructions, and samples below. Always of the same size.

    Args:
        images: (at most ten, height, width, channels) in [0, 1].
        reconstructions: of the same shape.
        samples: (num_samples, height, width, channels), ten in a row.
        losses: name → mean over the epoch so far, written below; may be empty.
    """
    gap = choose_gap(samples)
    sheets = [
        tile(np.concatenate([images, reconstructions]), len(images), gap),
        tile(samples, min(len(samples), _COLUMNS), gap),
    ]
    told = ", ".join(f"{_NAMES[name]} {losses[name]:.2f}" for name in _NAMES if name in losses)
    headings = ["images, and below them their reconstructions", "samples: the same z at all times"]
    per_inch = (samples.shape[2] + gap) / _INCHES  # pixels
    heights = [sheet.shape[0] / per_inch for sheet in sheets]
    width = max(_COLUMNS * _INCHES + 0.3, 3.6)
    figure = new_figure(width, sum(heights) + 2 * _HEADING + 0.3, title, subtitle)
    bottom = 0.3 + heights[1] + _HEADING
    for sheet, heading, height in zip(sheets, headings, heights, strict=True):
        axes = new_axes(figure, 0.12, bottom, sheet.shape[1] / per_inch, height)
        axes.set_axis_off()
        show(axes, sheet)
        _write_above(axes, heading)
        bottom = 0.3
    told = f"epoch so far: {told}" if told else ""
    figure.text(0.1 / width, 0.1 / figure.get_figheight(), told, size=7, color=FAINT)
    return figure


def _write_above(axes, text: str) -> None:
    axes.annotate(
        text,
        (0, 1),
        (0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        annotation_clip=False,
    )


def save_animation(paths: Sequence[Path], path: Path) -> None:
    """Writes a GIF of PNG files of one size, at half of it, that goes on for ever.

    Args:
        paths: in the order of time; of more than 200, as many evenly spaced, the last among
            them.
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
