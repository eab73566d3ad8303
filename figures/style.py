"""The one style: sizes, colours, titles, and how a figure becomes files."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Petroff (2021), arXiv:2107.02270: ten colours that stay apart with any colour vision.
CLASS_COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
TRAINING_COLOR, VALIDATION_COLOR = "#717581", "#bd1f01"
# Of lines in one picture: marker and dashes tell them apart in black and white too.
LINE_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": CLASS_COLORS[0], "marker": "o", "linestyle": "-"},
    {"color": CLASS_COLORS[6], "marker": "^", "linestyle": "--"},
    {"color": CLASS_COLORS[8], "marker": "s", "linestyle": ":"},
    {"color": CLASS_COLORS[4], "marker": "D", "linestyle": "-."},
    {"color": CLASS_COLORS[5], "marker": "v", "linestyle": (0, (8, 2, 1, 2, 1, 2))},
)
_SUBTITLE_INCHES, _LINE = 0.066, 0.13  # a wide letter's width, a line's height at 7 points
INK, FAINT = "#222222", "#757575"

# From matplotlib's defaults, not the user's settings; the backend, which none uses, stays.
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

_Drawing = TypeVar("_Drawing", bound=Callable[..., Any])


def styled(draw: _Drawing) -> _Drawing:
    """Decorates a drawing function: it draws in this style and restores matplotlib's settings."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return cast(_Drawing, drawn)


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """Returns an empty figure with a title, and below it which run and images are shown.

    Args:
        width, height: in inches, the title's half inch not counted.
        title: what is drawn.
        subtitle: the run, the dataset and whatever else one must know to read it.
    """
    lines = textwrap.wrap(subtitle, int((width - 0.2) / _SUBTITLE_INCHES)) or [""]
    total = height + 0.55 + _LINE * (len(lines) - 1)
    figure = Figure(figsize=(width, total))
    FigureCanvasAgg(figure)
    figure.text(0.1 / width, 1 - 0.10 / total, title, va="top", size=10, weight="bold")
    figure.text(0.1 / width, 1 - 0.31 / total, "\n".join(lines), va="top", size=7, color=FAINT)
    return figure


def new_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes at a place given in inches from the figure's lower left corner."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes(
        (left / total_width, bottom / total_height, width / total_width, height / total_height)
    )


@styled
def save(figure: Figure, path: Path) -> None:
    """Writes a PNG or a PDF, as the path ends; text in a PDF stays sharp at any size.

    The bytes depend on the figure alone: no date and no version is written into them.
    """
    metadata = {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }[path.suffix]
    figure.savefig(path, metadata=metadata)
