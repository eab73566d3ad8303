"""``--quality``: what is compared in which features, and what is written."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

import runs
from catalog import classifiers
from catalog.classifiers import CLASSIFIERS
from catalog.metrics import METRICS
from catalog.models import MODELS
from evaluation import (
    RequestError,
    batching,
    comparison,
    features,
    metrics,
    quality,
    train_classifier,
)
from evaluation.session import Session
from tests.evaluation.sessions import load_digits, make_session, save_untrained_run

SHAPE = (8, 8, 1)
TEST = load_digits("test")[0] / np.float32(255)
TRAIN = load_digits("train")[0] / np.float32(255)


class Copier:
    """z is an image's number: it decodes samples to training images, and darkens what it sees."""

    is_variational = True

    def __init__(self, version: float = 0.0):
        self.weights = [np.array([version])]
        self.seen: list[np.ndarray] = []

    def sample_prior(self, num, seed):
        return np.random.default_rng(seed).integers(0, len(TRAIN), (num, 1))

    def decode(self, z):
        return tf.gather(TRAIN, tf.cast(z[:, 0], tf.int32))

    def reconstruct(self, images):
        tf.py_function(lambda batch: self.seen.append(batch.numpy()), [images], [])
        return 0.5 * images


def open_session(folder, model=None, binarize="none", **flags) -> Session:
    test = (TEST, None) if binarize == "none" else (np.round(TEST), None)
    return make_session(folder, model or Copier(), test, settings={"binarize": binarize}, **flags)


@pytest.fixture(autouse=True)
def two_draws(monkeypatch):
    """Fewer draws than a user gets."""
    monkeypatch.setattr(quality, "NUM_DRAWS", 2)


@pytest.fixture(autouse=True)
def without_xla(monkeypatch):
    """Python functions within a model run where nothing is compiled."""
    monkeypatch.setattr(batching, "compile_function", lambda function: function)


@pytest.fixture(scope="module")
def network():
    return features.load("digits", SHAPE, 10)[1]


# ------------------------------------------------------------------------- the classifiers


def test_the_classifier_of_the_digits_is_as_accurate_as_the_catalog_says():
    classifier, _ = features.load("digits", SHAPE, 10)
    predicted = classifier.predict(TEST, verbose=0).argmax(axis=1)
    assert np.mean(predicted == load_digits("test")[1]) == pytest.approx(
        CLASSIFIERS["digits"].accuracy, abs=1e-4
    )


def test_features_have_mean_0_and_variance_1_over_the_training_images(network):
    found = network.predict(TRAIN, verbose=0)
    assert found.shape == (1437, 64)
    assert abs(found.mean(axis=0)).max() < 0.3
    assert found.var(axis=0).mean() == pytest.approx(1, abs=0.2)


def test_the_weights_of_all_classifiers_are_in_the_repository_and_small():
    paths = sorted(features.FOLDER.iterdir())
    assert [path.name for path in paths] == sorted(f"{name}.npz" for name in CLASSIFIERS)
    assert sum(path.stat().st_size for path in paths) < 2_000_000


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_other_weights_are_refused_in_one_line(tmp_path, monkeypatch, damage):
    content = bytearray((features.FOLDER / "digits.npz").read_bytes())
    content[1000] ^= 1
    if damage == "damaged":
        (tmp_path / "digits.npz").write_bytes(content)
    monkeypatch.setattr(features, "FOLDER", tmp_path)
    with pytest.raises(runs.RunError, match=rf"digits.npz is {damage}: restore it") as error:
        features.load("digits", SHAPE, 10)
    assert "\n" not in str(error.value)


def test_a_new_classifier_is_saved_opened_and_as_accurate_as_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "FOLDER", tmp_path / "new")
    monkeypatch.setattr(train_classifier, "_MIN_EPOCHS", 1)
    monkeypatch.setattr(train_classifier, "_MIN_IMAGES", 1)
    kept, save = [], features.save

    def save_and_keep(classifier, path):
        kept.append(classifier)
        return save(classifier, path)

    monkeypatch.setattr(features, "save", save_and_keep)
    sha256, accuracy = train_classifier.train("digits")
    monkeypatch.setitem(CLASSIFIERS, "digits", classifiers.PinnedClassifier(sha256, accuracy))
    classifier, _ = features.load("digits", SHAPE, 10)
    logits = classifier.predict(TEST, verbose=0)
    np.testing.assert_allclose(logits, kept[0].predict(TEST, verbose=0), atol=0.01)
    assert np.mean(logits.argmax(axis=1) == load_digits("test")[1]) == accuracy


# ------------------------------------------------------------------------ what is compared


def test_each_draw_compares_samples_of_the_prior_in_the_features_of_the_classifier(
    tmp_path, network
):
    model = Copier()
    rows = quality.estimate(open_session(tmp_path, model, seed=3))
    assert rows.shape == (2, 15)
    real = network.predict(TEST, verbose=0).astype(np.float64)
    for draw in range(2):
        seed = int(np.random.default_rng([3, draw]).integers(2**31))
        samples = TRAIN[model.sample_prior(360, seed)[:, 0]]
        fake = network.predict(samples, verbose=0).astype(np.float64)
        one, other = np.cov(real.T), np.cov(fake.T)
        root = scipy.linalg.sqrtm(one @ other + 1e-10 * np.eye(64)).real
        expected = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
        expected += np.trace(one + other - 2 * root)
        assert rows[draw, 0] == pytest.approx(expected, rel=1e-3)


def test_a_model_that_copies_training_images_has_the_measures_of_the_reference(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(quality, "NUM_DRAWS", 5)
    rows = quality.estimate(open_session(tmp_path)).reshape(5, 3, 5)
    errors = rows.std(axis=0, ddof=1)
    samples, darkened, reference = rows.mean(axis=0)
    assert (abs(samples - reference) < 4 * errors[[0, 2]].max(axis=0)).all()
    assert darkened[0] > 5 * reference[0]
    assert darkened[4] < 0.8 * reference[4]


def test_a_run_of_binarized_images_sees_black_and_white_ones_and_is_compared_in_gray(tmp_path):
    gray, binarized = Copier(), Copier()
    expected = quality.estimate(open_session(tmp_path / "gray", gray))
    found = quality.estimate(open_session(tmp_path / "binarized", binarized, "dynamic"))
    found, expected = found.reshape(2, 3, 5), expected.reshape(2, 3, 5)
    np.testing.assert_array_equal(found[:, [0, 2]], expected[:, [0, 2]])
    assert set(np.unique(binarized.seen[0])) == {0, 1}
    # an image's gray value is the probability of white
    assert binarized.seen[0].mean() == pytest.approx(gray.seen[0].mean(), abs=0.005)


def test_the_seed_determines_the_numbers(tmp_path):
    first, again, other = (
        quality.estimate(open_session(tmp_path / name, seed=seed))
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=1).all()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_measured(tmp_path, model):
    session = save_untrained_run(tmp_path, model=model)
    assert np.isfinite(quality.estimate(session)).all()
    of = metrics.measure(session)["sample_quality"]["samples_are"]
    assert of.endswith("N(0, I)" if model == "autoencoder" else "the prior")


def test_datasets_without_a_classifier_are_refused(tmp_path):
    session = make_session(tmp_path, settings={"dataset": "patches"})
    message = "patches has none: choose a run of mnist, fashion_mnist or digits"
    with pytest.raises(RequestError, match=message):
        quality.check(session)


# -------------------------------------------------------------------------- what is written


def test_an_interrupted_estimate_continues_with_the_same_numbers(tmp_path, monkeypatch):
    expected = quality.estimate(open_session(tmp_path / "at_once"))
    compared = quality._compare

    def fail_in_the_second_draw(*args):
        if len(quality._keep(session, TEST).read(2)) == 1:
            raise KeyboardInterrupt
        return compared(*args)

    session = open_session(tmp_path / "cut")
    monkeypatch.setattr(quality, "_compare", fail_in_the_second_draw)
    with pytest.raises(KeyboardInterrupt):
        quality.estimate(session)
    monkeypatch.setattr(quality, "_compare", compared)
    np.testing.assert_array_equal(quality.estimate(session), expected)


def test_what_is_kept_is_of_these_weights_and_this_seed(tmp_path):
    session = open_session(tmp_path)
    assert quality.find(session) == {}
    rows = quality.estimate(session)
    found = quality.find(session)
    assert found["precision"]["mean"] == pytest.approx(rows[:, 1].mean())
    assert found["frechet_distance"]["standard_error"] == pytest.approx(
        rows[:, 0].std(ddof=1) / np.sqrt(2)
    )
    reference = found["sample_quality"]["training_images"]
    assert reference["coverage"]["mean"] == pytest.approx(rows[:, 14].mean())
    assert quality.find(open_session(tmp_path, seed=1)) == {}
    assert quality.find(open_session(tmp_path, Copier(version=1.0))) == {}
    of_other_images = make_session(tmp_path, settings={"dataset": "patches"})
    assert quality.find(of_other_images) == {}


def test_metrics_and_comparisons_show_what_is_kept(tmp_path, capsys):
    session = save_untrained_run(tmp_path)
    session.flags = {**session.flags, "quality": True}
    assert quality.run(session) == []
    written = metrics.run(session)
    assert session.path("metrics.json") in written
    measured = metrics.measure(session)
    assert set(quality._MEASURES) <= set(metrics.find_measured(measured))
    printed = capsys.readouterr().out
    for name in quality._MEASURES:
        assert METRICS[name].heading in printed
        assert metrics.format_mean(name, measured[name]) in printed
    assert "360 decoded means of samples from the prior" in printed

    elsewhere = dataclasses.replace(
        session, result_dir=tmp_path / "comparison", kept_dir=session.result_dir
    )
    table = comparison._format(["a_label"], [comparison._measure(elsewhere)])
    assert metrics.format_mean("coverage", measured["coverage"]) in table
    coverage = measured["sample_quality"]["training_images"]["coverage"]["mean"]
    assert f"coverage {coverage:.4f}." in table
