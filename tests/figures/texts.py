"""Positions of the texts of a drawn figure."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def find_texts(figure: Figure) -> tuple[tuple[int, int], list[tuple[str, Bbox]]]:
    """Returns a figure's width and height, and every visible text with its box, in pixels."""
    figure.draw_without_rendering()  # computes all positions
    hidden: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axes.axison:
                hidden.update(axis.findobj(Text))
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    hidden.update((tick.label1, tick.label2))
    shown = [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text not in hidden and text.get_visible() and text.get_text().strip()
    ]
    return figure.canvas.get_width_height(), shown


def overlap(one: Bbox, other: Bbox) -> bool:
    """Returns whether two boxes overlap by more than half a pixel, which may be rounding."""
    both = Bbox.intersection(one, other)
    return both is not None and both.width > 0.5 and both.height > 0.5
