"""Priors p(z): a module in ``models/priors`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import Number


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


PRIORS = {
    "standard_normal": Prior(
        "N(0, I)", by_dimension=True, numpy="z = rng.normal(size=({num}, {latent_dim}))"
    ),
    "mixture": Prior(
        "learned mixture of Gaussians",
        by_dimension=False,
        numpy=(
            'prior = np.load("prior.npz")\n'
            'chosen = rng.choice(len(prior["weights"]), {num}, p=prior["weights"])\n'
            'z = rng.normal(prior["means"][chosen], prior["stddevs"][chosen])'
        ),
        flags=(
            Flag("num_components", Number(int, 1, 10_000), 10, "Gaussians in the mixture", "nc"),
        ),
    ),
}
