"""Figures of any number of classes, and of images without labels."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import figures
from tests.figures.texts import find_texts, overlap

TEXTS = ("Posterior means of 2,000 test images", "emnist · run demo · epoch 1")


def make_images(count: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape)).astype(np.float32)


def make_points(
    count: int, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray | None, Sequence[str] | None]:
    generator = np.random.default_rng(count)
    if names is None:
        return generator.normal(size=(count, 2)), None, None
    labels = generator.integers(0, len(names), count)
    centers = 3 * generator.normal(size=(len(names), 2))
    return centers[labels] + generator.normal(size=(count, 2)), labels, names


def draw_map(count: int, names: Sequence[str] | None) -> Figure:
    return figures.draw_latent_map(*make_points(count, names), ("$z_1$", "$z_2$"), *TEXTS)


def draw_panels(count: int, names: Sequence[str], axis_names=("$z_1$", "$z_2$")) -> Figure:
    points, labels, _ = make_points(count, names)
    assert labels is not None
    return figures.draw_latent_classes(points, labels, names, axis_names, *TEXTS)


def draw_histograms(count: int, names: Sequence[str] | None) -> Figure:
    points, labels, names = make_points(count, names)
    return figures.draw_latent_histograms(points[:, 0], labels, names, "$z_1$", *TEXTS)


def draw_reconstructions(
    count: int, names: Sequence[str] | None, shape: tuple[int, int, int] = (28, 28, 1)
) -> Figure:
    images = make_images(count, shape)
    return figures.draw_reconstructions(images, images, names and names[:count], *TEXTS)


def draw_named_images(count: int, names: Sequence[str]) -> Figure:
    every = [names[index % len(names)] for index in range(count)]
    return figures.draw_named_images(make_images(count, (8, 8, 1)), every, *TEXTS)


def draw_confusions(names: Sequence[str]) -> Figure:
    # Zeros are not written: comparing the texts of a full matrix would be slow.
    return figures.draw_confusions(np.eye(len(names)), names, *TEXTS)


def cases() -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Few classes, many, none, long names, and names that look like mathematics."""
    for count in (1, 2, 11, 13, 26, 40, 62, 300):
        for kind, names in (
            ("short", [str(index) for index in range(count)]),
            ("long", [f"{index}: a $cos$t, Tinca tinca\n(Linnaeus)" for index in range(count)]),
        ):
            about = f"of {count} classes, {kind}"
            yield f"confusions {about}", functools.partial(draw_confusions, names)
            yield f"named images {about}", functools.partial(draw_named_images, 80, names)
            for num in (7, 2000):
                yield f"map {num} {about}", functools.partial(draw_map, num, names)
            yield f"panels {about}", functools.partial(draw_panels, 2000, names)
            yield f"t-SNE panels {about}", functools.partial(draw_panels, 2000, names, None)
            yield f"histograms {about}", functools.partial(draw_histograms, 2000, names)
            for num in (3, 80):
                yield f"pairs {num} {about}", functools.partial(draw_reconstructions, num, names)
    for count in (1, 7, 50, 137):
        for shape in ((8, 8, 2), (28, 28, 4)):
            about = f"pairs {count} of {shape} without labels"
            yield about, functools.partial(draw_reconstructions, count, None, shape)
        yield f"map {count} without labels", functools.partial(draw_map, count, None)
        yield f"histograms {count} without labels", functools.partial(draw_histograms, count, None)


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_every_text_lies_on_a_page_of_bounded_size_and_covers_no_other(name):
    figure = CASES[name]()
    assert max(figure.get_size_inches()) <= 13
    (width, height), texts = find_texts(figure)
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        assert not overlap(box, other_box), f"{one!r} and {other!r}"


def test_of_many_classes_the_largest_are_shown_and_the_subtitle_says_so():
    labels = np.concatenate([np.arange(63), np.repeat(np.arange(40, 60), 5), np.arange(40, 50)])
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    names = [f"class {index}" for index in range(63)]
    for says, shown, figure in (
        (
            "in color: the 10 largest",
            names[40:50],
            figures.draw_latent_map(points, labels, names, None, *TEXTS),
        ),
        (
            "shown: the 20 largest",
            names[40:60],
            figures.draw_latent_histograms(points[:, 0], labels, names, "z", *TEXTS),
        ),
    ):
        written = {text.get_text() for text in figure.axes[0].texts}
        assert written == set(shown)
        (_, subtitle) = figure.texts
        assert subtitle.get_text() == f"{TEXTS[1]} · {says} of 63 classes"


@pytest.mark.parametrize(
    ("count", "says"), [(10, ""), (11, " · 11 classes: after ten, hues repeat, lighter or darker")]
)
def test_every_class_has_a_color_and_a_name_up_to_62(count, says):
    names = [f"class {index}" for index in range(count)]
    points, labels, _ = make_points(500, names)
    figure = figures.draw_latent_map(points, labels, names, None, *TEXTS)
    assert {text.get_text() for text in figure.axes[0].texts} == set(names)
    (scatter,) = figure.axes[0].collections
    assert len(np.unique(scatter.get_facecolor(), axis=0)) == count
    assert figure.texts[1].get_text() == TEXTS[1] + says


def test_points_of_unnamed_classes_are_gray_and_lie_below_the_others():
    points, labels, names = make_points(2000, [str(index) for index in range(300)])
    figure = figures.draw_latent_map(points, labels, names, None, *TEXTS)
    (scatter,) = figure.axes[0].collections
    colors = np.asarray(scatter.get_facecolor())[:, :3]
    is_gray = np.ptp(colors, axis=1) == 0
    assert len(np.unique(colors[~is_gray], axis=0)) == 10
    assert np.all(np.diff(is_gray.astype(int)) <= 0)


def test_each_panel_shows_one_class_in_its_color_over_all_points():
    points, labels, names = make_points(500, [f"class {index}" for index in range(7)])
    assert labels is not None
    axis_names = ("$z_1$", "$z_2$")
    figure = figures.draw_latent_classes(points, labels, names or (), axis_names, *TEXTS)
    assert len(figure.axes) == 7
    for index, axes in enumerate(figure.axes):
        below, above = axes.collections
        np.testing.assert_allclose(below.get_offsets(), points)
        np.testing.assert_allclose(above.get_offsets(), points[labels == index])
        assert to_hex(above.get_facecolor()[0]) == figures.class_colors(7)[index]
        heading, number = (text.get_text() for text in axes.texts)
        assert (heading, number) == (f"class {index}", f"n = {(labels == index).sum()}")
        assert axes.get_xlim() == figure.axes[0].get_xlim()
    upper = sum(axes.get_position().y0 > 0.5 for axes in figure.axes)
    assert upper == 4, "four columns leave the fewest places empty"
    lowest = [bool(axes.get_xlabel()) for axes in figure.axes]
    assert lowest == [False] * 3 + [True] * 4, "where no panel is below"


def test_of_many_classes_the_twenty_largest_have_a_panel():
    figure = draw_panels(2000, [str(index) for index in range(300)])
    assert len(figure.axes) == 20
    assert "shown: the 20 largest of" in figure.texts[1].get_text()


@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize(("far", "outside"), [(1.1, 0), (1e6, 3)])
def test_points_outside_the_axes_are_counted(panels, far, outside):
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    points[:3] = far * np.array([[1, 0], [-1, -1], [0, 1]])
    labels = np.arange(4000) % 3
    draw = figures.draw_latent_classes if panels else figures.draw_latent_map
    figure = draw(points, labels, ["a", "b", "c"], None, *TEXTS)
    for axes in figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        x, y = points.T
        assert ((x < left) | (x > right) | (y < low) | (y > high)).sum() == outside
        assert right - left < 3, "the points fill the paper"
    text = figure.texts[1].get_text()
    assert ("3 of 4,000 points outside the axes" in text) == bool(outside)
    assert ("outside" in text) == bool(outside)


def test_characters_that_the_font_lacks_are_drawn_without_a_warning(tmp_path):
    names = ["中文类别", "emoji 🦊🎉", "עברית", "العربية", "a_b $c$ & <d>"]
    figures.save(draw_map(200, names), tmp_path / "map.png")
    figures.save(draw_confusions(names), tmp_path / "confusions.pdf")
    title = ("Samples classified as 🦊", "中文 · run 中文")
    figures.save(figures.draw_images(make_images(3, (8, 8, 1)), *title), tmp_path / "images.png")


def test_images_without_labels_have_one_color_and_no_name():
    points = np.random.default_rng(0).normal(size=(50, 2))
    figure = figures.draw_latent_map(points, None, None, None, *TEXTS)
    (scatter,) = figure.axes[0].collections
    assert len(np.unique(scatter.get_facecolor(), axis=0)) == 1
    assert not figure.axes[0].texts
    figure = figures.draw_latent_histograms(points[:, 0], None, None, "z", *TEXTS)
    histogram: Any
    (histogram,) = figure.axes[0].patches
    assert histogram.get_data().values.max() > 0
