"""Test negative log-likelihoods in docs/results.md, compared with published ones."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from publishing.published import Published, has_settings
from publishing.recipes import Recipe
from publishing.tables import MISSING, Row, judged, make_table, shown, spread

SEEDS = range(3)
_BUDGET = ("num_epochs", "beta_steps")  # flags of a recipe's longer and shorter runs


class Target(NamedTuple):
    """A published likelihood, and the recipe that is to reach it.

    Attributes:
        model: name of the model.
        source: of the published NLL.
        published: NLL in nats, as published; in parentheses, by a public reproduction.
        target: for our NLL, in nats.
        recipe: name of the flag file.
        variant: further flags.
    """

    model: str
    source: str
    published: str
    target: float
    recipe: str
    variant: tuple[str, ...] = ()

    def select(self, runs: Sequence[Published]) -> list[Published]:
        """Returns the runs with these settings, whatever their seed and number of epochs."""
        (wanted,) = Recipe(self.recipe).settings(self.variant)
        varied = ("seed", *_BUDGET)
        return [run for run in runs if has_settings(run.flags, wanted, varied)]


ONE_LAYER = "nll_one_layer"
TWO_LEVELS = "nll_two_levels"
MLP = "nll_mlp"
RESNET = "nll_resnet"


def _lasting(num_epochs: int) -> tuple[str, ...]:
    """Returns flags for training this long; β rises to 1 in the first tenth."""
    return (f"--num_epochs={num_epochs}", f"--beta_steps={55 * num_epochs}")


def _iwae(num_samples: int, num_epochs: int) -> tuple[str, ...]:
    return ("--objective=dreg", f"--num_samples={num_samples}", *_lasting(num_epochs))


_LOWER_RATE = ("--learning_rate=0.001", *_lasting(800))
_LARGER_BATCHES = ("--batch_size=250", "--num_epochs=300", "--beta_steps=6600")
_VAMP = ("--prior=vamp", *_LARGER_BATCHES)
_EXEMPLAR = ("--prior=exemplar", *_LARGER_BATCHES)
_LEVELS = ("--model=hierarchical_vae", "--latent_dim=40,40")
_FASHION = ("--dataset=fashion_mnist", "--learning_rate=0.001")
_FASHION_RESNET = (*_FASHION, "--prior=vamp", "--batch_size=250", "--beta_steps=440")
BURDA, NOROUZI = "Burda et al. (2016)", "Norouzi et al. (2020)"
MNIST = (
    Target("VAE, one layer", BURDA, "86.76 (86.35)", 86.3, ONE_LAYER),
    Target("IWAE, 5 samples", BURDA, "85.54 (85.18)", 85.1, ONE_LAYER, _iwae(5, 600)),
    Target("IWAE, 50 samples", BURDA, "84.78 (84.59)", 84.5, ONE_LAYER, _iwae(50, 40)),
    Target("VAE, two levels", BURDA, "85.33 (84.83)", 84.8, TWO_LEVELS),
    Target("IWAE, two levels, 5 samples", BURDA, "83.89 (83.48)", 83.4, TWO_LEVELS, _iwae(5, 100)),
    Target("MLP, N(0, I)", NOROUZI, "84.45", 84.2, MLP, _LOWER_RATE),
    Target("MLP, VampPrior", NOROUZI, "82.43", 82.3, MLP, _VAMP),
    Target("MLP, exemplars", NOROUZI, "82.09", 82.0, MLP, _EXEMPLAR),
    Target("MLP, two levels, VampPrior", NOROUZI, "81.56", 81.4, MLP, (*_LEVELS, *_VAMP)),
    Target("residual network, RealNVP prior", "Xu et al. (2019)", "78.49", 80.0, RESNET),
)
FASHION_MNIST = (
    Target("MLP, N(0, I)", NOROUZI, "228.70", 228.4, MLP, (*_FASHION, "--beta_steps=5500")),
    Target("MLP, VampPrior", NOROUZI, "227.35", 227.2, MLP, (*_FASHION, *_VAMP)),
    Target("convolutional, VampPrior", NOROUZI, "224.67", 225.5, RESNET, _FASHION_RESNET),
)


SHORTER = (_lasting(60), _lasting(250))


def _recipe(name: str) -> Recipe:
    """Returns a recipe with every seed of its variants, and the shorter runs of the first."""
    targets = [target for target in (*MNIST, *FASHION_MNIST) if target.recipe == name]
    variants = [(*target.variant, f"--seed={seed}") for target in targets for seed in SEEDS]
    return Recipe(name, (*variants, *(SHORTER if name == ONE_LAYER else ())))


RECIPES = tuple(_recipe(name) for name in (ONE_LAYER, TWO_LEVELS, MLP, RESNET))


_PROTOCOL = """\
The tables show the negative log-likelihood (NLL) of the 10,000 test images. It is estimated from
`samples` importance samples per image (`evaluate.py --nll 5000`; Burda et al., 2016, equation 8);
on average, fewer give a higher one. Pixels are drawn black or white: those of the test images once,
those of the training images in each epoch (dynamic binarization). Training used 55,000 images; the
other 5,000 chose the settings, and the epoch by their −ELBO. The standard error is over images; ±
is the standard deviation over seeds. `minutes` is the time of one training.

In parentheses: the runs of the repository nbip/IWAE. The targets are this project's own: below the
published values, except for the two convolutional networks. Our MLPs have GELU in place of tanh or
of gated layers. They train with the path derivative of the ELBO (`stl`; DReG for IWAE), a β that at
first rises from 0, and a learning rate that falls to 0. The two-level models of Burda et al. have
100 and 50 dimensions, sample the lower level first and decode it alone; ours have 50 and 50, sample
the upper level first and decode both, with networks of 500 units between them. The published
convolutional network for Fashion-MNIST has two levels; ours is the residual network, with one. The
published exemplars are all training images; ours are the 249 other images of a batch in training,
and the last 5,000 images after it.

"""


def write(runs: dict[str, list[Published]]) -> str:
    """Returns the tables: MNIST, Fashion-MNIST, and what longer training brings."""
    return (
        f"{_PROTOCOL}{_accuracy(runs)}\n"
        f"{_table('MNIST', MNIST, runs)}\n"
        f"{_table('Fashion-MNIST', FASHION_MNIST, runs)}\n"
        f"What longer training brings to the first row:\n\n"
        f"{_longer(MNIST[0].select(runs[MNIST[0].recipe]))}"
    )


def _accuracy(runs: dict[str, list[Published]]) -> str:
    """Returns a sentence on how accurate the estimates are."""
    found = [one for of_recipe in runs.values() for one in _estimated(of_recipe)]
    if not found:
        return ""
    bias = max(metrics["importance_sampling"]["bias"] for _, metrics in found)
    return (
        f"By the delta method the estimates are too high by at most {bias:.2f} nats (`bias` in "
        "metrics.json).\n"
    )


def _estimated(runs: Sequence[Published]) -> list[tuple[Published, dict[str, Any]]]:
    """Returns the runs whose NLL was estimated, each with its metrics."""
    measured = [(run, run.measured("metrics") or {}) for run in runs]
    return [(run, metrics) for run, metrics in measured if "nll" in metrics]


def _table(dataset: str, targets: Sequence[Target], runs: dict[str, list[Published]]) -> str:
    ours = ("target", "NLL", "standard error", "−ELBO", "samples", "seeds", "epochs", "minutes")
    header = (dataset, "source", "published", *ours)
    return make_table(header, [_cells(target, runs[target.recipe]) for target in targets])


def _cells(target: Target, runs: Sequence[Published]) -> Row:
    """Returns the row of a target: the mean of its longest runs, which differ in their seeds."""
    first = (target.model, target.source, target.published, target.target)
    found = _estimated(target.select(runs))
    epochs = max((run.flags["num_epochs"] for run, _ in found), default=0)
    longest = [(run, metrics) for run, metrics in found if run.flags["num_epochs"] == epochs]
    if not longest:
        return (*first, MISSING, *[""] * 6)
    nll = [metrics["nll"]["mean"] for _, metrics in longest]
    return (
        *first,
        judged(statistics.mean(nll), target.target, "nll") + spread(nll),
        shown(statistics.mean(metrics["nll"]["standard_error"] for _, metrics in longest)),
        shown(-statistics.mean(metrics["elbo"]["mean"] for _, metrics in longest)),
        f"{min(metrics['importance_sampling']['num_samples'] for _, metrics in longest):,}",
        len(nll),
        f"{epochs:,}",
        f"{statistics.mean(run.minutes for run, _ in longest):.0f}",
    )


def _longer(runs: Sequence[Published]) -> str:
    """Returns the table of one model after more and more epochs."""
    rows = [
        (f"{run.flags['num_epochs']:,}", f"{run.minutes:.0f}", shown(metrics["nll"]["mean"]))
        for run, metrics in _estimated(sorted(runs, key=lambda run: run.flags["num_epochs"]))
        if run.flags["seed"] == 0
    ]
    return make_table(("epochs", "minutes", "NLL"), rows)
