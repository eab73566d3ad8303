"""Priors p(z): a module in ``models/priors`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import SIZE, Number


class Prior(NamedTuple):
    """A distribution of latent variables.

    Attributes:
        description: one line for the help text.
        by_dimension: whether the KL has a closed form for each latent dimension.
        numpy: code that draws z, {num} rows of {latent_dim} numbers, with the generator ``rng``,
            for users of an exported model; it finds the prior's ``arrays`` in prior.npz.
        flags: that it reads.
    """

    description: str
    by_dimension: bool
    numpy: str
    flags: tuple[Flag, ...] = ()


_NUM_COMPONENTS = Flag(
    "num_components", Number(int, 1, 100_000), 10, "Gaussians in the mixture", "nc"
)
_DRAW_FROM_MIXTURE = (
    'prior = np.load("prior.npz")\n'
    'chosen = rng.choice(len(prior["weights"]), {num}, p=prior["weights"])\n'
    'z = rng.normal(prior["means"][chosen], prior["stddevs"][chosen])'
)

PRIORS = {
    "standard_normal": Prior(
        "N(0, I)", by_dimension=True, numpy="z = rng.normal(size=({num}, {latent_dim}))"
    ),
    "mixture": Prior(
        "learned mixture of Gaussians",
        by_dimension=False,
        numpy=_DRAW_FROM_MIXTURE,
        flags=(_NUM_COMPONENTS,),
    ),
    "vamp": Prior(
        "mixture of the posteriors of learned pseudo-inputs",
        by_dimension=False,
        numpy=_DRAW_FROM_MIXTURE,
        flags=(_NUM_COMPONENTS.with_default(500),),
    ),
    "exemplar": Prior(
        "mixture of Gaussians at the posterior means of training images",
        by_dimension=False,
        numpy=_DRAW_FROM_MIXTURE,
        flags=(_NUM_COMPONENTS.with_default(5000),),
    ),
    "realnvp": Prior(
        "normalizing flow of affine couplings",
        by_dimension=False,
        numpy=(
            'prior = np.load("prior.npz")\n'
            "z = rng.normal(size=({num}, {latent_dim}))\n"
            "for mask, *w in reversed([*zip(*prior.values())]):\n"
            "    features = np.maximum(z * mask @ w[0] + w[1], 0)\n"
            "    features = np.maximum(features @ w[2] + w[3], 0)\n"
            "    log_scale, shift = np.split(features @ w[4] + w[5], 2, axis=1)\n"
            "    z = np.where(mask, z, (z - shift) * np.exp(-np.tanh(log_scale)))"
        ),
        flags=(
            Flag("num_couplings", Number(int, 1, 100), 8, "couplings of the flow", "ncp"),
            Flag("coupling_units", SIZE, 128, "units of their hidden layers", "cu"),
        ),
    ),
}
