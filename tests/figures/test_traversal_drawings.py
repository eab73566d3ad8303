"""Interpolations and traversals: their texts lie on the paper, apart, at the right images."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import figures
from tests.figures.texts import find_texts, overlap

SUBTITLE = f"fashion_mnist · run {80 * 'x'} · epoch 50"
SHAPES = [(8, 8, 1), (28, 28, 1), (32, 20, 3), (6, 48, 3), (64, 4, 1)]
NAMES = ["test image 3: 7", "test image 9999: Ankle boot"]
LONG = [f"…{39 * 'W'}", 60 * "W"]
KL = "value of the dimension, in standard deviations of the prior, N(0, I)"


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def interpolate(shape: tuple[int, ...], num_pairs: int, names: list[str]) -> Figure:
    return figures.draw_interpolations(
        noise(num_pairs, 2, *shape),
        noise(num_pairs, 11, *shape),
        names * num_pairs,
        "Images decoded on the line between two posterior means",
        SUBTITLE,
    )


def traverse(shape: tuple[int, ...], dims: list[int], name: str, value: float = 1.0) -> Figure:
    return figures.draw_traversals(
        noise(len(dims), 13, *shape),
        [(f"$z_{{{dim}}}$", value) for dim in dims],
        "KL, nats",
        (np.linspace(-3, 3, 13), KL),
        (noise(*shape), noise(*shape), name),
        "Images decoded along the 12 of 10000 dimensions with the most KL",
        SUBTITLE,
    )


CASES: dict[str, Any] = {}
for _shape in SHAPES:
    for _names in (NAMES, LONG):
        for _pairs in (1, 4):
            CASES[f"interpolation {_pairs} {_shape} {_names[0][:4]}"] = (
                interpolate,
                (_shape, _pairs, _names),
            )
    for _dims in ([1], [2, 1], [9999 - i for i in range(12)]):
        CASES[f"traversal {len(_dims)} {_shape}"] = (traverse, (_shape, _dims, NAMES[0]))
    CASES[f"traversal with large numbers {_shape}"] = (traverse, (_shape, [1, 2], LONG[0], 12345.6))


@pytest.mark.parametrize("case", CASES)
def test_every_text_lies_on_the_paper_and_covers_no_other(case):
    draw, args = CASES[case]
    (width, height), texts = find_texts(draw(*args))
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, f"{text!r} ends {box.x1 - width:.0f} pixels right of the paper"
        assert box.y1 <= height, text
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        assert not overlap(box, other_box), f"{one!r} and {other!r}"


def test_each_step_stands_below_its_image_and_each_name_above_its_own():
    figure = interpolate((28, 28, 1), 2, NAMES)
    boxes = dict(find_texts(figure)[1][::-1])
    # Of each pair: left image, right image, what is decoded.
    sheets = [axes.get_window_extent() for axes in figure.axes]
    for step in range(11):
        box = boxes[f"{step / 10:.1f}"]
        middle = sheets[5].x0 + (step + 0.5) / 11 * sheets[5].width
        assert abs((box.x0 + box.x1) / 2 - middle) < 0.05 * sheets[5].width / 11 + 1
        assert box.y1 <= sheets[5].y0
    assert sheets[2].y0 > sheets[5].y1
    assert sheets[0].x1 < sheets[2].x0 < sheets[2].x1 < sheets[1].x0
    assert abs(sheets[0].width / 28 - sheets[2].width / (11 * 28 + 10 * 2)) < 0.02  # same pixels


def test_each_dimension_stands_beside_its_row():
    figure = traverse((28, 28, 1), [5, 3, 8], NAMES[0])
    boxes = dict(find_texts(figure)[1])
    sheet = figure.axes[0].get_window_extent()
    for row, dim in enumerate((5, 3, 8)):
        box = boxes[f"$z_{{{dim}}}$"]
        middle = sheet.y1 - (row + 0.5) / 3 * sheet.height
        assert abs((box.y0 + box.y1) / 2 - middle) < 3
        assert box.x1 < sheet.x0
    for column, value in ((0, "−3"), (6, "0"), (12, "3")):
        box = boxes[value]
        middle = sheet.x0 + (column + 0.5) / 13 * sheet.width
        assert abs((box.x0 + box.x1) / 2 - middle) < 3


def test_the_images_stand_where_they_belong():
    decoded = np.zeros((2, 3, 1, 1, 3), np.float32)
    decoded[..., 2] = 1
    decoded[1, 2] = [1, 0, 0]
    start = np.zeros((1, 1, 3)), np.ones((1, 1, 3)), "x"
    rows = [("$z_{2}$", 2.0), ("$z_{1}$", 1.0)]
    values = np.array([-1.0, 0.0, 1.0])
    figure = figures.draw_traversals(decoded, rows, "KL", (values, "z"), start, "t", SUBTITLE)
    sheet = np.asarray(figure.axes[0].images[0].get_array())
    assert sheet.shape == (3, 5, 3)  # a gap of one pixel between images
    np.testing.assert_array_equal(sheet[2, 4], [1, 0, 0])
    np.testing.assert_array_equal(sheet[0, 0], [0, 0, 1])
    np.testing.assert_array_equal(sheet[1, 1], [1, 1, 1])  # paper
