"""``--ood``: how well the loss detects out-of-distribution images.

The experiment of a published convolutional VAE. The loss of an image is its score; training uses
no out-of-distribution images. These may get a lower loss than the test images (Nalisnick et al.,
2019, arXiv:1810.09136); the area under the ROC curve is then below ½.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import data
import figures
from catalog.datasets import DATASETS
from catalog.metrics import METRICS, NATS
from evaluation import RequestError
from evaluation.session import Session
from evaluation.statistics import detection, summaries

_TITLE, _CELL = 27, 17  # widths in the table, which has 80 columns

Groups = dict[str, tuple[str, np.ndarray]]  # name → title, images


def check(session: Session) -> None:
    """Raises RequestError for a second dataset whose images do not fit the model."""
    name, own = session.flags["ood_dataset"], session.dataset_name
    if name is None:
        return
    shape = session.info.image_shape
    shape_text = "×".join(map(str, shape))
    fitting = [
        other for other, info in DATASETS.items() if other != own and info.image_shape == shape
    ]
    advice = f"no other dataset has images of {shape_text}: omit --ood_dataset"
    if fitting:
        advice = f"expected {' or '.join(fitting)}"
    if name == own:
        raise RequestError(f"flag --ood_dataset={name}: the run was trained on it; {advice}")
    found = data.describe(name, session.data_dir).image_shape
    if found != shape:
        raise RequestError(
            f"flag --ood_dataset={name}: its images are {'×'.join(map(str, found))}, those of the "
            f"run's {own} {shape_text}; {advice}"
        )


def run(session: Session) -> list[Path]:
    """Prints a table, writes ood.json, and draws the distribution of the loss in each group."""
    groups, losses = make_groups(session), {}
    for name, (title, images) in groups.items():
        print(f"  scoring {len(images):,} images: {title}", flush=True)
        losses[name] = score(session, images)
    measured = measure(session, {name: title for name, (title, _) in groups.items()}, losses)
    print(_format(measured))
    path = session.write_json("ood.json", measured)
    rows = [
        (group["title"], losses[group["name"]]["loss"], group["auc"].get("loss"))
        for group in measured["groups"]
    ]
    figure = figures.draw_loss_distributions(
        rows,
        "Loss of out-of-distribution images",
        f"{session.subtitle} · box: quartiles, whiskers: 1 % to 99 % · AUC: ½ chance, below ½ more "
        f"likely than test images · samples: {measured['samples_are']}{session.seed_note}",
    )
    return [path, *session.save_figure(figure, "ood")]


def make_groups(session: Session) -> Groups:
    """Returns the images to score: name → title and images in [0, 1]; test images first.

    There are as many samples and noise images as test images, and all test images of the second
    dataset. If the run has binarized pixels, those of samples and noise are binarized too, so that
    gray pixels do not reveal them.
    """
    from evaluation import batching

    dataset = session.dataset_name
    images, _ = session.test
    generator = np.random.default_rng(session.seed)
    samples = batching.decode(session, batching.sample_prior(session, len(images)))
    noise = generator.random(images.shape, np.float32)
    if session.settings["binarize"] != "none":
        samples, noise = (
            (generator.random(gray.shape, np.float32) < gray).astype(np.float32)
            for gray in (samples, noise)
        )
    prior = "the prior" if session.model.is_variational else "N(0, I)"
    groups = {
        "test": (f"{dataset}, test images", images),
        "samples": (f"samples from {prior}", samples),
        "noise": ("uniform noise", noise),
    }
    other = session.flags["ood_dataset"]
    if other is not None:
        groups["other"] = (f"{other}, test images", session.load_images(other, "test")[0])
    return groups


def score(session: Session, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the losses that need no labels, (num_images,) each; the seed determines z."""
    from evaluation import batching

    losses = batching.compute_losses(session, images)
    return {
        name: losses[name]
        for name, metric in METRICS.items()
        if name in losses and metric.unit == NATS and not metric.needs_labels
    }


def measure(
    session: Session, titles: dict[str, str], losses: dict[str, dict[str, np.ndarray]]
) -> dict[str, Any]:
    """Returns the content of ood.json: how each loss is distributed, and its AUC by group.

    Args:
        titles: of each group.
        losses: group → name → (num_images,); the others are compared with the group ``test``.
    """
    groups = []
    for name, of_group in losses.items():
        found = {}
        for kind, values in of_group.items():
            if name != "test":
                auc, error = detection.measure_auc(losses["test"][kind], values)
                found[kind] = {"area": auc, "standard_error": error}
        groups.append(
            {
                "name": name,
                "title": titles[name],
                "num_images": len(next(iter(of_group.values()))),
                **{
                    kind: summaries.summarize_distribution(values)
                    for kind, values in of_group.items()
                },
                "auc": found,
            }
        )
    samples = "black and white, drawn from p(x|z)"
    if session.settings["binarize"] == "none":
        is_gray = session.info.image_shape[-1] == 1
        samples = "the decoded means, gray" if is_gray else "the decoded means"
    return {
        "run": session.run.name,
        "checkpoint": session.checkpoint,
        "split": "test",
        "binarize": session.settings["binarize"],
        "samples_are": samples,
        "seed": session.seed,
        "groups": groups,
    }


def _format(measured: dict[str, Any]) -> str:
    """Returns a table of medians and AUCs, with one row per group."""
    kinds = [name for name in METRICS if name in measured["groups"][0]]
    lines = [
        f"median in {NATS}, then the area under the ROC curve (AUC) against",
        "the test images: 1: separated, ½: chance, below ½: scored as more likely",
        f"samples are {measured['samples_are']}",
        " " * _TITLE + "".join(f"{METRICS[kind].heading:>{_CELL}}" for kind in kinds),
    ]
    for group in measured["groups"]:
        title = group["title"]
        if len(title) > _TITLE - 1:
            title = f"{title[: _TITLE - 2]}…"
        line = f"{title:<{_TITLE}}"
        for kind in kinds:
            area = f"{group['auc'][kind]['area']:.4f}" if group["auc"] else ""
            line += f"{group[kind]['quantiles']['0.5']:>{_CELL - 7}.2f} {area:>6}"
        lines.append(line.rstrip())
    return "\n".join(lines)
