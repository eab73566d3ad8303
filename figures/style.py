"""The style of all figures: sizes, colors, titles, texts, and saving."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text

from catalog.evaluations import FIGURE_STYLES

# Chosen by computation (docs/evaluation.md): at CLASS_OPACITY, the two most similar differ as much
# as they can, with normal and with color-deficient vision, on white and on a dark page. The order
# keeps classes apart that are often confused, such as the digits 3, 5 and 8.
CLASS_COLORS = (
    "#5c80ff",  # blue
    "#7e6e50",  # brown
    "#076865",  # teal
    "#ff2c98",  # pink
    "#7300a4",  # purple
    "#910a00",  # dark red
    "#eada02",  # yellow
    "#3fd1f8",  # sky blue
    "#10a70f",  # green
    "#fc9f8d",  # salmon
)
CLASS_OPACITY = 0.75  # of points on a map
SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#0b3d70"])  # of shares, 0 to 1
TRAINING_COLOR, VALIDATION_COLOR = "#717581", "#bd1f01"
# Lines of one figure: markers and dashes distinguish them in black and white, too.
LINE_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": CLASS_COLORS[0], "marker": "o", "linestyle": "-"},
    {"color": CLASS_COLORS[5], "marker": "^", "linestyle": "--"},
    {"color": CLASS_COLORS[2], "marker": "s", "linestyle": ":"},
    {"color": CLASS_COLORS[3], "marker": "D", "linestyle": "-."},
    {"color": CLASS_COLORS[1], "marker": "v", "linestyle": (0, (8, 2, 1, 2, 1, 2))},
)
# A character's width and a line's height, in inches: of a title at 10 points, a subtitle at 7.
_TITLE_CHARACTER, _TITLE_LINE = 0.09, 0.17
_CHARACTER, _LINE = 0.064, 0.13
INK, FAINT = "#222222", "#757575"

_scale = contextvars.ContextVar("scale", default=FIGURE_STYLES["paper"])

# Based on matplotlib's defaults, not the user's settings; the backend, which is unused, is kept.
_STYLE = {name: matplotlib.rcParamsDefault[name] for name in matplotlib.rcParamsDefault}
del _STYLE["backend"]
_STYLE |= {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "pdf.fonttype": 42,  # text stays text
    "figure.dpi": 100,
    "savefig.dpi": 200,
}

_SIZES = [  # settings in points
    *("font.size", "axes.titlesize", "axes.linewidth", "axes.labelpad", "axes.titlepad"),
    *("lines.linewidth", "lines.markersize", "patch.linewidth"),
    *(
        f"{axis}tick.{which}.{what}"
        for axis in "xy"
        for which in ("major", "minor")
        for what in ("size", "width", "pad")
    ),
]

_Drawing = TypeVar("_Drawing", bound=Callable[..., Any])


@contextlib.contextmanager
def use_style(name: str) -> Iterator[None]:
    """Within the context, draws in one of the ``FIGURE_STYLES``."""
    token = _scale.set(FIGURE_STYLES[name])
    try:
        yield
    finally:
        _scale.reset(token)


def to_scale(size: float) -> float:
    """Returns the size of a text, a line or a marker in the current style.

    Args:
        size: on paper, in points.
    """
    return size * _scale.get()


def panel(inches: float) -> float:
    """Returns the side of a panel that has the same size in every style, for ``new_axes``.

    All other lengths grow with the texts.

    Args:
        inches: on paper.
    """
    return inches / _scale.get()


def styled(draw: _Drawing) -> _Drawing:
    """Decorates a drawing function: it draws in this style and restores matplotlib's settings."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(_STYLE | {name: to_scale(_STYLE[name]) for name in _SIZES}):
            return draw(*args, **kwargs)

    return cast(_Drawing, drawn)


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """Returns an empty figure with a title and a subtitle.

    Args:
        width, height: in inches on paper; the title adds half an inch to the height, and each
            line after the first of title and subtitle a little more.
        title: what the figure shows.
        subtitle: the run, the dataset and whatever else a reader must know.
    """
    titles = textwrap.wrap(title, int((width - 0.2) / _TITLE_CHARACTER)) or [""]
    lines = wrap(subtitle, int((width - 0.2) / _CHARACTER))
    below = 0.31 + _TITLE_LINE * (len(titles) - 1)
    total = height + below + 0.24 + _LINE * (len(lines) - 1)
    figure = Figure(figsize=(to_scale(width), to_scale(total)))
    FigureCanvasAgg(figure)
    for text, top, size, weight, color in (
        (titles, 0.1, 10, "bold", INK),
        (lines, below, 7, "normal", FAINT),
    ):
        look: dict[str, Any] = {"size": to_scale(size), "weight": weight, "color": color}
        figure.text(0.1 / width, 1 - top / total, "\n".join(text), va="top", **look)
    return figure


def new_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes, placed in inches on paper from the figure's lower left corner."""
    total_width, total_height = figure.get_size_inches() / to_scale(1)
    return figure.add_axes(
        (left / total_width, bottom / total_height, width / total_width, height / total_height)
    )


def annotate(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    size: float = 8,
    **kwargs: Any,
) -> None:
    """Writes a text at an offset from a place inside or outside the axes.

    Args:
        offset: in points on paper, as ``size``.
    """
    offset, kwargs["size"] = (to_scale(offset[0]), to_scale(offset[1])), to_scale(size)
    axes.annotate(text, place, offset, textcoords="offset points", annotation_clip=False, **kwargs)


def wrap(text: str, length: int) -> list[str]:
    """Returns lines of at most ``length`` characters.

    They are broken after commas and dots (·) if that needs no more lines, and otherwise at spaces,
    hyphens and underscores.
    """
    lines = textwrap.wrap(text.replace("_", "_ "), length)
    joined = re.sub(r"(?<![,·]) (?!\()", "\u00a0", text)
    parts = textwrap.wrap(joined, length, break_long_words=False, break_on_hyphens=False)
    if len(parts) <= len(lines) and max(map(len, parts), default=0) <= length:
        lines = parts
    return [line.replace("_ ", "_").replace("\u00a0", " ") for line in lines] or [""]


def keep_apart(values: Sequence[float], gap: float) -> list[float]:
    """Returns positions near the values, in the same order and at least ``gap`` apart."""
    order = np.argsort(values, kind="stable")
    places = np.array(values, np.float64)[order]
    for _ in range(100):
        close = np.diff(places) < gap * (1 - 1e-9)
        if not close.any():
            break
        missing = np.where(close, gap - np.diff(places), 0) / 2
        places[:-1] -= missing
        places[1:] += missing
    result = np.empty(len(places))
    result[order] = places
    return list(result)


def class_colors(count: int) -> list[str]:
    """Returns a color for each class, as ``#rrggbb``.

    The first ten are ``CLASS_COLORS``. Each further ten repeat their hues, darker and lighter in
    turn, so that classes with neighboring numbers always differ in hue.
    """
    colors = list(CLASS_COLORS[:count])
    rounds = -(-count // 10)
    for place in range(1, rounds):
        toward = place % 2  # even rounds darken, odd ones lighten
        amount = 0.6 * ((place + 1) // 2) / (rounds // 2)
        colors += [
            to_hex((1 - amount) * np.array(to_rgb(color)) + amount * toward)
            for color in CLASS_COLORS[: count - 10 * place]
        ]
    return colors


def to_colors(images: np.ndarray) -> np.ndarray:
    """Returns the colors in which images of any number of channels are drawn, as in the browser.

    One channel is gray, three are RGB, four RGBA on white paper; of any other number the mean is
    drawn in gray. Nothing is inverted: 0 is black in every dataset, so that strokes are white and
    photographs look as they should.

    Args:
        images: (num_images, height, width, channels) in [0, 1].

    Returns:
        (num_images, height, width, 3) in [0, 1].
    """
    images = np.asarray(images)  # a model's own outputs are tensors
    channels = images.shape[-1]
    if channels == 3:
        return images
    if channels == 4:
        return 1 - images[..., 3:] * (1 - images[..., :3])
    return np.repeat(images.mean(axis=-1, keepdims=True), 3, axis=-1)


def write_name(name: str, max_length: int = 20) -> str:
    """Returns a class's name as plain text on one line, of at most ``max_length`` characters.

    A longer name loses its middle: names that begin alike often differ at the end.
    """
    name = replace_missing(" ".join(name.split()))
    if len(name) > max_length:
        at_end = (max_length - 1) // 3
        name = f"{name[: max_length - 1 - at_end]}…{name[-at_end:]}"
    return name.replace("$", r"\$")  # not mathematics


def replace_missing(text: str) -> str:
    """Replaces characters that the font lacks, such as Chinese ones and emoji, by squares.

    Several in a row become one square.
    """
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    groups = itertools.groupby(text, lambda each: each.isspace() or ord(each) in known)
    return "".join("".join(each) if is_known else "□" for is_known, each in groups)


@styled
def save(figure: Figure, path: Path) -> None:
    """Writes a PNG or PDF file, as the path's suffix says; text in a PDF stays text.

    The bytes depend only on the figure: they contain no date and no version. Characters that the
    font lacks are replaced in all texts.

    Raises:
        KeyError: if the suffix is neither ``.png`` nor ``.pdf``.
    """
    metadata = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }[path.suffix]
    for text in figure.findobj(Text):
        text.set_text(replace_missing(text.get_text()))
    figure.savefig(path, metadata=metadata)
