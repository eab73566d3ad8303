"""The style: bytes of the files, colors, and positions of texts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import figures
from figures import style

NAMES = tuple("0123456789")


def draw_all(seed: int = 0) -> dict[str, Figure]:
    """Draws one figure of each kind from random numbers."""
    generator = np.random.default_rng(seed)
    images = generator.random((20, 8, 8, 1)).astype(np.float32)
    points, labels = generator.normal(size=(60, 2)), np.arange(60) % 10
    names = [prefix + name for prefix in ("", "val_") for name in ("loss", "reconstruction", "kl")]
    history = [
        {"epoch": epoch, **{name: generator.random() for name in names}} for epoch in (1, 2, 3)
    ]
    lines = {"SVM": [(100, 0.7, 0.02), (1000, 0.8, 0.01)], "k": [(100, 0.6, 0.03)]}
    axis, texts = np.linspace(-2, 2, 5), ("Title", "subtitle")
    both, values = ["one", "other"], [(value, 0.1) for value in generator.random(2)]
    measures = ({"nats": values}, [points[:2, 0] ** 2, points[:5, 0] ** 2], [(2, 2), (4, 5)])
    return {
        "compared curves": figures.draw_compared_curves([history, history], both, *texts),
        "compared measures": figures.draw_compared_measures(*measures, both, *texts),
        "compared reconstructions": figures.draw_compared_reconstructions(
            images, [images, 1 - images], both, *texts
        ),
        "compared samples": figures.draw_compared_samples([images, images], both, *texts),
        "accuracy": figures.draw_accuracy(lines, *texts),
        "confusions": figures.draw_confusions(generator.random((10, 10)), NAMES, *texts),
        "distributions": figures.draw_loss_distributions(
            [
                ("one", points[:, 0] + 5, None),
                ("other", points[:, 1] + 9, {"area": 1, "standard_error": 0}),
            ],
            *texts,
        ),
        "curves": figures.draw_curves(history, 2, *texts),
        "images": figures.draw_images(images, *texts),
        "interpolations": figures.draw_interpolations(
            images[:2].reshape(1, 2, 8, 8, 1), images[:6].reshape(1, 6, 8, 8, 1), both, *texts
        ),
        "kl": figures.draw_kl_per_dimension(points[:9, 0] ** 2, points[:9, 1] > 0, *texts),
        "histograms": figures.draw_latent_histograms(points[:, 0], labels, NAMES, "z", *texts),
        "map": figures.draw_latent_map(points, labels, NAMES, ("$z_1$", "$z_2$"), *texts),
        "manifold": figures.draw_manifold([(images, axis, axis[:4], "0 ± 2")], "xy", *texts),
        "named images": figures.draw_named_images(images, ["one"] * 20, *texts),
        "reconstructions": figures.draw_reconstructions(images, images, NAMES, *texts),
        "traversals": figures.draw_traversals(
            images[:10].reshape(2, 5, 8, 8, 1),
            [("$z_1$", 2.0), ("$z_2$", 1.0)],
            "KL",
            (axis, "values"),
            (images[0], images[1], "image 1"),
            *texts,
        ),
        "snapshot": figures.draw_snapshot(images[:9], images[:9], images, history[0], *texts),
    }


def test_every_drawing_function_is_among_those_tested():
    assert len(draw_all()) == sum(name.startswith("draw_") for name in figures.__all__)


def save_all(folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for name, figure in draw_all().items():
        figures.save(figure, folder / f"{name}.png")
        figures.save(figure, folder / f"{name}.pdf")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of every figure, as PNG and PDF."""
    return save_all(tmp_path_factory.mktemp("figures") / "first")


def test_the_same_arrays_give_the_same_files_on_any_day_and_in_any_style(
    saved, tmp_path, monkeypatch
):
    # A source of dates, and settings that a user may have in a matplotlibrc.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    with matplotlib.rc_context({"font.size": 30, "savefig.dpi": 40, "axes.linewidth": 9}):
        again = save_all(tmp_path / "second")
    assert len(saved) == 2 * len(draw_all())
    assert [name for name in saved if saved[name] != again[name]] == []


def test_other_arrays_give_other_files(saved, tmp_path):
    figures.save(draw_all(seed=1)["kl"], tmp_path / "kl.png")
    assert (tmp_path / "kl.png").read_bytes() != saved["kl.png"]


def test_files_contain_neither_date_nor_version(saved):
    for name, content in saved.items():
        assert content.startswith(b"%PDF" if name.endswith(".pdf") else b"\x89PNG")
        for word in (b"CreationDate", b"Software", b"matplotlib", b"Matplotlib", b"tIME"):
            assert word not in content, f"{word!r} in {name}"


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(KeyError, match="svg"):
        figures.save(draw_all()["kl"], tmp_path / "kl.svg")


def test_drawing_and_saving_leave_the_settings_of_matplotlib_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    drawn = draw_all()
    assert dict(matplotlib.rcParams) == before
    figures.save(drawn["kl"], tmp_path / "kl.png")
    assert dict(matplotlib.rcParams) == before


# ------------------------------------------------------------------------- colors

# Machado, Oliveira and Fernandes (2009), severity 1.0: linear RGB as a dichromat sees it.
VISION: dict[str, Any] = {
    "trichromat": np.eye(3),
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}

# Linear sRGB to CIE XYZ, white D65 (IEC 61966-2-1).
TO_XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)

# One just noticeable difference is 2.3 (Mahy et al., 1994) for patches side by side. Dots of
# a few pixels apart from each other need several: five. Matplotlib's own ten colors fall to
# 4.6 for protanopes, which is why they are not used.
ENOUGH = 5 * 2.3


def smallest_distance(colors: Sequence[str], vision: str) -> float:
    """Returns the smallest CIE 1976 distance between two of the colors as they are seen."""
    encoded = np.array([to_rgb(color) for color in colors])  # (num_colors, 3)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISION[vision]), 0, 1)
    ratio = seen @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    bent = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = bent.T
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2))


def test_the_distance_is_that_of_the_cie():
    # Black to white is 100 by definition; red to green is 170.6 (Sharma, 2003).
    assert smallest_distance(["#000000", "#ffffff"], "trichromat") == pytest.approx(100, abs=0.1)
    assert smallest_distance(["#ff0000", "#00ff00"], "trichromat") == pytest.approx(170.6, abs=0.2)


@pytest.mark.parametrize("vision", VISION)
def test_ten_classes_and_two_curves_stay_apart_with_any_color_vision(vision):
    assert len(style.CLASS_COLORS) == 10
    assert smallest_distance(style.CLASS_COLORS, vision) > ENOUGH
    assert smallest_distance([style.TRAINING_COLOR, style.VALIDATION_COLOR], vision) > ENOUGH
    assert smallest_distance([look["color"] for look in style.LINE_LOOKS], vision) > ENOUGH


@pytest.mark.parametrize("count", [1, 2, 10, 11, 62, 300])
def test_many_classes_have_colors_of_their_own_and_neighbors_stay_apart(count):
    colors = style.class_colors(count)
    assert len(set(colors)) == count
    assert tuple(colors[:10]) == style.CLASS_COLORS[:count]
    for pair in itertools.pairwise(colors):
        assert smallest_distance(pair, "trichromat") > ENOUGH


def test_texts_are_kept_apart_in_their_order():
    assert style.keep_apart([1.0, 5.0], 2.0) == [1.0, 5.0]
    places = style.keep_apart([3.0, 1.0, 1.0, 9.0], 1.0)
    assert np.all(np.diff(np.array(places)[[1, 2, 0, 3]]) >= 1 - 1e-6)
    assert style.keep_apart([2.0], 1.0) == [2.0]


def test_names_are_plain_text_on_one_line():
    assert style.write_name("Ankle boot") == "Ankle boot"
    assert style.write_name("a\n cost of $x$") == r"a cost of \$x\$"
    assert style.write_name("x" * 30, 16) == f"{'x' * 10}…{'x' * 5}"
    assert style.write_name("photographs of class 117", 12) == "photogra…117"
    assert style.write_name("中文 7 🦊🎉 été") == "□ 7 □ été"  # what the font lacks


def test_lines_are_distinct_without_color():
    for name in ("marker", "linestyle"):
        assert len({look[name] for look in style.LINE_LOOKS}) == len(style.LINE_LOOKS)


def test_the_distance_detects_similar_colors():
    tab10 = matplotlib.color_sequences["tab10"]
    assert smallest_distance(tab10, "trichromat") > ENOUGH
    assert smallest_distance(tab10, "protanope") < ENOUGH
