"""Texts of every figure: all lie on the paper, and none covers another."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

import figures
from catalog.metrics import METRICS
from tests.figures.texts import find_texts, overlap

CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
DIGITS = tuple("0123456789")
METHODS = (
    "SVM on z",
    "SVM on z + neighborhood",
    "SVM on z + neighborhood + shifts",
    "nearest neighbors on z",
    "SVM on pixels",
)
SHORT = "digits · run demo · epoch 1"
LONG_NAME = "fashion_mnist_vae_hd500_ld10_e50_nv5000_bin-dynamic_nh3_act-leaky_relu_beta0.25_"
LONG = f"fashion_mnist · run {LONG_NAME} · epoch 50"
SHAPES = [(8, 8, 1), (28, 28, 1), (32, 20, 3)]
AUC = {"area": 0.9876, "standard_error": 0.0012}
COUNTS = [1, 7, 50, 137]
LOSSES = ("loss", "reconstruction", "kl")
assert len(LONG_NAME) == 80


def make_images(count: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape)).astype(np.float32)


def draw_images(count: int, shape: tuple[int, int, int], subtitle: str) -> Figure:
    title = "Samples from the prior, decoded"
    return figures.draw_images(make_images(count, shape), title, f"{subtitle} · seed 0")


def draw_named_images(count: int, shape: tuple[int, int, int], names, subtitle: str) -> Figure:
    title, every = "Samples from the prior, decoded", [names[i % 10] for i in range(count)]
    subtitle += " · seed 0 · named by the classifier"
    return figures.draw_named_images(make_images(count, shape), every, title, subtitle)


def draw_reconstructions(count: int, shape: tuple[int, int, int], names, subtitle: str) -> Figure:
    images = make_images(count, shape)
    title = "Test images and their reconstructions"
    return figures.draw_reconstructions(images, images, names[:count], title, subtitle)


def draw_latent_map(count: int, names, axis_names, subtitle: str, spread: float = 1.0) -> Figure:
    generator = np.random.default_rng(count)
    labels = generator.integers(0, 10, count)
    centers = generator.normal(size=(10, 2)) * spread
    points = centers[labels] + generator.normal(size=(count, 2))
    title = f"Posterior means of {count:,} training images"
    if axis_names is None:
        subtitle += " · 10 dimensions mapped to the plane by t-SNE"
    return figures.draw_latent_map(points, labels, names, axis_names, title, subtitle)


def draw_latent_histograms(count: int, names, subtitle: str) -> Figure:
    generator = np.random.default_rng(count)
    labels = generator.integers(0, 10, count)
    z = labels + generator.normal(size=count)
    title = f"Posterior means of {count:,} training images"
    return figures.draw_latent_histograms(z, labels, names, "mean of $z_1$", title, subtitle)


def draw_manifold(latent_dim: int, shape: tuple[int, int, int], subtitle: str) -> Figure:
    steps, rows = 20, 1 if latent_dim == 1 else 20
    images = make_images(1, shape).repeat(rows * steps, axis=0)
    wide = np.linspace(-2, 2, steps), np.linspace(-2, 2, rows) if rows > 1 else np.zeros(1)
    narrow = wide[0] * 1e-3 - 0.123, wide[1] * 1e-3 + 123
    panels = [
        (images, *wide, "prior: 0 ± 2"),
        (images, *narrow, "test images: mean ± 2 std of their posterior means"),
    ]
    title = "Images decoded over the latent plane"
    if latent_dim > 2:
        title += " of $z_{8}$ and $z_{10}$, the two with the most KL; the others 0"
    axis_names = ["$z_{8}$", "$z_{10}$"][: min(latent_dim, 2)]
    return figures.draw_manifold(panels, axis_names, title, subtitle)


def draw_kl_per_dimension(latent_dim: int, num_active: int, subtitle: str) -> Figure:
    kl = np.random.default_rng(0).exponential(2.5, latent_dim)
    active = np.arange(latent_dim) < num_active
    title = f"KL by dimension, {kl.sum():.2f} nats in all"
    return figures.draw_kl_per_dimension(kl, active, title, subtitle)


def draw_curves(
    num_epochs: int,
    scale: float,
    subtitle: str,
    gap: float = 0.0,
    losses: Sequence[str] = LOSSES,
    objective: float = 0.0,
) -> Figure:
    names = [prefix + name for prefix in ("", "val_") for name in losses]
    history = [
        {"epoch": epoch}
        | {name: scale * (1 + 1 / epoch) + gap * name.startswith("val_") for name in names}
        for epoch in range(1, num_epochs + 1)
    ]
    if objective:
        history = [{**row, "objective": objective * row["loss"]} for row in history]
    subtitle += f" · dotted: best validation loss {2 * scale:.2f}, epoch {num_epochs}"
    return figures.draw_curves(history, num_epochs, "Losses over epochs", subtitle)


def draw_accuracy(num_labels: int, reach: float, subtitle: str) -> Figure:
    generator = np.random.default_rng(num_labels)
    numbers = [100, 600, 1000, 3000, 10_000][:num_labels]
    lines = {
        name: [(number, 0.8 + reach * generator.normal(), 0.01) for number in numbers]
        for name in METHODS
    }
    title = "Accuracy on 10,000 test images with few labels"
    subtitle += " · mean and standard deviation over 5 balanced subsets of the images trained on"
    return figures.draw_accuracy(lines, title, f"{subtitle} · z: a sample of the posterior")


def draw_confusions(full: bool, names, subtitle: str) -> Figure:
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.full(10, 0.3), 10) if full else np.eye(10)
    title = "SVM on z with 3,000 labels: 85.8 % of test images right"
    subtitle += " · % of each class, over 5 balanced subsets of the images trained on"
    return figures.draw_confusions(shares, names, title, subtitle)


def draw_information(num_dims: int, subtitle: str) -> Figure:
    shares = np.random.default_rng(0).random((5, num_dims))
    gaps = {"shape": 0.0, "size": 0.5, "angle": 1.0, "x": 0.123, "y": 0.99}
    title = "Information about each factor by dimension, MIG 0.123"
    subtitle += " · I(z; factor) / H(factor), % · the 12 most informative of 100 dimensions"
    return figures.draw_information(shares, gaps, range(89, 89 + num_dims), title, subtitle)


def draw_loss_distributions(centers: list[float], spread: float, subtitle: str) -> Figure:
    generator = np.random.default_rng(0)
    titles = ("fashion_mnist, test images", "samples from the prior", "uniform noise")
    rows = [
        (name, center + spread * generator.normal(size=1000), AUC if place else None)
        for place, (name, center) in enumerate(zip(titles, centers, strict=True))
    ]
    subtitle += " · box: median and quartiles, whiskers: 1 % and 99 % of the images"
    return figures.draw_loss_distributions(rows, "Which images the model finds unlikely", subtitle)


def cases() -> Iterator[tuple[str, Callable[[], Figure]]]:
    for subtitle in (SHORT, LONG):
        length = "short" if subtitle == SHORT else "long"
        names = DIGITS if subtitle == SHORT else CLOTHES
        for count, shape in itertools.product(COUNTS, SHAPES):
            about = f"{count} of {shape[1]}x{shape[0]}, {length}"
            yield f"images {about}", functools.partial(draw_images, count, shape, subtitle)
            yield (
                f"named images {about}",
                functools.partial(draw_named_images, count, shape, names, subtitle),
            )
            yield (
                f"reconstructions {about}",
                functools.partial(draw_reconstructions, count, shape, names, subtitle),
            )
        for count in (*COUNTS, 2000):
            for axis_names in (None, ("mean of $z_1$", "mean of $z_2$")):
                kind = "plane" if axis_names else "t-SNE"
                yield (
                    f"{kind} {count}, {length}",
                    functools.partial(draw_latent_map, count, names, axis_names, subtitle),
                )
            yield (
                f"histograms {count}, {length}",
                functools.partial(draw_latent_histograms, count, names, subtitle),
            )
        for latent_dim, shape in itertools.product((1, 2, 100), SHAPES):
            yield (
                f"manifold {latent_dim} of {shape[1]}x{shape[0]}, {length}",
                functools.partial(draw_manifold, latent_dim, shape, subtitle),
            )
        for latent_dim in (1, 2, 10, 30, 100):
            for num_active in {0, latent_dim // 2, latent_dim}:
                yield (
                    f"kl {latent_dim} with {num_active} active, {length}",
                    functools.partial(draw_kl_per_dimension, latent_dim, num_active, subtitle),
                )
        for num_labels, reach in itertools.product((1, 2, 5), (0, 1e-4, 0.1)):
            yield (
                f"accuracy at {num_labels} within {reach}, {length}",
                functools.partial(draw_accuracy, num_labels, reach, subtitle),
            )
        for num_dims in (1, 2, 12):
            yield (
                f"information {num_dims}, {length}",
                functools.partial(draw_information, num_dims, subtitle),
            )
        for full in (True, False):
            yield (
                f"confusions {full}, {length}",
                functools.partial(draw_confusions, full, names, subtitle),
            )
        for centers, spread in (
            ([100.0, 110.0, 120.0], 5.0),
            ([100.0, 110.0, 3265.0], 5.0),
            ([0.02, 5.0, 4e9], 0.001),
            ([-1200.0, -1300.0, 1e6], 50.0),
            ([-12.0, -20.0, -4e5], 1.0),
            ([-12.0, 0.0, 30.0], 5.0),
            ([7.0, 7.0, 7.0], 0.0),
        ):
            yield (
                f"distributions around {centers}, {length}",
                functools.partial(draw_loss_distributions, centers, spread, subtitle),
            )
        for num_epochs, scale in itertools.product((1, 50), (1e-5, 100.0, 1e9)):
            yield (
                f"curves {num_epochs} around {scale:g}, {length}",
                functools.partial(draw_curves, num_epochs, scale, subtitle),
            )
            yield (
                f"curves without KL {num_epochs} around {scale:g}, {length}",
                functools.partial(draw_curves, num_epochs, scale, subtitle, losses=LOSSES[:2]),
            )
            yield (
                f"curves of a classifier {num_epochs} around {scale:g}, {length}",
                functools.partial(
                    draw_curves,
                    *(num_epochs, scale, subtitle),
                    losses=(*LOSSES, "classification", "accuracy"),
                    objective=1.5,
                ),
            )
            yield (
                f"curves with an objective {num_epochs} around {scale:g}, {length}",
                functools.partial(draw_curves, num_epochs, scale, subtitle, objective=1.5),
            )


CASES = dict(cases())


@functools.cache
def drawn_texts(name: str) -> tuple[tuple[int, int], list[tuple[str, Bbox]]]:
    """Draws a case; returns its width and height, and every text on it with its box, in pixels."""
    return find_texts(CASES[name]())


@pytest.mark.parametrize("name", CASES)
def test_every_text_lies_on_the_paper(name):
    (width, height), texts = drawn_texts(name)
    assert len(texts) >= 2  # at least the title and the subtitle
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


@pytest.mark.parametrize("spread", [0, 0.3, 1, 3, 10, 1e6])
@pytest.mark.parametrize("axis_names", [None, ("mean of $z_1$", "mean of $z_2$")])
def test_the_names_on_a_latent_map_stay_apart_wherever_the_classes_lie(axis_names, spread):
    for count in (100, 200, 300):
        figure = draw_latent_map(count, CLOTHES, axis_names, SHORT, spread)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
        assert sorted(boxes) == sorted(CLOTHES)
        for one, other in itertools.combinations(boxes, 2):
            assert not overlap(boxes[one], boxes[other]), f"{one} and {other}, {count} images"


def test_the_names_stay_apart_where_all_classes_lie_in_one_corner():
    # One far image stretches the map; everything else has the same place in a corner of it.
    for corner in itertools.product((0.0, 1.0), repeat=2):
        points = np.tile(corner, (500, 1))
        points[:10] = 1 - np.array(corner)
        labels = np.arange(500) % 10
        figure = figures.draw_latent_map(points, labels, CLOTHES, None, "Title", SHORT)
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in figure.axes[0].texts]
        for (one, box), (other, other_box) in itertools.combinations(boxes, 2):
            assert not overlap(box, other_box), f"{one} and {other}"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", [0, -1e30, 3e38])
def test_a_map_of_images_that_all_have_one_place_can_be_drawn(place):
    # A collapsed posterior: every image is encoded alike.
    points, labels = np.full((50, 2), place, np.float32), np.arange(50) % 10
    figure = figures.draw_latent_map(points, labels, DIGITS, ("x", "y"), "Title", SHORT)
    figure.draw_without_rendering()
    assert len(figure.axes[0].texts) == 10


def test_classes_without_an_image_have_no_name_on_the_map_and_no_row_in_the_histograms():
    labels = np.repeat([3, 7], 25)
    points = np.random.default_rng(0).normal(size=(50, 2))
    drawn = [
        figures.draw_latent_map(points, labels, CLOTHES, None, "Title", SHORT),
        figures.draw_latent_histograms(points[:, 0], labels, CLOTHES, "z", "Title", SHORT),
    ]
    for figure in drawn:
        names = {text.get_text() for text in figure.axes[0].texts}
        assert names == {CLOTHES[3], CLOTHES[7]}


def test_the_curves_of_a_diverged_run_can_be_drawn():
    row = {"epoch": 1.0} | dict.fromkeys(("loss", "reconstruction", "kl"), 100.0)
    row |= dict.fromkeys(("val_loss", "val_reconstruction", "val_kl"), 101.0)
    nans = dict.fromkeys(row, np.nan) | {"epoch": 2.0}
    for history in ([row, nans], [nans]):
        figure = figures.draw_curves(history, None, "Losses over epochs", SHORT)
        figure.draw_without_rendering()
        assert len(figure.axes) == 3


@pytest.mark.parametrize(
    ("objective", "panels"),
    [(0.0, 3), (1.0, 3), (1.5, 4)],
    ids=["not there", "the loss", "another"],
)
def test_the_objective_is_drawn_where_it_is_not_the_loss_and_of_training_alone(objective, panels):
    figure = draw_curves(5, 100.0, SHORT, objective=objective)
    headings = [axes.get_title(loc="left") for axes in figure.axes]
    assert headings == ["loss", "reconstruction", "KL", "objective"][:panels]
    assert [axes.get_ylabel() for axes in figure.axes] == ["nats per image", *[""] * (panels - 1)]
    if panels == 4:
        (line,) = figure.axes[3].get_lines()[:-1]  # the last marks the best epoch
        drawn = np.asarray(line.get_ydata(), float)
        np.testing.assert_allclose(drawn, 150 * (1 + 1 / np.arange(1, 6)))


def test_an_autoencoders_reconstruction_is_its_loss_and_drawn_once():
    history = [{"epoch": 1.0, "loss": 3.0, "val_loss": 4.0}]
    history[0] |= {"reconstruction": 3.0, "val_reconstruction": 4.0}
    figure = figures.draw_curves(history, None, "Losses over epochs", SHORT)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss"]


def test_a_diverged_run_has_no_objective_of_its_own():
    nan = dict.fromkeys([*LOSSES, *(f"val_{name}" for name in LOSSES), "objective"], np.nan)
    figure = figures.draw_curves([{"epoch": 1.0, **nan}], None, "Losses over epochs", SHORT)
    assert len(figure.axes) == 3


def test_every_metric_of_training_is_drawn_in_the_catalogs_order_with_its_unit():
    trained = {name: metric for name, metric in METRICS.items() if metric.is_trained}
    names = [*reversed(trained), *(f"val_{name}" for name in trained if name != "objective")]
    history = [{"epoch": epoch} | {n: k / epoch for k, n in enumerate(names)} for epoch in (1, 2)]
    figure = figures.draw_curves(history, None, "Title", SHORT)
    headings = [axes.get_title(loc="left") for axes in figure.axes]
    assert headings == [metric.heading for metric in trained.values()]
    units = {axes.get_title(loc="left"): axes.get_ylabel() for axes in figure.axes}
    assert units["accuracy"] == METRICS["accuracy"].unit


def test_an_undeclared_metric_is_an_error():
    history = [{"epoch": 1.0, "loss": 1.0, "val_loss": 1.0, "surprise": 2.0}]
    images = make_images(3, (8, 8, 1))
    for draw in (
        lambda: figures.draw_curves(history, None, "Title", SHORT),
        lambda: figures.draw_compared_curves([history, history], ["a", "b"], "Title", SHORT),
        lambda: figures.draw_snapshot(images, images, images, history[0], "Title", SHORT),
    ):
        with pytest.raises(ValueError, match=r"undeclared metrics: surprise.*catalog/metrics.py"):
            draw()


def test_every_method_has_a_line_and_too_many_methods_are_refused():
    points = [(100, 0.7, 0.02), (1000, 0.8, 0.01)]
    names = [f"method {number}" for number in range(6)]
    figure = figures.draw_accuracy(dict.fromkeys(names[:5], points), "title", "subtitle")
    (axes,) = figure.axes
    assert len(axes.containers) == 5
    assert {text.get_text() for text in axes.texts} == set(names[:5])
    with pytest.raises(ValueError, match="zip"):
        figures.draw_accuracy(dict.fromkeys(names, points), "title", "subtitle")
