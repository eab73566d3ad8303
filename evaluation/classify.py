"""``--classify``: what few labels are worth on the latent variables, and on the pixels.

Seed 000's experiment, after Kingma et al. (2014), section 2.1: images the model was trained
on without labels, a balanced few of which have one; accuracy on all test images.
"""

from __future__ import annotations

import csv
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import figures
import runs
from evaluation import RequestError, classification
from evaluation.context import Context
from evaluation.neighbourhood import Neighbourhood

# name → what it is called, what it classifies, how
METHODS: dict[str, tuple[str, str, Callable[..., classification.Classified]]] = {
    "svm_latent": ("SVM on z", "latent", classification.classify_by_svm),
    "svm_neighbourhood": (
        "SVM on z + neighbourhood",
        "neighbourhood",
        functools.partial(classification.classify_by_svm, scalings=("none",)),
    ),
    "svm_shifts": (
        "SVM on z + neighbourhood + shifts",
        "shifts",
        functools.partial(classification.classify_by_svm_of_copies, scalings=("none",)),
    ),
    "neighbours_latent": (
        "nearest neighbours on z",
        "latent",
        classification.classify_by_neighbours,
    ),
    "svm_pixels": ("SVM on pixels", "pixels", classification.classify_by_svm),
}
_GRAPH = 50_000  # training images, at most, of whose neighbourhood two machines know
_SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # pixels down and to the right
_WIDTH = max(len(title) for title, _, _ in METHODS.values()) + 2  # of the table's columns
_CHOICES = ("scaling", "gamma", "C", "k")


def check(context: Context) -> None:
    """Raises RequestError for numbers of labels that the training images cannot have."""
    num_classes = len(context.class_names)
    counts = read_counts(context)
    asked = ",".join(map(str, context.flags["label_counts"]))
    for count in counts:
        if count % num_classes or count < 2 * num_classes:
            raise RequestError(
                f"flag --label_counts={asked}: {count} is no multiple of "
                f"the {num_classes} classes, of {2 * num_classes} or more: type for example "
                f"--label_counts {max(2, round(count / num_classes)) * num_classes}"
            )
    smallest = int(np.bincount(context.train[1], minlength=num_classes).min())
    if max(counts) > smallest * num_classes:
        fit = [str(count) for count in counts if count <= smallest * num_classes]
        raise RequestError(
            f"flag --label_counts={asked}: expected at most "
            f"{smallest * num_classes}, for one class has {smallest} of the "
            f"{len(context.train[1]):,} images trained on: type for example --label_counts "
            + (",".join(fit) or str(smallest * num_classes))
        )


def run(context: Context) -> list[Path]:
    """Prints and writes the table of accuracies; draws them, and the confusions of each size."""
    start = time.perf_counter()
    measured, confusions = measure(context)
    print(_table(measured))
    print(f"  {time.perf_counter() - start:.0f} seconds")
    return [*_write(context, measured, confusions), *_draw(context, measured, confusions)]


def read_counts(context: Context) -> list[int]:
    """Returns ``--label_counts``, ascending, each once."""
    return sorted(set(context.flags["label_counts"]))


def measure(context: Context) -> tuple[dict[str, Any], dict[int, np.ndarray]]:
    """Returns every accuracy, and the confusions of the SVM on z.

    A trial draws one balanced subset and gives it to every method: they are compared on the
    same images.

    Returns:
        what classification.json holds; count of labels → (true class, predicted class), how
        many test images, summed over trials.
    """
    counts, num_trials = read_counts(context), context.flags["num_trials"]
    labels, test_labels = context.train[1], context.test[1]
    subsets = {
        (count, trial): classification.choose_balanced(labels, count, context.seed + trial)
        for count in counts
        for trial in range(num_trials)
    }
    chosen = np.unique(np.concatenate(list(subsets.values())))
    features, test_features = make_features(context, chosen)
    num_classes = len(context.class_names)
    confusions = {count: np.zeros((num_classes, num_classes), np.int64) for count in counts}
    trials = []
    for (count, trial), subset in subsets.items():
        places = np.searchsorted(chosen, subset)
        for name, (title, kind, classify) in METHODS.items():
            classified = classify(
                features[kind][places], labels[subset], test_features[kind], context.seed + trial
            )
            right = classified.predicted == test_labels
            if name == "svm_latent":
                confusions[count] += classification.count_confusions(
                    test_labels, classified.predicted, num_classes
                )
            trials.append(
                {
                    "labels": count,
                    "method": name,
                    "trial": trial,
                    "accuracy": float(right.mean()),
                    "cross_validated": classified.validated,
                    **classified.chosen,
                }
            )
            print(
                f"  {count:>5} labels, subset {trial + 1} of {num_trials}: {title} "
                f"{right.mean():.4f}",
                flush=True,
            )
    return {
        "run": context.run.name,
        "checkpoint": context.checkpoint,
        "model": context.record["flags"].get("model"),
        "features": context.flags["features"],
        "labels_from": "the images that the model was trained on",
        "num_train": len(labels),
        "split": "test",
        "num_images": len(test_labels),
        "binarize": context.record["flags"]["binarize"],
        "seed": context.seed,
        "num_trials": num_trials,
        "accuracy": [
            {"labels": count, "method": name, **_summarise(trials, count, name)}
            for count in counts
            for name in METHODS
        ],
        "trials": trials,
    }, confusions


def make_features(
    context: Context, chosen: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns what the methods classify by, of training images and of the test images.

    ``latent``: z. ``pixels``. ``neighbourhood``: z of unit length, and beside it the image's
    coordinates in the graph of nearest neighbours of up to 50,000 training images, whose labels
    are not looked at; labelled and test images are placed in it alike. ``shifts``: the same of
    the labelled image, and of the image shifted by a pixel each way; test images are not shifted.

    Args:
        chosen: positions of training images, ascending; (num_chosen,).

    Returns:
        kind → (num_chosen, num_features), of shifts (num_chosen, 5, num_features); kind →
        (num_test, num_features).
    """
    images, _ = context.train
    test_images, _ = context.test
    generator = np.random.default_rng(context.seed)
    graph = generator.choice(len(images), min(_GRAPH, len(images)), replace=False)
    encoded = np.union1d(chosen, graph)
    z = encode_features(context, images[encoded], "train")
    test_z = encode_features(context, test_images, "test")

    print(f"  joining {len(graph):,} training images to their neighbours", flush=True)
    of_graph = z[np.searchsorted(encoded, graph)]
    sheet = Neighbourhood(classification.scale(of_graph, "unit length"))

    def place(z: np.ndarray) -> np.ndarray:
        directions = classification.scale(z, "unit length")
        return np.hstack([directions, sheet.place(directions)])

    z_chosen = z[np.searchsorted(encoded, chosen)]
    of_both = place(z_chosen)
    shifted = (
        place(encode_features(context, shift(images[chosen], down, right), "train"))
        for down, right in _SHIFTS
    )
    of_chosen = {
        "latent": z_chosen,
        "neighbourhood": of_both,
        "shifts": np.stack([of_both, *shifted], axis=1),
        "pixels": images[chosen].reshape(len(chosen), -1),
    }
    test_of_both = place(test_z)
    of_test = {
        "latent": test_z,
        "neighbourhood": test_of_both,
        "shifts": test_of_both,
        "pixels": test_images.reshape(len(test_images), -1),
    }
    return of_chosen, of_test


def shift(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Returns images moved by whole pixels; what comes in at the border is black.

    Args:
        images: (num_images, height, width, channels).
        down, right: pixels; negative ones move up and to the left.
    """
    height, width = images.shape[1:3]
    black = ((0, 0), (abs(down),) * 2, (abs(right),) * 2, (0, 0))
    top, left = abs(down) - down, abs(right) - right
    return np.pad(images, black)[:, top : top + height, left : left + width]


def encode_features(context: Context, images: np.ndarray, split: str) -> np.ndarray:
    """Returns the latent features of images, (num_images, latent_dim).

    The posterior's means, or with ``--features sample`` one z of each posterior.
    """
    from evaluation import batching

    if split == "test":
        z_mean, z_log_var = context.test_posterior
    else:
        z_mean, z_log_var = batching.encode(context.model, images)
    if context.flags["features"] == "mean":
        return z_mean
    generator = np.random.default_rng([context.seed, split == "test"])
    return z_mean + np.exp(z_log_var / 2) * generator.standard_normal(z_mean.shape)


def _summarise(trials: list[dict[str, Any]], count: int, method: str) -> dict[str, float | None]:
    """Returns mean and standard deviation over the subsets of one size."""
    accuracies = [
        trial["accuracy"]
        for trial in trials
        if (trial["labels"], trial["method"]) == (count, method)
    ]
    spread = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None
    return {"mean": float(np.mean(accuracies)), "standard_deviation": spread}


def _table(measured: dict[str, Any]) -> str:
    """Returns accuracy, mean ± standard deviation, a row a size and a column a method."""
    features = {"mean": "posterior means", "sample": "one z of each posterior"}
    titles = [title for title, _, _ in METHODS.values()]
    lines = [
        f"accuracy on {measured['num_images']:,} test images, mean ± standard deviation over "
        f"{measured['num_trials']} balanced subsets of the {measured['num_train']:,} images "
        f"trained on; z: {features[measured['features']]}; + neighbourhood: in the graph of up to "
        f"{_GRAPH:,} training images without labels; + shifts: of the labelled images, by a pixel",
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
    context: Context, measured: dict[str, Any], confusions: dict[int, np.ndarray]
) -> list[Path]:
    """Writes the table as text, the numbers as JSON, and a row a trial as CSV."""
    paths = [context.path(f"classification{ending}") for ending in (".txt", ".json", ".csv")]
    whole = {
        **measured,
        "class_names": context.class_names,
        "confusions_of_svm_latent": {
            str(count): matrix.tolist() for count, matrix in confusions.items()
        },
    }
    with runs.write_atomically(paths[0]) as beside:
        beside.write_text(_table(measured) + "\n", encoding="utf-8")
    with runs.write_atomically(paths[1]) as beside:
        text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
        beside.write_text(text + "\n", encoding="utf-8")
    columns = ["labels", "method", "trial", "accuracy", "cross_validated", *_CHOICES]
    with runs.write_atomically(paths[2]) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(measured["trials"])
    return paths


def _draw(
    context: Context, measured: dict[str, Any], confusions: dict[int, np.ndarray]
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
        f"{context.subtitle} · mean and standard deviation over {over} · z: "
        f"{'posterior mean' if measured['features'] == 'mean' else 'a sample of the posterior'}",
    )
    written = context.save_figure(figure, "accuracy_by_labels")
    for count, matrix in confusions.items():
        accuracy = np.trace(matrix) / matrix.sum()
        figure = figures.draw_confusions(
            matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1),
            context.class_names,
            f"SVM on z with {count:,} labels: {100 * accuracy:.1f} % of test images right",
            f"{context.subtitle} · % of each class, over {over}",
        )
        written += context.save_figure(figure, f"confusion_{count}")
    return written
