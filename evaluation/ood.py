"""``--ood``: whether the loss tells other images from those of the dataset.

Seed 002's experiment. The model has not been told of any other images: the loss of an image
alone is the detector. A model may well find other images likelier than its own: Nalisnick et
al. (2019), arXiv:1810.09136; an area under the ROC curve below ½ is that finding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import figures
import runs
from evaluation import RequestError, detection
from evaluation.context import Context

SCORES = ("loss", "reconstruction", "kl")  # those that the model has
_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def check(context: Context) -> None:
    """Raises RequestError for a second dataset that the model cannot be given."""
    name, own = context.flags["ood_dataset"], context.record["flags"]["dataset"]
    if name is None:
        return
    shape = context.datasets[own].image_shape
    fit = [
        other
        for other, info in context.datasets.items()
        if other != own and info.image_shape == shape
    ]
    expected = f"expected {' or '.join(fit)}" if fit else "there is none: leave it out"
    if name == own:
        raise RequestError(f"flag --ood_dataset={name}: the run was trained on it; {expected}")
    if name not in fit:
        sizes = ["×".join(map(str, size)) for size in (context.datasets[name].image_shape, shape)]
        raise RequestError(
            f"flag --ood_dataset={name}: its images are {sizes[0]}, those of the run's {own} "
            f"{sizes[1]}; {expected}"
        )


def run(context: Context) -> list[Path]:
    """Prints a table, writes ood.json, and draws how the losses are distributed."""
    titles, losses = {}, {}
    for name, (title, images) in make_groups(context).items():
        print(f"  scoring {len(images):,} images: {title}", flush=True)
        titles[name], losses[name] = title, score(context, images)
        for kind, values in losses[name].items():
            if not np.isfinite(values).all():
                raise runs.RunError(f"the {kind} of {title} is not a finite number for every image")
    measured = measure(context, titles, losses)
    print(_table(measured))
    path = context.path("ood.json")
    with runs.write_atomically(path) as beside:
        text = json.dumps(measured, indent=2, ensure_ascii=False, allow_nan=False)
        beside.write_text(text + "\n", encoding="utf-8")
    rows = [
        (titles[group["name"]], losses[group["name"]]["loss"], group["auc"].get("loss"))
        for group in measured["groups"]
    ]
    figure = figures.draw_loss_distributions(
        rows,
        "Which images the model finds unlikely",
        f"{context.subtitle} · box: median and quartiles, whiskers: 1 % and 99 % of the images · "
        "AUC: how well the loss tells them from test images, ½ is chance, below it they are found "
        f"likelier · samples: {measured['samples_are']} · seed {context.seed}",
    )
    return [path, *context.save_figure(figure, "ood")]


def make_groups(context: Context) -> dict[str, tuple[str, np.ndarray]]:
    """Returns what is scored: name → title and images in [0, 1]; the test images first.

    As many samples and noise images as there are test images; all test images of the second
    dataset. Where the run's pixels are binarised, the pixels of samples and noise are drawn
    black or white as well: grey ones would be told apart by their greyness.
    """
    from evaluation import batching

    images, _ = context.test
    generator = np.random.default_rng(context.seed)
    z = np.asarray(context.model.prior.sample(len(images), context.latent_dim, context.seed))
    samples = batching.decode(context.model, z)
    noise = generator.random(images.shape, np.float32)
    if context.record["flags"]["binarize"] != "none":
        samples, noise = (
            (generator.random(grey.shape, np.float32) < grey).astype(np.float32)
            for grey in (samples, noise)
        )
    prior = "the prior" if context.model.variational else "N(0, I)"
    groups = {
        "test": (f"{context.record['flags']['dataset']}, test images", images),
        "samples": (f"samples from {prior}", samples),
        "noise": ("uniform noise", noise),
    }
    other = context.flags["ood_dataset"]
    if other is not None:
        assert context.load_test_of is not None
        groups["other"] = (f"{other}, test images", context.load_test_of(other)[0])
    return groups


def score(context: Context, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the losses of each image by name, (num_images,) each, z drawn by the seed."""
    from evaluation import batching

    losses = batching.compute_losses(context.model, images, context.seed)
    return {name: losses[name] for name in SCORES if name in losses}


def measure(
    context: Context, titles: dict[str, str], losses: dict[str, dict[str, np.ndarray]]
) -> dict[str, Any]:
    """Returns what ood.json holds: how each loss is distributed, and what it tells apart.

    Args:
        titles: of each group.
        losses: group → name → (num_images,); the group ``test`` is what the others are told
            from.
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
                **{kind: _summarise(values) for kind, values in of_group.items()},
                "auc": found,
            }
        )
    grey = context.record["flags"]["binarize"] == "none"
    return {
        "run": context.run.name,
        "checkpoint": context.checkpoint,
        "split": "test",
        "binarize": context.record["flags"]["binarize"],
        "samples_are": "the decoded means, grey" if grey else "black and white, drawn from p(x|z)",
        "seed": context.seed,
        "groups": groups,
    }


def _summarise(values: np.ndarray) -> dict[str, Any]:
    """Returns mean, standard deviation and quantiles over images, in nats."""
    found = np.quantile(values.astype(np.float64), _QUANTILES)
    return {
        "mean": float(values.mean(dtype=np.float64)),
        "standard_deviation": float(values.std(ddof=1, dtype=np.float64)),
        "quantiles": {
            f"{quantile:g}": float(value) for quantile, value in zip(_QUANTILES, found, strict=True)
        },
    }


def _table(measured: dict[str, Any]) -> str:
    """Returns the losses, and how well each tells a group from the test images."""
    kinds = [kind for kind in SCORES if kind in measured["groups"][0]]
    lines = [
        "nats an image, median; area under the ROC curve (AUC) of each against the test images: "
        "1 tells them apart, ½ is chance, below ½ they are found likelier",
        f"samples are {measured['samples_are']}",
        " " * 34
        + "".join(f"{kind:>16}" for kind in kinds)
        + "".join(f"{'AUC ' + kind:>20}" for kind in kinds),
    ]
    for group in measured["groups"]:
        medians = [f"{group[kind]['quantiles']['0.5']:>16.2f}" for kind in kinds]
        areas = [f"{group['auc'][kind]['area']:>20.4f}" for kind in kinds if group["auc"]]
        lines.append(f"  {group['title']:<32}" + "".join(medians + areas))
    return "\n".join(lines)
