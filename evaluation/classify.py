"""``--classify``: accuracy with few labels, on the latent variables and on the pixels.

The experiment of a published VAE of Fashion-MNIST with a support vector machine (M1), after
Kingma et al. (2014), section 2.1: the model is trained on unlabeled images, and classifiers on a
small balanced subset with labels. Accuracy is measured on all test images.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import figures
from evaluation import RequestError
from evaluation.session import Session
from evaluation.statistics import classification
from evaluation.statistics.neighborhood import Neighborhood

if TYPE_CHECKING:
    from models import DiagonalGaussian

# name in classification.json → title, kind of features, classifier
METHODS: dict[str, tuple[str, str, Callable[..., classification.Classified]]] = {
    "svm_latent": ("SVM on z", "latent", classification.classify_by_svm),
    "svm_neighborhood": (
        "SVM on z + neighborhood",
        "neighborhood",
        functools.partial(classification.classify_by_svm, scalings=("none",)),
    ),
    "svm_shifts": (
        "SVM on z + neighborhood + shifts",
        "shifts",
        functools.partial(classification.classify_by_svm_of_copies, scalings=("none",)),
    ),
    "neighbors_latent": (
        "nearest neighbors on z",
        "latent",
        classification.classify_by_neighbors,
    ),
    "svm_pixels": ("SVM on pixels", "pixels", classification.classify_by_svm),
}
FEATURES = {"mean": "posterior means", "sample": "one sample of each posterior"}
_GRAPH = 50_000  # training images in the graph of neighbors, at most
_SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # pixels down and to the right
_WIDTH = max(len(title) for title, _, _ in METHODS.values()) + 2  # of the table's columns
_CHOICES = ("scaling", "gamma", "C", "k")


def check(session: Session) -> None:
    """Raises RequestError without labels, or for label counts that the training images lack."""
    num_classes = len(session.check_labels("classify"))
    labels, _ = _read_labels(session)
    counts = read_counts(session)
    flag = f"flag --label_counts={','.join(map(str, session.flags['label_counts']))}"
    smallest = int(np.bincount(labels, minlength=num_classes).min())
    if num_classes < 2 or smallest < 2:
        raise RequestError(
            "--classify needs two or more classes with two or more training images each: "
            f"{session.dataset_name} has {num_classes}, and {smallest} images in one"
        )
    for count in counts:
        if count % num_classes or count < 2 * num_classes:
            raise RequestError(
                f"{flag}: {count} is not a multiple of {num_classes}, the number of classes, or is "
                f"below {2 * num_classes}: type for example --label_counts "
                f"{max(2, round(count / num_classes)) * num_classes}"
            )
    if max(counts) > smallest * num_classes:
        fitting = [str(count) for count in counts if count <= smallest * num_classes]
        raise RequestError(
            f"{flag}: expected at most {smallest * num_classes}, because one class has only "
            f"{smallest} of the {len(labels):,} images trained on: type for example --label_counts "
            + (",".join(fitting) or str(smallest * num_classes))
        )


def run(session: Session) -> list[Path]:
    """Prints and writes the table of accuracies; draws them, and the confusions of each size."""
    start = time.perf_counter()
    measured, confusions = measure(session)
    table = _format(measured)
    print(table)
    print(f"  {time.perf_counter() - start:.0f} seconds")
    return [*_write(session, table, measured, confusions), *_draw(session, measured, confusions)]


def read_counts(session: Session) -> list[int]:
    """Returns ``--label_counts`` in ascending order, each once."""
    return sorted(set(session.flags["label_counts"]))


def _read_labels(session: Session) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels of the training and of the test images."""
    labels, test_labels = session.train[1], session.test[1]
    if labels is None or test_labels is None:
        raise RequestError(f"--classify needs labels, and {session.dataset_name} has none")
    return labels, test_labels


def measure(session: Session) -> tuple[dict[str, Any], dict[int, np.ndarray]]:
    """Returns all accuracies, and the confusions of the SVM on z.

    Each trial draws one balanced subset, on which all methods are compared.

    Returns:
        the content of classification.json; number of labels → test images by true class and
        predicted class, summed over trials.
    """
    counts, num_trials = read_counts(session), session.flags["num_trials"]
    labels, test_labels = _read_labels(session)
    subsets = {
        (count, trial): classification.choose_balanced(labels, count, session.seed + trial)
        for count in counts
        for trial in range(num_trials)
    }
    chosen = np.unique(np.concatenate(list(subsets.values())))
    features, test_features = make_features(session, chosen)
    num_classes = len(session.check_labels("classify"))
    confusions = {count: np.zeros((num_classes, num_classes), np.int64) for count in counts}
    trials = []
    for (count, trial), subset in subsets.items():
        rows = np.searchsorted(chosen, subset)
        for name, (title, kind, classify) in METHODS.items():
            classified = classify(
                features[kind][rows], labels[subset], test_features[kind], session.seed + trial
            )
            correct = classified.predicted == test_labels
            if name == "svm_latent":
                confusions[count] += classification.count_confusions(
                    test_labels, classified.predicted, num_classes
                )
            trials.append(
                {
                    "labels": count,
                    "method": name,
                    "trial": trial,
                    "accuracy": float(correct.mean()),
                    "cross_validated": classified.validated,
                    **classified.chosen,
                }
            )
            print(
                f"  {count:>5} labels, subset {trial + 1} of {num_trials}: {title} "
                f"{correct.mean():.4f}",
                flush=True,
            )
    return {
        "run": session.run.name,
        "checkpoint": session.checkpoint,
        "model": session.settings.get("model"),
        "features": session.flags["features"],
        "labels_from": "the images that the model was trained on",
        "num_train": len(labels),
        "split": "test",
        "num_images": len(test_labels),
        "binarize": session.settings["binarize"],
        "seed": session.seed,
        "num_trials": num_trials,
        "accuracy": [
            {"labels": count, "method": name, **_summarize(trials, count, name)}
            for count in counts
            for name in METHODS
        ],
        "trials": trials,
    }, confusions


def make_features(
    session: Session, chosen: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns the features of training images and of the test images, by kind.

    ``latent``: z. ``pixels``: all pixels. ``neighborhood``: z at unit length, and the coordinates
    in the graph of nearest neighbors of up to 50,000 training images, whose labels are not used.
    ``shifts``: the same for the labeled image and for the image shifted by one pixel in each
    direction; test images are not shifted.

    Args:
        chosen: positions of training images, ascending; (num_chosen,).

    Returns:
        kind → (num_chosen, num_features), for shifts (num_chosen, 5, num_features); kind →
        (num_test, num_features).
    """
    from evaluation import batching

    images, _ = session.train
    test_images, _ = session.test
    generator = np.random.default_rng(session.seed)
    graph = generator.choice(len(images), min(_GRAPH, len(images)), replace=False)
    encoded = np.union1d(chosen, graph)
    z = extract_features(session, batching.encode(session, images[encoded]))
    test_z = extract_features(session, session.test_posterior, of_test=True)

    print(f"  connecting {len(graph):,} training images to their neighbors", flush=True)
    of_graph = z[np.searchsorted(encoded, graph)]
    neighborhood = Neighborhood(classification.scale(of_graph, "unit length"))

    def place(z: np.ndarray) -> np.ndarray:
        directions = classification.scale(z, "unit length")
        return np.hstack([directions, neighborhood.place(directions)])

    z_chosen = z[np.searchsorted(encoded, chosen)]
    of_both = place(z_chosen)
    shifted = (
        place(extract_features(session, batching.encode(session, shift(images[chosen], *by))))
        for by in _SHIFTS
    )
    of_chosen = {
        "latent": z_chosen,
        "neighborhood": of_both,
        "shifts": np.stack([of_both, *shifted], axis=1),
        "pixels": images[chosen].reshape(len(chosen), -1),
    }
    test_of_both = place(test_z)
    of_test = {
        "latent": test_z,
        "neighborhood": test_of_both,
        "shifts": test_of_both,
        "pixels": test_images.reshape(len(test_images), -1),
    }
    return of_chosen, of_test


def shift(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Returns images shifted by whole pixels, filled with black at the border.

    Args:
        images: (num_images, height, width, channels).
        down, right: pixels; negative ones move up and to the left.
    """
    height, width = images.shape[1:3]
    black = ((0, 0), (abs(down),) * 2, (abs(right),) * 2, (0, 0))
    top, left = abs(down) - down, abs(right) - right
    return np.pad(images, black)[:, top : top + height, left : left + width]


def extract_features(
    session: Session, posterior: DiagonalGaussian, of_test: bool = False
) -> np.ndarray:
    """Returns the latent features of images, (num_images, latent_dim).

    The posterior means, or with ``--features sample`` one sample of each posterior.
    """
    z_mean, z_log_var = posterior
    if session.flags["features"] == "mean":
        return z_mean
    generator = np.random.default_rng([session.seed, of_test])
    return z_mean + np.exp(z_log_var / 2) * generator.standard_normal(z_mean.shape)


def _summarize(trials: list[dict[str, Any]], count: int, method: str) -> dict[str, float | None]:
    """Returns the mean and standard deviation over the subsets of one size."""
    accuracies = [
        trial["accuracy"]
        for trial in trials
        if (trial["labels"], trial["method"]) == (count, method)
    ]
    spread = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None
    return {"mean": float(np.mean(accuracies)), "standard_deviation": spread}


def _format(measured: dict[str, Any]) -> str:
    """Returns a table of accuracies, with one row per size and one column per method."""
    titles = [title for title, _, _ in METHODS.values()]
    lines = [
        f"accuracy on {measured['num_images']:,} test images, mean ± standard deviation over "
        f"{measured['num_trials']} balanced subsets of the {measured['num_train']:,} images "
        f"trained on; z: {FEATURES[measured['features']]}; + neighborhood: in the graph of up to "
        f"{_GRAPH:,} training images without labels; + shifts: also shifted, for labeled images",
        "  labels" + "".join(f"{title:>{_WIDTH}}" for title in titles),
    ]
    cells = [
        f"{row['mean']:.4f}"
        + (f" ± {row['standard_deviation']:.4f}" if row["standard_deviation"] is not None else "")
        for row in measured["accuracy"]
    ]
    for start in range(0, len(cells), len(METHODS)):
        row = "".join(f"{cell:>{_WIDTH}}" for cell in cells[start : start + len(METHODS)])
        lines.append(f"  {measured['accuracy'][start]['labels']:>6}{row}")
    return "\n".join(lines)


def _write(
    session: Session, table: str, measured: dict[str, Any], confusions: dict[int, np.ndarray]
) -> list[Path]:
    """Writes the table as text, the numbers as JSON, and one row per trial as CSV."""
    matrices = {str(count): matrix.tolist() for count, matrix in confusions.items()}
    extra = {"class_names": session.class_names, "confusions_of_svm_latent": matrices}
    columns = ["labels", "method", "trial", "accuracy", "cross_validated", *_CHOICES]
    return [
        session.write_text("classification.txt", table),
        session.write_json("classification.json", {**measured, **extra}),
        session.write_csv("classification.csv", columns, measured["trials"]),
    ]


def _draw(
    session: Session, measured: dict[str, Any], confusions: dict[int, np.ndarray]
) -> list[Path]:
    over = f"{measured['num_trials']} balanced subsets of the images trained on"
    lines = {
        title: [
            (row["labels"], row["mean"], row["standard_deviation"] or 0.0)
            for row in measured["accuracy"]
            if row["method"] == name
        ]
        for name, (title, _, _) in METHODS.items()
    }
    figure = figures.draw_accuracy(
        lines,
        f"Accuracy on {measured['num_images']:,} test images with few labels",
        f"{session.subtitle} · mean and standard deviation over {over}"
        + ("" if measured["features"] == "mean" else " · z: a sample of the posterior"),
    )
    written = session.save_figure(figure, "accuracy_by_labels")
    for count, matrix in confusions.items():
        accuracy = np.trace(matrix) / matrix.sum()
        figure = figures.draw_confusions(
            matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1),
            session.check_labels("classify"),
            f"SVM on z with {count:,} labels: {100 * accuracy:.1f} % of test images correct",
            f"{session.subtitle} · % of each class, over {over}",
        )
        written += session.save_figure(figure, f"confusion_{count}")
    return written
