"""The arguments that evaluations pass to figures: the images, their positions and their names.

The model is a fake with known results: it encodes an image as its first pixels and decodes z to an
image whose pixels are z.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import threadpoolctl  # type: ignore[import-untyped]

import figures
import models
import runs
from evaluation import curves, generate, latent, manifold, metrics, reconstruct, traverse
from evaluation.session import Session
from models.sampling import GaussianSampling
from tests.evaluation.sessions import load_digits
from tests.evaluation.sessions import make_session as make_any_session

CLASS_NAMES = tuple("0123456789")


class FakeModel:
    """Posterior means ``scale`` · the first pixels, log-variances as given."""

    is_variational = True
    uses_labels = False
    prior = models.priors.StandardNormal()

    def __init__(self, scale, z_log_var=None):
        self.scale = tf.constant(scale, tf.float32)
        self.z_log_var = tf.zeros_like(self.scale) if z_log_var is None else z_log_var
        self.sampling = GaussianSampling(0)

    def encode(self, images):
        pixels = tf.reshape(images, (tf.shape(images)[0], -1))
        z_mean = self.scale * pixels[:, : len(self.scale)]
        return z_mean, tf.zeros_like(z_mean) + self.z_log_var

    def decode(self, z):
        return tf.reshape(z, (tf.shape(z)[0], 1, -1, 1))

    def reconstruct(self, images):
        return 1 - images

    def sample_prior(self, num, seed):
        return tf.random.stateless_normal((num, len(self.scale)), (seed, 0))

    def kl_by_dimension(self, posterior):
        return self.prior.kl(posterior)

    def compute_losses(self, images):
        kl = tf.reduce_sum(self.kl_by_dimension(self.encode(images)), axis=-1)
        return {"loss": kl, "reconstruction": tf.zeros_like(kl), "kl": kl}


def random_images(count, seed):
    """Images whose first pixels all differ, with labels in no order."""
    rng = np.random.default_rng(seed)
    return rng.random((count, 4, 4, 1)).astype(np.float32), rng.integers(0, 10, count)


def make_session(folder, model, **changes):
    changes = {"test": random_images(90, 0), "train": random_images(70, 1), **changes}
    settings = {"latent_dim": len(model.scale), **changes.pop("settings", {})}
    return make_any_session(folder, model, settings=settings, checkpoint="last", **changes)


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every figure drawn, by the function's name; nothing is written."""
    calls: dict[str, list[tuple]] = {}

    def record(name):
        def draw(*args):
            calls.setdefault(name, []).append(args)

        monkeypatch.setattr(figures, name, draw)

    for name in (
        "draw_curves",
        "draw_images",
        "draw_latent_classes",
        "draw_latent_histograms",
        "draw_latent_map",
        "draw_manifold",
        "draw_reconstructions",
    ):
        record(name)
    monkeypatch.setattr(Session, "save_figure", lambda self, figure, name: [Path(name)])
    return calls


# ------------------------------------------------------------------------- manifold


def grid(panel):
    """Returns the z decoded at each position, (rows, columns, latent_dim)."""
    images, z_x, z_y, _ = panel
    return images.reshape(len(z_y), len(z_x), -1)


def test_the_manifolds_top_row_has_the_largest_y_and_its_left_column_the_smallest_x(
    drawn, tmp_path
):
    manifold.run(make_session(tmp_path, FakeModel([1.0, 2.0])))
    ((panels, axis_names, _, _),) = drawn["draw_manifold"]
    assert axis_names == ["$z_{1}$", "$z_{2}$"]
    assert len(panels) == 2
    for panel in panels:
        z, (_, z_x, z_y, _) = grid(panel), panel
        assert np.all(np.diff(z_x) > 0)
        assert np.all(np.diff(z_y) > 0)  # the axis grows upwards
        for row in range(len(z_y)):
            np.testing.assert_allclose(z[row, :, 0], z_x, rtol=1e-6)
            np.testing.assert_allclose(z[row, :, 1], z_y[-1 - row], rtol=1e-6)


def test_the_manifolds_reach_is_the_priors_and_that_of_the_test_images(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([1.0, 2.0]))
    manifold.run(session)
    ((panels, *_),) = drawn["draw_manifold"]
    pixels = session.test[0].reshape(90, 16)[:, :2] * [1, 2]
    center, spread = pixels.mean(axis=0), pixels.std(axis=0)
    for z_values, dim in ((1, 0), (2, 1)):
        ends = panels[0][z_values][[0, -1]]
        np.testing.assert_allclose(ends, [-2, 2])
        ends = panels[1][z_values][[0, -1]]
        np.testing.assert_allclose(
            ends, [center[dim] - 2 * spread[dim], center[dim] + 2 * spread[dim]], rtol=1e-5
        )


def test_the_manifold_of_many_dimensions_takes_the_two_with_the_most_kl(drawn, tmp_path):
    """They are not those whose means vary most: z_4 has a large KL because of its variance."""
    model = FakeModel([0.1, 3.0, 1.0, 0.2], tf.constant([0.0, 0.0, 0.0, -20.0]))
    manifold.run(make_session(tmp_path, model))
    ((panels, axis_names, title, _),) = drawn["draw_manifold"]
    assert axis_names == ["$z_{2}$", "$z_{4}$"]
    assert "$z_{2}$ and $z_{4}$" in title
    for panel in panels:
        z = grid(panel)
        assert np.all(z[..., [0, 2]] == 0)
        np.testing.assert_allclose(z[0, :, 1], panel[1], rtol=1e-6)
        np.testing.assert_allclose(z[:, 0, 3], panel[2][::-1], rtol=1e-6)


def test_without_kl_by_dimension_the_manifold_takes_the_means_that_vary_most(
    drawn, tmp_path, monkeypatch
):
    model = FakeModel([0.1, 3.0, 1.0, 0.2], tf.constant([0.0, 0.0, 0.0, -20.0]))
    monkeypatch.setattr(model, "kl_by_dimension", lambda posterior: None)
    session = make_session(tmp_path, model)
    manifold.run(session)
    ((panels, axis_names, title, _),) = drawn["draw_manifold"]
    assert axis_names == ["$z_{2}$", "$z_{3}$"]
    assert "which vary most; the others 0" in title
    for panel in panels:
        assert np.all(grid(panel)[..., [0, 3]] == 0)


def test_the_manifold_reaches_as_far_as_a_prior_that_is_not_standard_normal(
    drawn, tmp_path, monkeypatch
):
    model = FakeModel([1.0, 2.0])
    spread = tf.constant([0.5, 3.0])
    normal = model.sample_prior
    monkeypatch.setattr(model, "sample_prior", lambda num, seed: 4 + spread * normal(num, seed))
    manifold.run(make_session(tmp_path, model, settings={"prior": "mixture"}))
    (((prior, _), *_),) = drawn["draw_manifold"]
    assert prior[3] == "prior: mean ± 2 std"
    np.testing.assert_allclose(prior[1][[0, -1]], [3, 5], atol=0.05)
    np.testing.assert_allclose(prior[2][[0, -1]], [-2, 10], atol=0.3)


def test_the_manifold_of_one_dimension_is_a_line(drawn, tmp_path):
    manifold.run(make_session(tmp_path, FakeModel([1.0])))
    ((panels, axis_names, *_),) = drawn["draw_manifold"]
    assert axis_names == ["$z_{1}$"]
    for images, z_x, z_y, _ in panels:
        assert len(z_y) == 1
        np.testing.assert_allclose(images.ravel(), z_x, rtol=1e-6)


def test_ranges_of_the_manifold_that_agree_are_drawn_once(drawn, tmp_path):
    normal = np.linspace(-1.73, 1.73, 90, dtype="f4").repeat(16).reshape(90, 4, 4, 1)
    for scale in (1.0, 0.5):
        manifold.run(make_session(tmp_path, FakeModel([1.0, 1.0]), test=(scale * normal, None)))
    assert [len(panels) for panels, *_ in drawn["draw_manifold"]] == [1, 2]


# --------------------------------------------------------------------------- latent


def test_each_point_of_the_latent_map_has_its_own_label(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([1.0, 2.0]))
    latent.run(session)
    for (images, labels), (points, drawn_labels, names, *_) in zip(
        (session.test, session.train), drawn["draw_latent_map"], strict=True
    ):
        expected = images.reshape(len(images), 16)[:, :2] * [1, 2]
        np.testing.assert_allclose(points, expected, rtol=1e-6)
        np.testing.assert_array_equal(drawn_labels, labels)
        assert names == CLASS_NAMES


@pytest.mark.parametrize("split", ["test", "train"])
def test_the_requested_number_of_points_is_drawn_each_once_with_its_label(drawn, tmp_path, split):
    session = make_session(tmp_path, FakeModel([1.0, 1.0]), num_points=30)
    latent.draw_split(session, split)
    ((points, drawn_labels, *_),) = drawn["draw_latent_map"]
    images, labels = session.test if split == "test" else session.train
    label_of = {
        tuple(pixels): label
        for pixels, label in zip(images.reshape(len(images), 16)[:, :2], labels, strict=True)
    }
    assert len({tuple(point) for point in points}) == 30
    assert [label_of[tuple(point)] for point in points] == drawn_labels.tolist()


def test_the_points_drawn_follow_from_the_seed(drawn, tmp_path):
    for seed in (1, 1, 2):
        session = make_session(tmp_path, FakeModel([1.0, 1.0]), num_points=30, seed=seed)
        latent.draw_split(session, "test")
    once, again, other = (points for points, *_ in drawn["draw_latent_map"])
    np.testing.assert_array_equal(once, again)
    assert np.any(once != other)


def test_a_map_is_drawn_once_per_session(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([1.0, 1.0]))
    first, second = reconstruct.run(session), latent.run(session)
    assert len(drawn["draw_latent_map"]) == 2
    assert not set(first) & set(second)


def test_a_map_of_several_classes_is_drawn_by_class_too(drawn, tmp_path):
    images, labels = random_images(90, 0)
    for of_one, names in ((1, ["latent_test", "latent_test_classes"]), (0, ["latent_test"])):
        session = make_session(tmp_path, FakeModel([1.0, 2.0]), test=(images, labels * of_one))
        assert latent.draw_split(session, "test") == list(map(Path, names))
    assert (drawn["draw_latent_map"][0][0] == drawn["draw_latent_classes"][0][0]).all()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_without_labels_a_map_has_no_classes(drawn, tmp_path, latent_dim):
    images = random_images(90, 0)[0]
    session = make_session(
        tmp_path, FakeModel([1.0] * latent_dim), test=(images, None), info={"class_names": None}
    )
    latent.draw_split(session, "test")
    name = "draw_latent_map" if latent_dim == 2 else "draw_latent_histograms"
    ((points, labels, class_names, *_),) = drawn[name]
    assert len(points) == 90
    assert labels is class_names is None


def test_one_latent_dimension_is_drawn_as_histograms(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([3.0]))
    latent.draw_split(session, "test")
    ((z, labels, *_),) = drawn["draw_latent_histograms"]
    np.testing.assert_allclose(z, 3 * session.test[0][:, 0, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(labels, session.test[1])


def test_more_than_two_dimensions_are_mapped_to_the_plane(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([1.0, 1.0, 1.0]), num_points=20)
    with threadpoolctl.threadpool_limits(1):  # see test_embed.py
        latent.draw_split(session, "test")
    ((points, labels, _, axis_names, _, subtitle),) = drawn["draw_latent_map"]
    assert points.shape == (20, 2)
    assert labels.shape == (20,)
    assert axis_names is None
    assert "t-SNE" in subtitle


# ------------------------------------------------------------ reconstruct, generate


def real_digits(split):
    images, labels = load_digits(split)
    return images / np.float32(255), labels


@pytest.mark.parametrize("num_gen", [1, 7, 10, 25, 360])
def test_every_column_of_reconstructions_holds_the_class_that_its_head_names(
    drawn, tmp_path, num_gen
):
    """360: all test images there are, of some classes more than of others."""
    session = make_session(
        tmp_path, FakeModel([1.0, 1.0]), test=real_digits("test"), num_gen=num_gen
    )
    reconstruct.run(session)
    ((images, _, column_names, *_),) = drawn["draw_reconstructions"]
    label_of = {image.tobytes(): label for image, label in zip(*real_digits("test"), strict=True)}
    named = [CLASS_NAMES.index(name) for name in column_names]
    for place, image in enumerate(images):
        assert label_of[image.tobytes()] == named[place % len(named)], f"place {place}"


def test_reconstructions_stand_beside_the_images_that_they_are_of(drawn, tmp_path):
    reconstruct.run(make_session(tmp_path, FakeModel([1.0, 1.0]), num_gen=25))
    ((images, reconstructions, *_),) = drawn["draw_reconstructions"]
    assert len(images) == 20, "two complete rows of ten classes"
    np.testing.assert_allclose(reconstructions, 1 - images)


@pytest.mark.parametrize("labels", [None, np.zeros(90, np.int64)])
def test_without_classes_reconstructions_are_in_the_order_of_the_dataset(drawn, tmp_path, labels):
    images = random_images(90, 0)[0]
    names = None if labels is None else ("only",)
    session = make_session(
        tmp_path, FakeModel([1.0, 1.0]), test=(images, labels), info={"class_names": names}
    )
    reconstruct.run(session)
    ((shown, _, column_names, *_),) = drawn["draw_reconstructions"]
    np.testing.assert_array_equal(shown, images[:20])
    assert column_names is None


def test_more_than_ten_classes_are_reconstructed_each_in_its_column(drawn, tmp_path):
    labels = np.arange(90) % 30
    names = tuple(f"class {label}" for label in range(30))
    session = make_session(
        tmp_path,
        FakeModel([1.0, 1.0]),
        test=(random_images(90, 0)[0], labels),
        info={"class_names": names},
        num_gen=60,
    )
    reconstruct.run(session)
    ((shown, _, column_names, *_),) = drawn["draw_reconstructions"]
    assert (len(shown), tuple(column_names)) == (60, names)


def test_the_requested_number_of_samples_of_the_prior_is_decoded(drawn, tmp_path):
    for seed in (1, 1, 2):
        generate.run(make_session(tmp_path, FakeModel([1.0, 1.0]), num_gen=300, seed=seed))
    once, again, other = (images.reshape(-1, 2) for images, *_ in drawn["draw_images"])
    assert once.shape == (300, 2)
    np.testing.assert_array_equal(once, again)
    assert np.all(once != other)
    assert np.all(np.abs(once.mean(axis=0)) < 5 / np.sqrt(300))
    np.testing.assert_allclose(once.std(axis=0), 1, atol=0.2)


# --------------------------------------------------------------------------- curves


def write_record(session, **more) -> None:
    """Writes a run.json of before there were checksums."""
    session.run.folder.mkdir()
    record = {"format": 1, "status": "training", "started": "now", "flags": {}}
    session.run.write_record({**record, **more})


def test_curves_mark_the_best_epoch_of_the_history(drawn, tmp_path):
    session = make_session(tmp_path, FakeModel([1.0]))
    write_record(session, best={"epoch": 2, "val_loss": 20.25})
    rows = [dict.fromkeys(runs.COLUMNS, epoch + 0.5) for epoch in range(3)]
    runs.write_history(session.run.history_path, rows)
    curves.run(session)
    ((history, best_epoch, _, subtitle),) = drawn["draw_curves"]
    assert history == rows
    assert best_epoch == 2
    assert "20.25, epoch 2" in subtitle


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n1,what\n"])
def test_a_history_that_cannot_be_drawn_is_reported_in_one_line(drawn, tmp_path, content):
    session = make_session(tmp_path, FakeModel([1.0]))
    write_record(session)
    if content is not None:
        session.run.history_path.write_text(content)
    with pytest.raises(runs.RunError) as caught:
        curves.run(session)
    assert str(session.run.history_path) in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- a collapsed model


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize(
    "evaluation", [latent, manifold, metrics, traverse], ids=lambda module: module.__name__
)
def test_a_model_whose_posterior_has_collapsed_is_drawn_and_measured(
    tmp_path, monkeypatch, evaluation, latent_dim
):
    """The posterior of every image is the prior. The figures are not faked here."""
    model = FakeModel([0.0] * latent_dim)
    monkeypatch.setattr(model, "decode", lambda z: tf.zeros((tf.shape(z)[0], 4, 4, 1)))
    with threadpoolctl.threadpool_limits(1):
        paths = evaluation.run(make_session(tmp_path, model, num_points=40))
    assert len(paths) >= 2
    assert all(path.stat().st_size > 0 for path in paths)
