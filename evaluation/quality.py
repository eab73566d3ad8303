"""``--quality``: samples of the prior compared with test images, in features of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.classifiers import CLASSIFIERS
from catalog.metrics import METRICS
from catalog.values import join_or
from evaluation import RequestError
from evaluation.kept import Kept, Source
from evaluation.progress import Progress
from evaluation.session import Session
from evaluation.statistics import fidelity, summaries

if TYPE_CHECKING:
    import keras

NUM_DRAWS = 5
NUM_NEIGHBORS = 5  # k, as in Naeem et al. (2020)
_KEPT = "quality.bin"
_MEASURES = ("frechet_distance", "precision", "recall", "density", "coverage")
_GROUPS = ("samples", "reconstructions", "training_images")  # compared with the test images


def check(session: Session) -> None:
    """Raises RequestError for a dataset without a pinned classifier."""
    if session.settings["dataset"] not in CLASSIFIERS:
        raise RequestError(
            f"--quality needs a pinned classifier of the images, and {session.dataset_name} has "
            f"none: choose a run of {join_or(CLASSIFIERS)}"
        )


def run(session: Session) -> list[Path]:
    """Compares samples with the test images; the measures are kept, for ``metrics`` to show."""
    estimate(session)
    return []


def estimate(session: Session) -> np.ndarray:
    """Compares samples, reconstructions and training images with the test images.

    All images are gray, also those of a run with ``--binarize``, and all sets have as many images
    as there are test images. Each of five draws takes other samples of the prior, decoded to
    E[x|z], and other images of the official training split, which are the reference and what is
    reconstructed. The rows are kept in a file among the results after each draw.

    Returns:
        (5, 15): for each draw the five measures of samples, reconstructions and training images.
    """
    from data import splits
    from evaluation import batching, features

    test = _load_test(session)
    kept = _keep(session, test)
    rows, progress = kept.read(NUM_DRAWS), Progress()
    if len(rows) == NUM_DRAWS:
        return rows
    train, _ = splits.load_train_and_validation(session.info, session.data_dir, 0)
    num_classes = len(session.class_names or ())
    _, network = features.load(session.settings["dataset"], session.info.image_shape, num_classes)
    real = batching.compute_features(network, test)
    radii = fidelity.find_radii(real, NUM_NEIGHBORS)
    for draw in range(len(rows), NUM_DRAWS):
        progress.show(f"  draw {draw + 1} of {NUM_DRAWS}", draw == NUM_DRAWS - 1)
        groups = _draw(session, train.images, len(test), draw)
        row = [_compare(network, groups[name], real, radii) for name in _GROUPS]
        rows = np.concatenate([rows, np.reshape(row, (1, -1))])
        kept.write(rows)
    return rows


def find(session: Session) -> dict[str, Any]:
    """Returns what is kept, for metrics.json: the measures of the samples, and ``sample_quality``.

    Each has its mean and its standard error over draws. ``sample_quality`` is the protocol, with
    the measures of reconstructions and of training images. Empty before ``--quality``.
    """
    known = session.settings["dataset"] in CLASSIFIERS
    if not (known and session.path(_KEPT, session.kept_dir).is_file()):
        return {}
    test = _load_test(session)
    rows = _keep(session, test).read(NUM_DRAWS)
    if len(rows) < NUM_DRAWS:
        return {}
    samples, *others = rows.reshape(NUM_DRAWS, len(_GROUPS), len(_MEASURES)).swapaxes(0, 1)
    pinned = CLASSIFIERS[session.settings["dataset"]]
    return {
        **_summarize(samples),
        "sample_quality": {
            "classifier": pinned.sha256,
            "accuracy": pinned.accuracy,
            "num_images": len(test),
            "num_draws": NUM_DRAWS,
            "num_neighbors": NUM_NEIGHBORS,
            "samples_are": "decoded means of samples from "
            + ("the prior" if session.model.is_variational else "N(0, I)"),
            **{name: _summarize(of_one) for name, of_one in zip(_GROUPS[1:], others, strict=True)},
        },
    }


def _summarize(rows: np.ndarray) -> dict[str, dict[str, float]]:
    """Returns the mean and standard error of each measure over draws, (num_draws, 5)."""
    return {
        name: summaries.summarize_mean(values)
        for name, values in zip(_MEASURES, rows.T, strict=True)
    }


def format_table(measured: Mapping[str, Any]) -> list[str]:
    """Returns lines that say how the samples were compared, and the measures of each group."""
    protocol = measured["sample_quality"]
    groups = {"samples": measured, **{name: protocol[name] for name in _GROUPS[1:]}}
    lines = [
        f"  sample quality: {protocol['num_images']:,} {protocol['samples_are']},",
        f"    against as many test images, gray; means over {protocol['num_draws']} draws; k = "
        f"{protocol['num_neighbors']}; features of",
        f"    a classifier that is right for {protocol['accuracy']:.2%} of the test images",
        " " * 20 + "".join(f"{METRICS[name].heading.split()[0]:>11}" for name in _MEASURES),
    ]
    for name, group in groups.items():
        cells = (f"{group[each]['mean']:>11.{METRICS[each].digits}f}" for each in _MEASURES)
        lines.append(f"    {name.replace('_', ' '):<16}" + "".join(cells))
    return lines


def describe_reference(measured: Mapping[str, Any]) -> str:
    """Returns a sentence: the protocol, and the measures of training images as the reference."""
    protocol = measured["sample_quality"]
    reference = {name: protocol["training_images"][name]["mean"] for name in _MEASURES}
    values = (
        f"{METRICS[name].heading} {value:.{METRICS[name].digits}f}"
        for name, value in reference.items()
    )
    return (
        f"Sample quality: {protocol['num_images']:,} decoded means against as many test images, "
        f"{protocol['num_draws']} draws, k = {protocol['num_neighbors']}; training images in "
        "place of the samples have " + ", ".join(values) + "."
    )


def _load_test(session: Session) -> np.ndarray:
    """Returns the test images, gray, also those of a run with binarized ones."""
    from data import splits

    if session.settings["binarize"] == "none":
        return session.test[0]
    return splits.load_test(session.info, session.data_dir).images / np.float32(255)


def _keep(session: Session, test: np.ndarray) -> Kept:
    sources: list[Source] = [f"{NUM_DRAWS} draws, k = {NUM_NEIGHBORS}, seed {session.seed}", test]
    sources += [CLASSIFIERS[session.settings["dataset"]].sha256]
    sources += [np.asarray(weight) for weight in session.model.weights]
    return Kept(session, _KEPT, sources, num_columns=len(_GROUPS) * len(_MEASURES))


def _draw(session: Session, train: np.ndarray, count: int, draw: int) -> dict[str, np.ndarray]:
    """Returns the images of each group, (count, height, width, channels) in [0, 1]."""
    from evaluation import batching

    generator = np.random.default_rng([session.seed, draw])
    seed = int(generator.integers(2**31))
    images = train[generator.choice(len(train), count, replace=False)] / np.float32(255)
    inputs = images
    if session.settings["binarize"] != "none":
        inputs = (generator.random(images.shape, np.float32) < images).astype(np.float32)
    return {
        "samples": batching.decode(session, batching.sample_prior(session, count, seed)),
        "reconstructions": batching.reconstruct(session, inputs),
        "training_images": images,
    }


def _compare(
    network: keras.Model, images: np.ndarray, real: np.ndarray, radii: np.ndarray
) -> list[float]:
    """Returns the measures of images, in their order."""
    from evaluation import batching

    fake = batching.compute_features(network, images)
    measured = fidelity.measure_neighborhoods(real, fake, radii, NUM_NEIGHBORS)
    measured["frechet_distance"] = fidelity.measure_frechet_distance(real, fake)
    return [measured[name] for name in _MEASURES]
