"""The style: bytes of the files, colors, and positions of texts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import figures
from figures import style
from tests.figures.colors import VISION, difference, see

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
        "information": figures.draw_information(
            generator.random((3, 10)), {"x": 0.5, "angle": 0.25, "size": 0}, range(1, 11), *texts
        ),
        "interpolations": figures.draw_interpolations(
            images[:2].reshape(1, 2, 8, 8, 1), images[:6].reshape(1, 6, 8, 8, 1), both, *texts
        ),
        "kl": figures.draw_kl_per_dimension(points[:9, 0] ** 2, points[:9, 1] > 0, *texts),
        "histograms": figures.draw_latent_histograms(points[:, 0], labels, NAMES, "z", *texts),
        "map": figures.draw_latent_map(points, labels, NAMES, ("$z_1$", "$z_2$"), *texts),
        "classes": figures.draw_latent_classes(points, labels, NAMES, None, *texts),
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

# The pages of the browser's dark theme are about this dark.
PAPERS = ("#ffffff", "#1a1a1a")
# The colors before these: Petroff (2021).
PETROFF = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"]
PETROFF += ["#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]


def smallest_difference(
    colors: Sequence[str], vision: str, opacity: float = 1.0, paper: str = "#ffffff"
) -> float:
    """Returns the smallest CIEDE2000 difference between two of the colors as they are seen."""
    seen = see(colors, vision, opacity, paper)
    return min(difference(one, other) for one, other in itertools.combinations(seen, 2))


def test_the_difference_is_that_of_the_standard():
    # From the table of Sharma, Wu and Dalal (2005); the fourth and fifth pair test the hue's turn.
    for one, other, expected in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ):
        assert difference(one, other) == pytest.approx(expected, abs=1e-4)
    assert smallest_difference(["#000000", "#ffffff"], "normal") == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("vision", VISION)
def test_ten_classes_stay_apart_and_visible_at_the_opacity_of_a_map(vision, paper):
    assert len(style.CLASS_COLORS) == 10
    smallest = smallest_difference(style.CLASS_COLORS, vision, style.CLASS_OPACITY, paper)
    assert smallest > (24 if vision == "normal" else 12.5)
    assert smallest > smallest_difference(PETROFF, vision, style.CLASS_OPACITY, paper) * 1.1
    (background,) = see([paper], vision)
    for seen in see(style.CLASS_COLORS, vision, style.CLASS_OPACITY, paper):
        assert difference(seen, background) > 15


def test_the_documented_differences_are_those_of_the_colors():
    page = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"
    rows = dict(re.findall(r"^\| ([\w-]+ vision[^|]*?) \| (.*) \|$", page.read_text(), re.M))
    for vision, row in zip(VISION, rows.values(), strict=True):
        measured = [
            smallest_difference(colors, vision, style.CLASS_OPACITY, paper)
            for paper in PAPERS
            for colors in (PETROFF, style.CLASS_COLORS)
        ]
        assert row == " | ".join(f"{value:.1f}" for value in measured)


# Side by side, a difference of 1 can just be seen. Lines are apart from each other: ten times that.
@pytest.mark.parametrize("vision", VISION)
def test_the_colors_of_lines_stay_apart_with_any_color_vision(vision):
    assert smallest_difference([style.TRAINING_COLOR, style.VALIDATION_COLOR], vision) > 10
    assert smallest_difference([look["color"] for look in style.LINE_LOOKS], vision) > 10


@pytest.mark.parametrize("count", [1, 2, 10, 11, 62, 300])
def test_many_classes_have_colors_of_their_own_and_neighbors_stay_apart(count):
    colors = style.class_colors(count)
    assert len(set(colors)) == count
    assert tuple(colors[:10]) == style.CLASS_COLORS[:count]
    for pair in itertools.pairwise(colors):
        assert smallest_difference(pair, "normal") > 10


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
