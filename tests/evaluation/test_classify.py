"""``--classify``: its labels, images and features, and the files it writes."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from sklearn.metrics import confusion_matrix
from sklearn.svm import SVC

import figures
from data import splits
from evaluation import RequestError, classify
from evaluation.session import Session
from evaluation.statistics import classification
from evaluation.statistics.neighborhood import Neighborhood
from tests.evaluation.sessions import make_session as make_any_session

COUNTS = (20, 60)
NUM_TRIALS = 3


class Projection:
    """Encodes an image as 24 of its pixels, with a standard deviation of 0.05."""

    is_variational = True

    def encode(self, images):
        pixels = tf.reshape(images, (tf.shape(images)[0], -1))[:, 18:42]
        return pixels, tf.zeros_like(pixels) + 2 * tf.math.log(0.05)


def load_digits(split):
    if split == "train":
        loaded, _ = splits.load_train_and_validation("digits")
    else:
        loaded = splits.load_test("digits")
    return loaded.images / np.float32(255), loaded.labels


def make_session(folder, train=None, info=None, seed=5, **flags):
    asked = {"label_counts": (60, 20, 60), "num_trials": NUM_TRIALS, "features": "mean", **flags}
    train = train or load_digits("train")
    settings = {"latent_dim": 24}
    return make_any_session(
        folder, Projection(), load_digits("test"), train, settings, info=info, seed=seed, **asked
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("result")


@pytest.fixture(scope="module")
def measured(folder):
    return classify.measure(make_session(folder))


def trials_of(measured, count, method):
    return [
        trial
        for trial in measured["trials"]
        if (trial["labels"], trial["method"]) == (count, method)
    ]


def test_every_size_once_ascending_every_method_every_trial(measured):
    found = [(row["labels"], row["method"]) for row in measured[0]["accuracy"]]
    assert found == [(count, method) for count in COUNTS for method in classify.METHODS]
    for count, method in found:
        trials = trials_of(measured[0], count, method)
        assert [trial["trial"] for trial in trials] == list(range(NUM_TRIALS))


@pytest.mark.parametrize(
    ("method", "pixels"), [("svm_latent", slice(18, 42)), ("svm_pixels", slice(0, 64))]
)
def test_the_accuracy_uses_the_right_labels_images_and_features(measured, method, pixels):
    """Recomputed from the digits with scikit-learn's SVM."""
    images, labels = load_digits("train")
    test_images, test_labels = load_digits("test")
    for count in COUNTS:
        for trial in trials_of(measured[0], count, method):
            subset = classification.choose_balanced(labels, count, 5 + trial["trial"])
            rows, test_rows = (
                classification.scale(x.reshape(len(x), 64)[:, pixels], trial["scaling"])
                for x in (images[subset], test_images)
            )
            machine = SVC(C=trial["C"], gamma=trial["gamma"]).fit(rows, labels[subset])
            expected = machine.score(test_rows, test_labels)
            assert trial["accuracy"] == pytest.approx(expected, abs=2 / 360)
            assert 0.5 < expected < 1


def test_the_neighborhood_is_that_of_the_training_images_without_their_labels(tmp_path):
    images, labels = load_digits("train")
    test_images, _ = load_digits("test")
    session = make_session(tmp_path)
    subset = classification.choose_balanced(labels, 20, 5)
    found, of_test = classify.make_features(session, subset)

    def point(x):
        return classification.scale(x.reshape(len(x), 64)[:, 18:42], "unit length")

    # All 1,293 images: in whatever order, the graph is the same one but for its axes' signs.
    sheet = Neighborhood(point(images))
    for z, features in ((point(images[subset]), found), (point(test_images), of_test)):
        np.testing.assert_allclose(features["neighborhood"][:, :24], z, atol=1e-6)
        np.testing.assert_allclose(
            np.abs(features["neighborhood"][:, 24:]), np.abs(sheet.place(z)), atol=1e-3
        )
    session = make_session(tmp_path, train=(images, labels * 0))
    blind, of_test_blind = classify.make_features(session, subset)
    np.testing.assert_array_equal(blind["neighborhood"], found["neighborhood"])
    np.testing.assert_array_equal(of_test_blind["neighborhood"], of_test["neighborhood"])


def test_shifts_move_the_image_by_one_pixel_and_fill_in_black(tmp_path):
    images, _ = load_digits("train")
    subset = classification.choose_balanced(load_digits("train")[1], 20, 5)
    found, of_test = classify.make_features(make_session(tmp_path), subset)
    np.testing.assert_array_equal(found["shifts"][:, 0], found["neighborhood"])
    np.testing.assert_array_equal(of_test["shifts"], of_test["neighborhood"])
    bordered = np.pad(images[subset], ((0, 0), (1, 1), (1, 1), (0, 0)))
    for place, window in enumerate(
        [np.s_[:, :8, 1:9], np.s_[:, 2:, 1:9], np.s_[:, 1:9, :8], np.s_[:, 1:9, 2:]], start=1
    ):
        z = bordered[window].reshape(20, 64)[:, 18:42]
        expected = classification.scale(z, "unit length")
        np.testing.assert_allclose(found["shifts"][:, place, :24], expected, atol=1e-6)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, 0), (-3, 0), (0, 1), (1, -2), (5, 9)])
def test_an_image_is_shifted_as_by_scipy(down, right):
    images = np.random.default_rng(0).random((3, 5, 9, 2), dtype=np.float32)
    expected = scipy.ndimage.shift(images, (0, down, right, 0), order=0)
    np.testing.assert_array_equal(classify.shift(images, down, right), expected)


def test_mean_and_spread_are_over_the_subsets(measured):
    for row in measured[0]["accuracy"]:
        accuracies = [
            trial["accuracy"] for trial in trials_of(measured[0], row["labels"], row["method"])
        ]
        assert row["mean"] == pytest.approx(sum(accuracies) / NUM_TRIALS)
        squares = sum((accuracy - row["mean"]) ** 2 for accuracy in accuracies)
        assert row["standard_deviation"] == pytest.approx((squares / (NUM_TRIALS - 1)) ** 0.5)
    assert len({trial["accuracy"] for trial in measured[0]["trials"]}) > 5


def test_more_labels_give_a_higher_accuracy(measured):
    mean = {(row["labels"], row["method"]): row["mean"] for row in measured[0]["accuracy"]}
    for method in classify.METHODS:
        assert mean[60, method] > mean[20, method]


def test_the_confusions_are_those_of_the_svm_on_z_over_all_subsets(measured, monkeypatch):
    _, test_labels = load_digits("test")
    for count in COUNTS:
        matrix = measured[1][count]
        np.testing.assert_array_equal(matrix.sum(axis=1), NUM_TRIALS * np.bincount(test_labels))
        accuracies = [trial["accuracy"] for trial in trials_of(measured[0], count, "svm_latent")]
        assert np.trace(matrix) / matrix.sum() == pytest.approx(np.mean(accuracies))


def test_rows_of_the_confusions_are_the_true_classes(tmp_path, monkeypatch):
    """For a classifier that always predicts 3, only the column of the 3 is not empty."""

    def take_all_for_three(features, labels, test_features, seed):
        return classification.Classified(np.full(len(test_features), 3), {}, 0.1)

    methods = {"svm_latent": ("SVM on z", "latent", take_all_for_three)}
    monkeypatch.setattr(classify, "METHODS", methods)
    _, confusions = classify.measure(make_session(tmp_path, num_trials=1, label_counts=(20,)))
    _, test_labels = load_digits("test")
    threes = np.full(len(test_labels), 3)
    np.testing.assert_array_equal(
        confusions[20], confusion_matrix(test_labels, threes, labels=range(10))
    )


def test_one_subset_has_no_spread(tmp_path):
    measured, _ = classify.measure(make_session(tmp_path, num_trials=1, label_counts=(20,)))
    assert {row["standard_deviation"] for row in measured["accuracy"]} == {None}


def test_features_are_the_posteriors_mean_or_a_sample_of_it(tmp_path):
    images, _ = load_digits("test")
    mean = images.reshape(360, 64)[:, 18:42]
    session = make_session(tmp_path)
    posterior = session.test_posterior
    np.testing.assert_array_equal(classify.extract_features(session, posterior), mean)
    session = make_session(tmp_path, features="sample")
    noise = {
        of_test: (classify.extract_features(session, posterior, of_test) - mean) / 0.05
        for of_test in (False, True)
    }
    for drawn in noise.values():
        assert drawn.std() == pytest.approx(1, abs=0.05)
        assert drawn.mean() == pytest.approx(0, abs=0.05)
    assert not np.array_equal(noise[False], noise[True])
    again = make_session(tmp_path, features="sample")
    np.testing.assert_allclose(
        classify.extract_features(again, posterior, True), mean + 0.05 * noise[True], rtol=1e-12
    )


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("counts", "parts"),
    [
        ("105", ["105 is not a multiple of 10, the number", "--label_counts 100"]),
        ("100,601", ["601 is not a multiple", "--label_counts 600"]),
        (
            "10",
            [
                "10 is not a multiple of 10, the number of classes, or is below 20",
                "--label_counts 20",
            ],
        ),
        (
            "100,600,1000,3000",
            ["at most 1270", "has only 127 of the 1,293", "--label_counts 100,600,1000"],
        ),
        ("3000", ["--label_counts 1270"]),
    ],
)
def test_impossible_numbers_of_labels_are_refused_in_one_line(tmp_path, counts, parts):
    with pytest.raises(RequestError) as refused:
        classify.check(make_session(tmp_path, label_counts=tuple(map(int, counts.split(",")))))
    for part in (f"flag --label_counts={counts}: ", *parts):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_without_labels_are_refused_in_one_line(tmp_path):
    images, labels = load_digits("train")
    session = make_session(tmp_path, train=(images, None), info={"class_names": None})
    with pytest.raises(RequestError, match=r"^--classify needs labels, and digits has none$"):
        classify.check(session)
    session = make_session(tmp_path, train=(images, labels * 0), info={"class_names": ("one",)})
    with pytest.raises(RequestError, match=r"^--classify needs two or more classes"):
        classify.check(session)


def test_as_many_as_the_smallest_class_has_are_accepted(tmp_path):
    _, labels = load_digits("train")
    assert min(np.sum(labels == digit) for digit in range(10)) == 127
    classify.check(make_session(tmp_path, label_counts=(1270,)))
    with pytest.raises(RequestError):
        classify.check(make_session(tmp_path, label_counts=(1280,)))


# ------------------------------------------------------------------ what is written


@pytest.fixture(scope="module")
def written(folder):
    """The files of one call, by name."""
    return {path.name: path for path in classify.run(make_session(folder))}


def test_a_table_as_text_json_and_csv_and_every_figure_as_png_and_pdf(written):
    drawn = ("accuracy_by_labels", "confusion_20", "confusion_60")
    assert set(written) == {
        *(f"classification.{ending}" for ending in ("txt", "json", "csv")),
        *(f"{name}.{ending}" for name in drawn for ending in ("png", "pdf")),
    }
    assert all(path.stat().st_size > 0 for path in written.values())


def test_text_json_and_csv_say_what_was_measured(written, measured):
    content = json.loads(written["classification.json"].read_text())
    assert measured[0].items() <= content.items()
    assert content["labels_from"] == "the images that the model was trained on"
    assert (content["num_train"], content["num_images"], content["split"]) == (1293, 360, "test")
    for count in COUNTS:
        found = content["confusions_of_svm_latent"][str(count)]
        np.testing.assert_array_equal(found, measured[1][count])

    with written["classification.csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(COUNTS) * len(classify.METHODS) * NUM_TRIALS
    for row, trial in zip(rows, measured[0]["trials"], strict=True):
        assert {name: row[name] for name in trial} == {n: str(value) for n, value in trial.items()}
        assert {row[name] for name in row.keys() - trial.keys()} == {""}

    text = written["classification.txt"].read_text()
    for row in measured[0]["accuracy"]:
        assert f"{row['mean']:.4f} ± {row['standard_deviation']:.4f}" in text
    assert "balanced subsets of the 1,293 images trained on; z: posterior means" in text


def test_the_same_seed_gives_the_same_bytes_and_another_other_numbers(written, tmp_path):
    again = {path.name: path for path in classify.run(make_session(tmp_path))}
    assert {name for name in written if written[name].read_bytes() != again[name].read_bytes()} == (
        set()
    )
    other = make_session(tmp_path, num_trials=1, label_counts=(60,), seed=55)
    trial = trials_of(json.loads(written["classification.json"].read_text()), 60, "svm_pixels")[0]
    other_trial = trials_of(classify.measure(other)[0], 60, "svm_pixels")[0]
    assert other_trial["accuracy"] != trial["accuracy"]


def test_the_figures_show_what_was_measured(tmp_path, monkeypatch, measured):
    drawn: dict[str, list] = {"draw_accuracy": [], "draw_confusions": []}
    for name, calls in drawn.items():
        monkeypatch.setattr(figures, name, lambda *args, calls=calls: calls.append(args))
    monkeypatch.setattr(Session, "save_figure", lambda self, figure, name: [name])
    monkeypatch.setattr(classify, "measure", lambda session: measured)
    session = make_session(tmp_path)
    classify.run(session)
    measured, confusions = measured
    ((lines, _, subtitle),) = drawn["draw_accuracy"]
    assert "subsets of the images trained on" in subtitle
    assert "a sample of the posterior" not in subtitle  # features are the means, the default
    points = [
        (row["labels"], row["mean"], row["standard_deviation"]) for row in measured["accuracy"]
    ]
    assert sorted(point for line in lines.values() for point in line) == sorted(points)
    assert lines["SVM on pixels"] == points[len(classify.METHODS) - 1 :: len(classify.METHODS)]
    for (shares, names, title, _), (count, matrix) in zip(
        drawn["draw_confusions"], confusions.items(), strict=True
    ):
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_allclose(shares, matrix / matrix.sum(axis=1, keepdims=True))
        assert names == session.class_names
        assert f"with {count} labels" in title
