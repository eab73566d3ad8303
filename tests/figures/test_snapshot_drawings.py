"""Snapshots of a training: their texts, their layout, and their animations."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

import figures
from tests.figures.texts import find_texts, overlap

LONG = "run fashion_mnist_vae_hd500_ld10_e50_nv5000_bin-dynamic_nh3_act-leaky_relu_beta0.25_x"
LOSSES = {"objective": 1.0, "loss": 12345.678, "reconstruction": 12340.1, "kl": 5.5}
CLASSIFIER = {**LOSSES, "classification": 1234.5, "accuracy": 0.98765, "objective": 12345.6}


def draw(shape=(8, 8, 1), count=10, losses=LOSSES, subtitle=LONG) -> Figure:
    random = np.random.default_rng(0).random((50, *shape)).astype(np.float32)
    title = "After 1,234,567 steps, 1234.56 epochs"
    return figures.draw_snapshot(
        random[:count], 1 - random[:count], random, losses, title, subtitle
    )


@pytest.mark.parametrize("losses", [{}, LOSSES, CLASSIFIER])
@pytest.mark.parametrize("subtitle", ["run demo", LONG])
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (20, 32, 3), (32, 20, 3)])
@pytest.mark.parametrize("count", [1, 10])
def test_texts_lie_on_the_paper_and_cover_nothing(shape, count, losses, subtitle):
    (width, height), texts = find_texts(draw(shape, count, losses, subtitle))
    assert len(texts) >= 4
    for text, box in texts:
        assert box.x0 >= 0, text
        assert box.x1 <= width, text
        assert box.y0 >= 0, text
        assert box.y1 <= height, text
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        assert not overlap(box, other_box), f"{one!r} and {other!r}"


def test_the_size_does_not_depend_on_the_losses():
    sizes = {tuple(draw(losses=losses).get_size_inches()) for losses in ({}, LOSSES, CLASSIFIER)}
    assert len(sizes) == 1


def test_the_losses_are_written_by_name_in_the_catalogs_order():
    texts = [text for text, _ in find_texts(draw(losses=CLASSIFIER))[1]]
    assert (
        "epoch so far: loss 12345.68, reconstruction 12340.10, KL 5.50,\n"
        "classification 1234.50, accuracy 0.9877, objective 12345.60"
    ) in texts
    assert not any("epoch so far" in text for text, _ in find_texts(draw(losses={}))[1])


def test_reconstructions_stand_below_their_images_and_samples_below_all():
    figure = draw()
    above, below = figure.axes
    sheet = np.asarray(above.get_images()[0].get_array())
    random = np.random.default_rng(0).random((50, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(sheet[:8, :8, 0], random[0, :, :, 0], atol=1e-6)
    np.testing.assert_allclose(sheet[9:, :8, 0], 1 - random[0, :, :, 0], atol=1e-6)
    samples = np.asarray(below.get_images()[0].get_array())
    np.testing.assert_allclose(samples[9:17, :8, 0], random[10, :, :, 0], atol=1e-6)
    assert above.get_position().y0 > below.get_position().y1


def write_pictures(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{index}.png" for index in range(count)]
    for index, path in enumerate(paths):
        Image.new("L", (4, 4), index).save(path)
    return paths


@pytest.mark.parametrize("count", [1, 2, 150, 250])
def test_an_animation_ends_with_the_last_picture_and_has_at_most_200(tmp_path, count):
    figures.save_animation(write_pictures(tmp_path, count), tmp_path / "all.gif")
    grays, milliseconds = [], 0
    with Image.open(tmp_path / "all.gif") as animation:
        for frame in ImageSequence.Iterator(animation):
            grays.append(int(np.asarray(frame.convert("L"))[0, 0]))
            milliseconds += frame.info["duration"]
    assert len(grays) == min(count, 200)
    assert 2000 <= milliseconds <= 13_000
    assert grays == sorted(grays)
    assert grays[0] <= 1
    assert abs(grays[-1] - (count - 1)) <= 1
