"""Grids: rows are full, and every image is where it belongs, in pixels of the drawn page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import figures
from figures import grids

TEXTS = ("Title", "mnist · run demo · epoch 1")


def flat_images(count: int, height: int = 2, width: int = 3) -> np.ndarray:
    """Images of one color each; no two have the same, and none is that of paper."""
    codes = np.arange(1, count + 1)
    colors = np.stack([codes % 16, codes // 16 % 16, codes // 256], axis=1) / 20
    return np.broadcast_to(colors[:, None, None], (count, height, width, 3)).astype(np.float32)


def render(figure: Figure) -> np.ndarray:
    """Returns the pixels of a figure, (height, width, 3) in 0..255, the top row first."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def sheet_of(figure: Figure) -> np.ndarray:
    return np.asarray(figure.axes[0].get_images()[0].get_array())


def count_columns(figure: Figure) -> int:
    return sum(text.get_text() == "$x$" for text in figure.axes[0].texts)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 10, 12, 16, 20, 25, 50, 64, 100, 300, 1000])
def test_rows_of_images_are_full(count):
    sheet = sheet_of(figures.draw_images(flat_images(count), *TEXTS))
    np.testing.assert_allclose(sheet[-1, -1], flat_images(count)[-1, 0, 0])


def test_a_number_that_fills_no_rows_leaves_few_places_empty():
    for count in range(1, 400):
        columns = grids.choose_columns(count)
        empty = -count % columns
        assert empty <= 0.4 * columns, f"{count} images in {columns} columns"
        rows = (count + empty) // columns
        assert rows <= columns <= max(7, 4 * rows)


@pytest.mark.parametrize("count", [12, 25, 50, 51, 100])
@pytest.mark.parametrize("num_classes", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
def test_pairs_of_a_few_classes_fill_rows_and_columns_hold_one_class(count, num_classes):
    filled = figures.fill_rows(count, num_classes)
    names = [f"n{label}" for label in range(num_classes)]
    images = flat_images(filled)
    figure = figures.draw_reconstructions(images, images, names, *TEXTS)
    columns = count_columns(figure)
    rows = filled // columns
    assert rows * columns == filled <= count
    assert filled > count - max(10, num_classes), "less than a row is left out"
    assert columns % num_classes == 0
    sheet, gap = sheet_of(figure), 3
    assert sheet.shape == (rows * (2 + gap) - gap, columns * (6 + gap) - gap, 3)
    for index in range(filled):
        row, column = divmod(index, columns)
        found = sheet[row * (2 + gap) :, column * (6 + gap) :][:2, :6]
        np.testing.assert_allclose(found, np.tile(images[index], (1, 2, 1)))
    heads: Any = [text for text in figure.axes[0].texts if text.get_text().startswith("n")]
    for head in heads:
        column = int(head.xy[0] / (6 + gap))
        assert head.get_text() == names[column % num_classes]
    assert len(heads) == columns


@pytest.mark.parametrize(("count", "num_classes"), [(50, 13), (100, 62), (300, 300), (62, 62)])
def test_many_classes_have_equally_many_pairs(count, num_classes):
    assert figures.fill_rows(count, num_classes) == count // num_classes * num_classes


def test_pairs_without_classes_fill_rows():
    for count in (*range(1, 14), 37, 50, 73):
        filled = figures.fill_rows(count, 1)
        assert max(1, count - 4) <= filled <= count
        images = flat_images(filled)
        figure = figures.draw_reconstructions(images, images, None, *TEXTS)
        assert filled % count_columns(figure) == 0
        assert count_columns(figure) <= 10
        colors = np.unique(np.round(sheet_of(figure) * 20).reshape(-1, 3), axis=0)
        assert len(colors) == filled + (filled > 1), "of each image, and of paper"


@pytest.mark.parametrize("size", [8, 20, 28, 32, 40])
def test_pixels_of_small_images_are_equally_many_dots_wide(tmp_path: Path, size):
    images = np.random.default_rng(0).integers(0, 2, (100, size, size, 3)).astype(np.float32)
    path = tmp_path / "images.png"
    figures.save(figures.draw_images(images, *TEXTS), path)
    gap = round(size / 14) or 1
    sheet = np.pad(images, ((0, 0), (0, gap), (0, gap), (0, 0)), constant_values=1)
    sheet = sheet.reshape(10, 10, size + gap, size + gap, 3).swapaxes(1, 2)
    sheet = sheet.reshape(10 * (size + gap), 10 * (size + gap), 3)[:-gap, :-gap]
    dots = -(-80 // size)  # of a pixel: an image is at least 0.4 inches wide, at 200 dots per inch
    expected = 255 * sheet.repeat(dots, axis=0).repeat(dots, axis=1)
    height, width = expected.shape[:2]
    with Image.open(path) as opened:
        found = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(found[-24 - height : -24, 24 : 24 + width], expected)


def test_large_images_are_reduced_to_the_mean_of_their_pixels_not_to_some_of_them(tmp_path: Path):
    # Every second column is black: whoever takes some of the pixels finds black or white ones.
    images = np.zeros((100, 218, 178, 3), np.float32)
    images[:, :, ::2] = 1
    path = tmp_path / "images.png"
    figures.save(figures.draw_images(images, *TEXTS), path)
    with Image.open(path) as opened:
        found = np.asarray(opened.convert("L"))
    inside = found[-24 - 60 : -24 - 30, 24 + 20 : 24 + 60]
    assert np.all(np.abs(inside - 127.5) < 60)


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("size", [(4, 4), (28, 28), (30, 20)])
def test_the_images_of_a_manifold_have_their_centers_at_their_z_and_paper_between(rows, size):
    images = flat_images(rows * 6, *size)
    z_x, z_y = np.linspace(-2, 3, 6), np.linspace(10, 14, rows)
    names = ["x", "y"][: 1 + (rows > 1)]
    figure = figures.draw_manifold([(images, z_x, z_y, "heading")] * 2, names, *TEXTS)
    figure.set_dpi(200)
    page = render(figure)
    for axes in figure.axes:

        def look(x: float, y: float, axes=axes) -> np.ndarray:
            left, above = axes.transData.transform((x, y))
            return page[page.shape[0] - 1 - int(above), int(left)]

        for index, image in enumerate(images):
            row, column = divmod(index, 6)
            x, y = z_x[column], z_y[rows - 1 - row]
            np.testing.assert_allclose(look(x, y), 255 * image[0, 0], atol=1)
            if column < 5:
                np.testing.assert_array_equal(look(x + 0.5, y), 255)
            if row < rows - 1:
                np.testing.assert_array_equal(look(x, y - 0.5), 255)
