"""Comparisons of runs: their texts, and each run's own curve, row and color."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

import figures
from tests.figures.texts import find_texts, overlap

SUBTITLE = "digits · 6 runs · best epoch · 360 test images, ± standard error"
LATENT_DIMS = (2, 4, 8, 10, 20, 100)
SHORT = [f"latent_dim {latent_dim}" for latent_dim in LATENT_DIMS]
LONG = [
    f"fashion_mnist_vae_hd500_ld{latent_dim}_e50_nv5000_bin-dynamic_nh3_act-leaky_relu_beta0.25"
    for latent_dim in LATENT_DIMS
]
WORDY = [f"a run with a name of several words, {count}" for count in range(6)]
LABELS = {"short": SHORT, "two": SHORT[-2:], "long": LONG, "words": WORDY}


def make_history(num_epochs: int, end: float, with_kl: bool = True) -> list[dict[str, float]]:
    names = ["loss", "reconstruction", *["kl"] * with_kl]
    return [
        {"epoch": epoch, **{p + n: end * (1 + 9 / epoch) for n in names for p in ("", "val_")}}
        for epoch in range(1, num_epochs + 1)
    ]


def draw_curves(labels, num_epochs: int, scale: float) -> Figure:
    histories = [make_history(num_epochs, scale * (1 + place)) for place in range(len(labels))]
    return figures.draw_compared_curves(histories, labels, "Losses over epochs", SUBTITLE)


def draw_measures(labels, scale: float, spread: float, with_kl: bool = True) -> Figure:
    values = [(scale * (1 + spread * place), 0.1) for place in range(len(labels))]
    headings = ("−ELBO, nats", "reconstruction, nats", "KL, nats", "squared error")
    measures = {heading: [None, *values[1:]] for heading in headings}
    kl = [np.geomspace(5, 1e-4, latent_dim) if with_kl else None for latent_dim in LATENT_DIMS]
    active = [(min(latent_dim, 16), latent_dim) for latent_dim in LATENT_DIMS]
    count = len(labels)
    return figures.draw_compared_measures(
        measures, kl[-count:], active[-count:], labels, "On the test images", SUBTITLE
    )


def make_images(count: int, shape=(8, 8, 1), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *shape)).astype(np.float32)


def draw_reconstructions(labels, count: int, shape) -> Figure:
    images = make_images(count, shape)
    return figures.draw_compared_reconstructions(
        images, [images] * len(labels), labels, "Test images and their reconstructions", SUBTITLE
    )


def draw_samples(labels, count: int, shape) -> Figure:
    title = "Decoded from z ~ N(0, I), with which no autoencoder is trained"
    images = [make_images(count, shape)] * len(labels)
    return figures.draw_compared_samples(images, labels, title, SUBTITLE)


CASES = {
    f"{name}, {length}": functools.partial(draw, labels, *arguments)
    for length, labels in LABELS.items()
    for name, draw, *arguments in (
        ("curves", draw_curves, 50, 100.0),
        ("curves of one epoch", draw_curves, 1, 1e9),
        ("small curves", draw_curves, 107, 1e-5),
        ("measures", draw_measures, 100.0, 0.1),
        ("measures all alike", draw_measures, 100.0, 0.0),
        ("measures far apart", draw_measures, 1e9, 3.0),
        ("negative measures", draw_measures, -1234.0, 0.3),
        ("measures without KL", draw_measures, 10.0, 0.3, False),
        ("reconstructions", draw_reconstructions, 20, (28, 28, 1)),
        ("one reconstruction", draw_reconstructions, 1, (8, 8, 1)),
        ("wide reconstructions", draw_reconstructions, 5, (20, 32, 3)),
        ("samples", draw_samples, 50, (28, 28, 1)),
        ("one sample", draw_samples, 1, (8, 8, 1)),
    )
}


@functools.cache
def drawn_texts(name: str):
    return find_texts(CASES[name]())


@pytest.mark.parametrize("name", CASES)
def test_every_text_lies_on_the_paper(name):
    (width, height), texts = drawn_texts(name)
    assert len(texts) >= 4  # title, subtitle, a label for each run
    for text, box in texts:
        assert box.x0 >= 0, f"{text!r} begins {-box.x0:.0f} pixels left of the paper"
        assert box.x1 <= width, f"{text!r} ends {box.x1 - width:.0f} pixels right of the paper"
        assert box.y0 >= 0, f"{text!r} reaches {-box.y0:.0f} pixels below the paper"
        assert box.y1 <= height, f"{text!r} reaches {box.y1 - height:.0f} pixels above the paper"


@pytest.mark.parametrize("name", CASES)
def test_no_text_covers_another(name):
    _, texts = drawn_texts(name)
    for (one, box), (other, other_box) in itertools.combinations(texts, 2):
        assert not overlap(box, other_box), f"{one!r} and {other!r}"


@pytest.mark.parametrize("name", CASES)
def test_every_run_is_named_in_full(name):
    _, texts = drawn_texts(name)
    written = {"".join(text.split()) for text, _ in texts}
    for label in LABELS[name.rpartition(", ")[2]]:
        assert "".join(label.split()) in written


def test_each_run_has_its_curve_in_its_color_and_training_is_above_validation():
    histories = [make_history(40, end) for end in (100.0, 80.0)]
    for history in histories:
        for row in history:
            row["val_loss"] += 7
    figure = figures.draw_compared_curves(histories, ["a", "b"], "Title", SUBTITLE)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert len(panels) == 6
    for split, prefix in (("training", ""), ("validation", "val_")):
        lines = panels[f"loss, {split}"].get_lines()
        assert len(lines) == 2
        for line, history in zip(lines, histories, strict=True):
            drawn = np.asarray(line.get_ydata(), np.float64)
            np.testing.assert_allclose(drawn, [row[f"{prefix}loss"] for row in history])
    above, below = (
        panels[f"loss, {split}"].get_position().y0 for split in ("training", "validation")
    )
    assert above > below
    colors = [to_rgb(line.get_color()) for line in panels["KL, training"].get_lines()]
    legend = [line for line in figure.findobj(Line2D) if line in figure.lines + figure.artists]
    assert [to_rgb(line.get_color()) for line in legend] == colors
    assert colors[0] != colors[1]


def test_a_model_without_a_kl_has_no_curve_of_it():
    histories = [make_history(9, 100.0), make_history(9, 90.0, with_kl=False)]
    figure = figures.draw_compared_curves(histories, ["vae", "autoencoder"], "Title", SUBTITLE)
    counts = {axes.get_title(loc="left"): len(axes.get_lines()) for axes in figure.axes}
    assert (counts["loss, training"], counts["KL, training"]) == (2, 1)
    alone = figures.draw_compared_curves(histories[1:] * 2, ["a", "b"], "Title", SUBTITLE)
    assert not any("KL" in axes.get_title(loc="left") for axes in alone.axes)


def test_every_metric_of_training_and_validation_is_drawn_but_not_the_objective():
    history = [
        row | {"accuracy": 0.9, "val_accuracy": 0.8, "objective": 7.0}
        for row in make_history(3, 100.0)
    ]
    figure = figures.draw_compared_curves([history, history], ["a", "b"], "Title", SUBTITLE)
    headings = [axes.get_title(loc="left") for axes in figure.axes]
    names = ("loss", "reconstruction", "KL", "accuracy")
    splits = ("validation", "training")
    assert headings == [f"{name}, {split}" for name in names for split in splits]
    units = [axes.get_ylabel() for axes in figure.axes]
    assert units == [*["nats per image"] * 2, *[""] * 4, *["fraction of labeled images"] * 2]


def test_runs_without_kl_by_dimension_or_active_units_are_named():
    kl = [np.array([3.0, 1.0]), None]
    figure = figures.draw_compared_measures({}, kl, [(2, 2), None], ["a", "b"], "T", SUBTITLE)
    legend = [text.get_text() for text in figure.texts[2:]]
    assert legend == ["a", "b (no KL by dimension)"]
    active = figure.axes[0]
    assert [text.get_text() for text in active.texts] == ["2 of 2", "none"]
    values = {"nats": [(7.0, 0.1), (5.0, 0.2)]}
    figure = figures.draw_compared_measures(
        values, [None] * 2, [None] * 2, ["a", "b"], "T", SUBTITLE
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["nats"]
    assert "no KL by dimension" in " ".join(figure.texts[1].get_text().split())


def test_the_axes_leave_out_the_steep_beginning_and_nothing_after_it():
    history = make_history(100, 100.0)
    figure = figures.draw_compared_curves([history, history], ["a", "b"], "Title", SUBTITLE)
    for axes in figure.axes:
        low, high = axes.get_ylim()
        after = [row["loss"] for row in history[5:]]
        assert low < min(after) < max(after) < high < history[0]["loss"]


def test_a_run_that_diverged_can_be_drawn_beside_another():
    history = make_history(3, 100.0)
    broken = [dict.fromkeys(row, np.nan) | {"epoch": row["epoch"]} for row in history]
    for histories in ([history, broken], [broken, broken]):
        figure = figures.draw_compared_curves(histories, ["a", "b"], "Title", SUBTITLE)
        figure.draw_without_rendering()
        assert all(np.isfinite(axes.get_ylim()).all() for axes in figure.axes)


def test_the_kl_by_dimension_is_sorted_and_the_label_says_which_dimensions_are_cut_off():
    kl = [np.array([0.5, 3.0, 1.0]), np.concatenate([[2.0, 4.0], np.full(98, 1e-3)])]
    figure = figures.draw_compared_measures(
        {}, kl, [(3, 3), (2, 100)], ["a", "b"], "Title", SUBTITLE
    )
    (axes,) = (axes for axes in figure.axes if axes.get_title(loc="left").startswith("KL of each"))
    three, hundred = axes.get_lines()
    np.testing.assert_array_equal(three.get_ydata(), [3.0, 1.0, 0.5])
    np.testing.assert_array_equal(np.asarray(hundred.get_ydata())[:3], [4.0, 2.0, 1e-3])
    end = axes.get_xlim()[1]
    assert 3 < end < 20
    assert f"all below 0.01 from {end + 0.5:g} to 100" in axes.get_xlabel()


def test_the_label_does_not_mention_dimensions_cut_off_if_none_is():
    kl = [np.array([3.0, 1.0, 0.5]), np.array([3.0])]
    figure = figures.draw_compared_measures({}, kl, [(3, 3), (1, 1)], ["a", "b"], "T", SUBTITLE)
    (axes,) = (axes for axes in figure.axes if axes.get_title(loc="left").startswith("KL of each"))
    assert "below" not in axes.get_xlabel()
    assert axes.get_xlim() == (0.5, 3.5)


def test_each_measure_stands_in_its_runs_row():
    figure = figures.draw_compared_measures(
        {"nats": [(7.0, 0.1), None, (5.0, 0.2)]},
        [None] * 3,
        [(1, 2), (3, 4), (5, 6)],
        ["first", "second", "third"],
        "Title",
        SUBTITLE,
    )
    nats, active = figure.axes
    assert [text.get_text() for text in nats.texts] == ["7.00", "none", "5.00"]
    assert [text.get_text() for text in active.texts] == ["1 of 2", "3 of 4", "5 of 6"]
    assert [label.get_text() for label in nats.get_yticklabels()] == ["first", "second", "third"]
    assert nats.get_ylim()[0] > nats.get_ylim()[1], "the first is on top"


def test_the_rows_of_reconstructions_are_the_images_and_then_each_runs():
    images, one, other = (make_images(4, seed=seed) for seed in range(3))
    figure = figures.draw_compared_reconstructions(images, [one, other], ["a", "b"], "T", SUBTITLE)
    (axes,) = figure.axes
    sheet = np.asarray(axes.get_images()[0].get_array())
    for row, expected in enumerate((images, one, other)):
        drawn = sheet[row * 9 : row * 9 + 8, :8, 0]
        np.testing.assert_allclose(drawn, expected[0, :, :, 0], atol=1e-6)
    notes = [text for text in axes.texts if isinstance(text, Annotation)]
    places = {text.get_text(): text.xy[1] for text in notes}
    assert list(places) == ["test images", "a", "b"]
    assert places["test images"] < 9 < places["a"] < 18 < places["b"]


def test_the_sheets_of_samples_stand_in_the_order_of_the_runs():
    samples = [make_images(4, seed=seed) for seed in range(5)]
    figure = figures.draw_compared_samples(samples, list("abcde"), "T", SUBTITLE)
    corners = []
    for axes, images, name in zip(figure.axes, samples, "abcde", strict=True):
        sheet = np.asarray(axes.get_images()[0].get_array())
        np.testing.assert_allclose(sheet[:8, :8, 0], images[0, :, :, 0], atol=1e-6)
        assert [text.get_text() for text in axes.texts] == [name]
        corners.append((-axes.get_position().y0, axes.get_position().x0))
    assert corners == sorted(corners)
