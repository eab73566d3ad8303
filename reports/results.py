"""Writes docs/results.md from the published runs.

    python -m reports.results            from docs/results/<recipe>/<run>/
    python -m reports.results --collect  first copies there what trained_model/ and result/ hold

A recipe's figures stand beside those of the repository that it reproduces. What is not there
is called missing; nothing here is typed in but what others published.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cli
from reports.published import (
    Published,
    collect,
    collect_comparison,
    find_figures,
    find_finished,
    published,
)

RESULTS_DIR = cli.ROOT / "docs" / "results"
PAGE = cli.ROOT / "docs" / "results.md"
MISSING = "not run"


class Recipe(NamedTuple):
    """One flag file, and the flags beside it of each of its runs."""

    name: str
    variants: tuple[tuple[str, ...], ...] = ((),)

    def settings(self, variant: Sequence[str]) -> list[dict[str, Any]]:
        """Returns what determines the result of each run that train.py makes of a variant."""
        argv = ["train.py", f"--flagfile={cli.ROOT / 'configs' / self.name}.flags", *variant]
        flags = cli.parse_train(argv)
        each = [of_one for _, _, of_one in cli.parse_each(argv, flags)]
        return each or [cli.settings(flags)]


LOOSER = (("--l2=0",), ("--l2=0", "--initializer=glorot_uniform"))
SEEDS = tuple(("--num_labels=1000", f"--seed={seed}") for seed in range(3))
DEEPER = (
    "--sweep=latent_dim=2,4,8,10,20",
    "--hidden_dim=512,512,512",
    "--corruption=1",
    "--num_epochs=80",
)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("fashion_m1", ((), *LOOSER)),
        Recipe("fashion_m1_ours"),
        Recipe("fashion_autoencoder"),
        Recipe("mnist_mlp", tuple((f"--latent_dim={dim}",) for dim in (2, 5, 10))),
        Recipe("conv"),
        Recipe("conv_classifier", ((), *SEEDS)),
        Recipe("conv_classifier_ours", ((), *SEEDS)),
        Recipe("conv_mse"),
        Recipe("conv_mse_ours"),
        Recipe("dimensions"),
        Recipe("dimensions_ours", ((), DEEPER)),
    )
}

# Recipe → recipes, and a variant of each, whose runs are compared: `evaluate.py --compare`.
COMPARISONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "fashion_autoencoder": (("fashion_m1", ()), ("fashion_autoencoder", ())),
    "dimensions": (("dimensions", ()),),
    "dimensions_ours": (("dimensions_ours", ()), ("dimensions_ours", DEEPER)),
}

Row = Sequence[object]


def table(header: Row, rows: Sequence[Row]) -> str:
    """Returns a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def shown(value: float | None, digits: int = 2) -> str:
    """Returns a number as it is printed, or that it is not there."""
    return MISSING if value is None else f"{value:.{digits}f}"


def judged(value: float | None, aim: float | None, more_is_better: bool, digits: int = 2) -> str:
    """Returns a number, in bold where it misses its aim, if there is one."""
    if value is None or aim is None:
        return shown(value, digits)
    missed = value < aim if more_is_better else value > aim
    return f"**{value:.{digits}f}**, missed" if missed else f"{value:.{digits}f}"


def commands(recipe: str, runs: Sequence[Published]) -> str:
    """Returns how the runs of a recipe came about, and how long they took."""
    if not runs:
        return f"`{recipe}`: {MISSING}."
    lines = dict.fromkeys(run.record["command"] for run in runs)
    times = ", ".join(f"{run.minutes:.0f}" for run in runs)
    return "```\n" + "\n".join(lines) + f"\n```\n{times} minutes."


def test_loss(run: Published | None) -> float | None:
    """Returns −log p(x|z) + KL of the test images, in nats an image, of the best epoch."""
    metrics = run.measured("metrics") if run else None
    return None if metrics is None else -metrics["elbo"]["mean"]


def fashion_m1(runs: dict[str, list[Published]]) -> str:
    """Seed 000: a VAE of Fashion-MNIST with β = 0.005, and a classifier of its z."""
    variants = {(run.flags["l2"] > 0, run.flags["initializer"]): run for run in runs["fashion_m1"]}
    as_published = variants.get((True, "normal"))
    ours = next(iter(runs["fashion_m1_ours"]), None)
    rows: list[Row] = [("published", 217.95, 220.91), ("aim", 206, 208)]
    for name, run in (
        ("this recipe", as_published),
        ("without weight decay", variants.get((False, "normal"))),
        ("nor kernels from N(0, 0.001²)", variants.get((False, "glorot_uniform"))),
    ):
        train = test = None
        if run:
            train = run.history[-1]["loss"]
            metrics = run.measured("metrics_last")
            if metrics:
                test = metrics["reconstruction"]["mean"] + run.flags["beta"] * metrics["kl"]["mean"]
        rows.append((name, judged(train, 206, False), judged(test, 208, False)))
    losses = table(("reconstruction + 0.005 KL after 25 epochs", "training", "test"), rows)
    published = {100: 0.711, 600: 0.797, 1000: 0.811, 3000: 0.832}  # one subset each
    aims = {100: 0.760, 600: 0.830, 1000: 0.845, 3000: 0.870}
    classified = (
        ("this recipe, SVM on z", as_published, "svm_latent", published),
        ("ours, SVM on z", ours, "svm_latent", None),
        ("ours, SVM on z and its neighbourhood", ours, "svm_neighbourhood", None),
        ("ours, the same of shifted images too", ours, "svm_shifts", aims),
        ("ours, nearest neighbours in z", ours, "neighbours_latent", None),
        ("SVM on pixels", ours, "svm_pixels", None),
    )
    rows = [("published", *published.values()), ("aim for ours", *aims.values())]
    for name, run, method, aim in classified:
        cells = (
            accuracy(run, method, labels, aim[labels] if aim else None) for labels in published
        )
        rows.append((name, *cells))
    svm = table(("test accuracy, labels:", *published), rows)
    return f"{losses}\n\n{svm}\n"


def accuracy(run: Published | None, method: str, labels: int, aim: float | None) -> str:
    """Returns a classifier's test accuracy, mean ± standard deviation over subsets of labels."""
    measured = run.measured("classification") if run else None
    for row in measured["accuracy"] if measured else ():
        if (row["method"], row["labels"]) == (method, labels):
            cell = f"{row['mean']:.3f} ± {row['standard_deviation']:.3f}"
            return f"**{cell}**, missed" if aim and row["mean"] < aim else cell
    return MISSING


def mnist_mlp(runs: dict[str, list[Published]]) -> str:
    """Seed 001: one hidden layer of 500, in 2, 5 and 10 latent dimensions."""
    rows: list[Row] = []
    for run in runs["mnist_mlp"]:
        metrics = run.measured("metrics")
        if metrics is None:
            continue
        parts = (
            f"{metrics[name]['mean']:.2f} ± {metrics[name]['standard_error']:.2f}"
            for name in ("elbo", "reconstruction", "kl")
        )
        rows.append((run.flags["latent_dim"], *parts, metrics["active_units"]))
    header = ("latent_dim", "test ELBO", "reconstruction", "KL", "active units")
    return "The repository publishes pictures, no figures.\n\n" + table(header, rows) + "\n"


def conv_classifier(runs: dict[str, list[Published]]) -> str:
    """Seed 002: a convolutional VAE in two dimensions, alone and with a classifier of z."""
    by_labels: dict[tuple[str, object], list[float]] = {}
    for name in ("conv_classifier", "conv_classifier_ours"):
        for run in runs[name]:
            metrics = run.measured("metrics")
            if metrics is not None:
                labels = run.flags["num_labels"] or "all"
                by_labels.setdefault((name, labels), []).append(metrics["accuracy"]["mean"])
    rows: list[Row] = []
    for (name, labels), found in by_labels.items():
        spread = f" ± {statistics.stdev(found):.4f}" if len(found) > 1 else ""
        mean = judged(statistics.mean(found), 0.97 if labels == "all" else None, True, 4)
        rows.append((name, labels, mean + spread, len(found)))
    alone = test_loss(next(iter(runs["conv"]), None))
    header = ("recipe", "labelled images", "test accuracy of the classifier on z", "runs")
    return (
        f"{table(header, rows)}\n\nThe aim is 0.97 with all labels. The repository publishes "
        f"pictures, no figures. `conv`, which has no classifier: {shown(alone)} nats an image.\n"
    )


def conv_mse(runs: dict[str, list[Published]]) -> str:
    """Seed 003: squared error + KL."""
    rows: list[Row] = [("published, a training batch", 16.28, 11.13, 27.416)]
    for title, name in (("this recipe", "conv_mse"), ("ours", "conv_mse_ours")):
        run = next(iter(runs[name]), None)
        metrics = run.measured("metrics") if run else None
        error = kl = total = None
        if metrics:
            total, kl = metrics["squared_error_plus_kl"]["mean"], metrics["kl"]["mean"]
            error = total - kl
        row = (shown(error), shown(kl), judged(total, 27.416, False))
        rows.append((f"{title}, 10,000 test images", *row))
    return table(("8 dimensions", "squared error", "KL", "sum"), rows) + "\n"


DIMENSIONS = {
    2: (142, 135),
    4: (124, 115),
    8: (110, 99),
    10: (108, 95.5),
    20: (106.5, 92.5),
    100: (107.3, 92.5),
}  # latent_dim: published, the aim for ours


def dimensions(runs: dict[str, list[Published]]) -> str:
    """Seed 004: what more latent dimensions are worth."""
    recipe = {run.flags["latent_dim"]: run for run in runs["dimensions"]}
    ours = {run.flags["latent_dim"]: run for run in runs["dimensions_ours"]}
    rows = []
    for dim, (theirs, aim) in DIMENSIONS.items():
        metrics = recipe[dim].measured("metrics") if dim in recipe else None
        active = metrics["active_units"] if metrics else MISSING
        kl = metrics["kl"]["mean"] if metrics else None
        rows.append(
            (
                dim,
                theirs,
                judged(test_loss(recipe.get(dim)), theirs, False),
                shown(kl),
                active,
                judged(test_loss(ours.get(dim)), aim, False),
                aim,
            )
        )
    header = (
        "latent_dim",
        "published, training",
        "this recipe, test",
        "its KL",
        "active units",
        "ours, test",
        "aim for ours",
    )
    return table(header, rows) + "\n"


SECTIONS: tuple[tuple[str, Callable[[dict[str, list[Published]]], str], tuple[str, ...]], ...] = (
    (
        "Fashion-MNIST, M1 and an SVM",
        fashion_m1,
        ("fashion_m1", "fashion_m1_ours", "fashion_autoencoder"),
    ),
    ("MNIST, fully connected", mnist_mlp, ("mnist_mlp",)),
    (
        "Convolutions, and a classifier of z",
        conv_classifier,
        ("conv", "conv_classifier", "conv_classifier_ours"),
    ),
    ("Convolutions, squared error", conv_mse, ("conv_mse", "conv_mse_ours")),
    ("How many dimensions", dimensions, ("dimensions", "dimensions_ours")),
)

PREAMBLE = """# Results

Five public repositories inspired this one. Each is a recipe here; its figures stand beside ours.
This page is made by `make results` from the runs' own files, which lie in
[docs/results](results). Ours are on the 10,000 test images and were chosen on validation images;
± is the standard error over images, or, of accuracies, the standard deviation over subsets or
runs. Nats an image throughout; a bold figure misses its aim. The minutes are the
number of epochs times the median epoch, on one core of two that did other work as well; what a
recipe takes of a machine with nothing else to do is said in its flag file.

Grey pixels are no Bernoulli data: no model gets below their entropy, 45.5 nats on MNIST and 189.9
on Fashion-MNIST, which is part of every reconstruction here ([likelihoods](likelihoods.md)).
"""


def write_page(root: Path) -> str:
    """Returns the page, from the runs in ``root``."""
    parts = [PREAMBLE]
    for title, write, names in SECTIONS:
        runs = {name: published(root, name) for name in names}
        parts += [f"## {title}\n", write(runs)]
        for name in names:
            parts.append(commands(name, runs[name]) + "\n")
        drawn = [path for name in names for path in find_figures(root / name)]
        parts += [
            f"![{path.stem} of {path.parent.name}]({path.relative_to(root.parent)})\n"
            for path in drawn
        ]
    return "\n".join(parts)


def main(arguments: Sequence[str]) -> None:
    if list(arguments) not in ([], ["--collect"]):
        sys.exit(f"received {' '.join(arguments)}: type nothing, or --collect")
    if arguments:
        finished = find_finished(cli.TRAINED_MODEL_DIR)
        for recipe in RECIPES.values():
            wanted = [one for variant in recipe.variants for one in recipe.settings(variant)]
            written = collect(RESULTS_DIR / recipe.name, wanted, finished, cli.RESULT_DIR)
            compared = [
                one
                for name, variant in COMPARISONS.get(recipe.name, ())
                for one in RECIPES[name].settings(variant)
            ]
            written += collect_comparison(
                RESULTS_DIR / recipe.name, compared, finished, cli.RESULT_DIR
            )
            for folder in written:
                print(folder.relative_to(cli.ROOT))
    PAGE.write_text(write_page(RESULTS_DIR), encoding="utf-8")
    print("written:", PAGE.relative_to(cli.ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
