"""``--ood``: the images it scores, their scores, and the files it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

import figures
import runs
from evaluation import RequestError, ood
from evaluation.session import Session
from models.sampling import GaussianSampling
from tests.evaluation.sessions import make_session as make_any_session

SEED = 3
LOSSES = ("loss", "reconstruction", "kl")


class Brightness:
    """Its loss is the sum of the pixels; it decodes z to pixels."""

    is_variational = True

    def __init__(self):
        self.sampling = GaussianSampling(0)

    def sample_prior(self, num, seed):
        return tf.random.stateless_normal((num, 4), (seed, 0))

    def decode(self, z):
        return tf.sigmoid(tf.reshape(z, (-1, 2, 2, 1)))

    def compute_losses(self, images):
        size = tf.reduce_sum(images, axis=(1, 2, 3))
        return {"loss": size, "reconstruction": 0.25 * size, "kl": 0.75 * size}


class Plain(Brightness):
    """The same without a KL, like a plain autoencoder."""

    is_variational = False

    def compute_losses(self, images):
        losses = super().compute_losses(images)
        return {name: losses[name] for name in ("loss", "reconstruction")}


def random_images(count, seed, high=1.0):
    rng = np.random.default_rng(seed)
    return (high * rng.random((count, 2, 2, 1))).astype(np.float32), rng.integers(0, 10, count)


def make_session(
    folder, model=None, binarize="none", other="fashion_mnist", dataset="mnist", seed=SEED, **more
):
    test, others = random_images(400, 0, 0.6), random_images(90, 1, 0.9)
    if binarize != "none":
        test = (np.round(test[0] + 0.2), test[1])
    session = make_any_session(
        folder,
        model or Brightness(),
        test=test,
        settings={"dataset": dataset, "latent_dim": 4, "binarize": binarize},
        ood_dataset=other,
        seed=seed,
        **more,
    )
    session.loaded["fashion_mnist", "test"] = others
    return session


def read(session):
    """Runs the evaluation; returns the content of ood.json with the groups by name."""
    (path,) = [path for path in ood.run(session) if path.suffix == ".json"]
    measured = json.loads(path.read_text())
    measured["groups"] = {group["name"]: group for group in measured["groups"]}
    return measured


# ------------------------------------------------------------------- what is scored


def test_test_images_samples_noise_and_the_second_dataset_are_scored(tmp_path):
    session = make_session(tmp_path)
    groups = ood.make_groups(session)
    assert list(groups) == ["test", "samples", "noise", "other"]
    np.testing.assert_array_equal(groups["test"][1], random_images(400, 0, 0.6)[0])
    np.testing.assert_array_equal(groups["other"][1], random_images(90, 1, 0.9)[0])

    samples, noise = groups["samples"][1], groups["noise"][1]
    assert samples.shape == noise.shape == (400, 2, 2, 1)
    z = np.log(samples) - np.log1p(-samples)  # the logits again
    assert abs(z.mean()) < 5 / np.sqrt(1600)
    assert z.std() == pytest.approx(1, abs=0.1)
    assert noise.mean() == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 1600))
    assert noise.var() == pytest.approx(1 / 12, rel=0.1)
    assert (noise.min(), noise.max()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))


def test_without_a_second_dataset_there_are_three_groups(tmp_path):
    assert list(ood.make_groups(make_session(tmp_path, other=None))) == ["test", "samples", "noise"]


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_samples_and_noise_are_binarized_if_the_run_is(tmp_path, binarize):
    session = make_session(tmp_path, binarize=binarize)
    groups = ood.make_groups(session)
    gray = ood.make_groups(make_session(tmp_path))
    for name in ("samples", "noise"):
        drawn = groups[name][1]
        assert set(np.unique(drawn)) == {0, 1}
        assert drawn.dtype == np.float32
    # White with the probability of the decoded mean: the bright ones are whiter.
    bright = gray["samples"][1] > 0.5
    drawn, expected = groups["samples"][1], gray["samples"][1]
    for part in (bright, ~bright):
        error = np.sqrt(0.25 / part.sum())
        assert drawn[part].mean() == pytest.approx(expected[part].mean(), abs=5 * error)
    assert ood.measure(session, {}, {})["samples_are"] == "black and white, drawn from p(x|z)"


def test_the_reported_losses_are_those_of_the_model(tmp_path):
    for model, names in ((Brightness(), LOSSES), (Plain(), ("loss", "reconstruction"))):
        session = make_session(tmp_path, model)
        images, _ = session.test
        scored = ood.score(session, images)
        assert tuple(scored) == names
        np.testing.assert_allclose(scored["loss"], images.sum(axis=(1, 2, 3)), rtol=1e-6)
        np.testing.assert_allclose(scored["reconstruction"], scored["loss"] / 4, rtol=1e-6)


# ---------------------------------------------------------------- what is made of it


def test_the_areas_are_scikit_learns(tmp_path):
    session = make_session(tmp_path)
    measured = read(session)
    groups = ood.make_groups(session)
    sums = {name: images.sum(axis=(1, 2, 3)) for name, (_, images) in groups.items()}
    for name in ("samples", "noise", "other"):
        labels = np.repeat([0, 1], [len(sums["test"]), len(sums[name])])
        expected = roc_auc_score(labels, np.concatenate([sums["test"], sums[name]]))
        assert 0.7 < expected < 1
        for kind in LOSSES:
            found = measured["groups"][name]["auc"][kind]
            assert found["area"] == pytest.approx(expected)
            assert 0 < found["standard_error"] < 0.05
    assert measured["groups"]["test"]["auc"] == {}


def test_the_summaries_of_losses_are_numpys(tmp_path):
    session = make_session(tmp_path)
    measured = read(session)
    for name, (title, images) in ood.make_groups(session).items():
        group = measured["groups"][name]
        sums = images.sum(axis=(1, 2, 3))
        assert (group["title"], group["num_images"]) == (title, len(images))
        assert group["loss"]["mean"] == pytest.approx(sums.mean(), rel=1e-5)
        assert group["kl"]["mean"] == pytest.approx(0.75 * sums.mean(), rel=1e-5)
        spread = np.sqrt(np.sum((sums - sums.mean()) ** 2) / (len(sums) - 1))
        assert group["loss"]["standard_deviation"] == pytest.approx(spread, rel=1e-4)
        assert group["loss"]["quantiles"]["0.5"] == pytest.approx(np.median(sums), rel=1e-5)
        assert group["loss"]["quantiles"]["0.99"] == pytest.approx(
            np.percentile(sums, 99), rel=1e-5
        )
    assert measured["samples_are"] == "the decoded means, gray"


def test_the_table_fits_80_columns_and_says_what_was_measured(tmp_path, capsys):
    measured = read(make_session(tmp_path))
    printed = capsys.readouterr().out
    assert "samples are the decoded means, gray" in printed
    assert max(map(len, printed.splitlines())) <= 80
    for group in measured["groups"].values():
        (line,) = [line for line in printed.splitlines() if line.startswith(group["title"])]
        areas = [f"{area['area']:.4f}" for area in group["auc"].values()] or [""] * 3
        numbers = [
            number
            for kind, area in zip(LOSSES, areas, strict=True)
            for number in (f"{group[kind]['quantiles']['0.5']:.2f}", area)
        ]
        assert line.removeprefix(group["title"]).split() == " ".join(numbers).split()


def test_samples_of_color_images_are_not_said_to_be_gray(tmp_path):
    session = make_session(tmp_path, info={"image_shape": (2, 2, 3)})
    assert ood.measure(session, {}, {})["samples_are"] == "the decoded means"


def test_the_figure_is_given_every_groups_losses_and_areas(tmp_path, monkeypatch):
    drawn: list[tuple] = []
    monkeypatch.setattr(figures, "draw_loss_distributions", lambda *args: drawn.append(args))
    monkeypatch.setattr(Session, "save_figure", lambda self, figure, name: [])
    session = make_session(tmp_path)
    measured = read(session)
    ((rows, _, subtitle),) = drawn
    groups = ood.make_groups(session)
    for (title, losses, auc), (name, (expected, images)) in zip(rows, groups.items(), strict=True):
        assert title == expected
        np.testing.assert_allclose(losses, images.sum(axis=(1, 2, 3)), rtol=1e-6)
        assert auc == measured["groups"][name]["auc"].get("loss")
    assert "the decoded means, gray" in subtitle


def test_the_same_seed_gives_the_same_bytes_and_another_other_samples(tmp_path):
    def write(folder, seed):
        folder.mkdir()
        session = make_session(folder, seed=seed)
        return {path.name: path.read_bytes() for path in ood.run(session)}

    first, again, other = (
        write(tmp_path / str(place), seed) for place, seed in enumerate((1, 1, 2))
    )
    assert set(first) == {"ood.json", "ood.png", "ood.pdf"}
    assert first == again
    assert first["ood.json"] != other["ood.json"]


def test_an_autoencoder_has_no_prior_and_is_not_said_to_have_one(tmp_path):
    measured = read(make_session(tmp_path, Plain()))
    assert measured["groups"]["samples"]["title"] == "samples from N(0, I)"
    assert set(measured["groups"]["noise"]["auc"]) == {"loss", "reconstruction"}


# ------------------------------------------------------------------ what is refused


def test_a_loss_of_nan_is_reported_in_one_line(tmp_path):
    class Broken(Brightness):
        def compute_losses(self, images):
            return {name: np.nan * loss for name, loss in super().compute_losses(images).items()}

    with pytest.raises(runs.RunError, match="non-finite loss for 400 of 400 images"):
        ood.run(make_session(tmp_path, Broken()))


@pytest.mark.parametrize(
    ("dataset", "other", "parts"),
    [
        ("mnist", "digits", ["8×8×1", "run's mnist 28×28×1", "expected fashion_mnist"]),
        ("mnist", "mnist", ["the run was trained on it; expected fashion_mnist"]),
        (
            "digits",
            "mnist",
            ["28×28×1", "digits 8×8×1", "no other dataset has images of 8×8×1: omit --ood_dataset"],
        ),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused_in_one_line(tmp_path, dataset, other, parts):
    with pytest.raises(RequestError) as refused:
        ood.check(make_session(tmp_path, dataset=dataset, other=other))
    for part in (f"flag --ood_dataset={other}: ", *parts):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("other", [None, "fashion_mnist"])
def test_a_fitting_dataset_or_no_dataset_is_accepted(tmp_path, other):
    ood.check(make_session(tmp_path, other=other))
