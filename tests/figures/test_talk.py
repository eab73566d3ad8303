"""Figures for the slides of a talk: ``--figure_style talk``."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.text import Text

import figures
from figures import style
from tests.figures.test_style import draw_all
from tests.figures.texts import find_texts, overlap

with figures.use_style("talk"):
    DRAWN = draw_all()
PAPER = draw_all()


@pytest.mark.parametrize("name", DRAWN)
def test_texts_of_axes_have_at_least_11_points(name):
    DRAWN[name].draw_without_rendering()
    for axes in DRAWN[name].axes:
        texts = [*axes.xaxis.findobj(Text), *axes.yaxis.findobj(Text), *axes.texts]
        shown = [text for text in texts if text.get_text() and axes.axison]
        assert all(float(text.get_fontsize()) >= 11 for text in shown)


@pytest.mark.parametrize("name", DRAWN)
def test_every_text_lies_on_the_slide_and_covers_no_other(name):
    (width, height), texts = find_texts(DRAWN[name])
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        assert not overlap(box, other_box), f"{one!r} and {other!r}"


@pytest.mark.parametrize("name", DRAWN)
def test_texts_are_larger_in_proportion_to_the_figure(name):
    ratio = DRAWN[name].get_size_inches() / PAPER[name].get_size_inches()
    assert (ratio >= 1 - 1e-9).all()
    assert (ratio <= 1.6 + 1e-9).all(), "no panel grows more than the texts"
    sizes = [
        max(float(text.get_fontsize()) for text in drawn[name].texts) for drawn in (DRAWN, PAPER)
    ]
    assert sizes[0] == pytest.approx(1.6 * sizes[1])


def test_panels_keep_their_size():
    for name in ("map", "curves", "accuracy"):
        talk, paper = (
            np.array(drawn[name].axes[0].get_position().size) * drawn[name].get_size_inches()
            for drawn in (DRAWN, PAPER)
        )
        np.testing.assert_allclose(talk, paper, rtol=1e-6)


def test_the_style_ends_with_its_context():
    with figures.use_style("talk"):
        assert style.to_scale(10) == 16
    assert style.to_scale(10) == 10
    with pytest.raises(KeyError, match="poster"), figures.use_style("poster"):
        pass
