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
        flags: that it reads.
    """

    description: str
    by_dimension: bool
    flags: tuple[Flag, ...] = ()


PRIORS = {
    "standard_normal": Prior("N(0, I)", by_dimension=True),
    "mixture": Prior(
        "learned mixture of Gaussians",
        by_dimension=False,
        flags=(
            Flag("num_components", Number(int, 1, 10_000), 10, "Gaussians in the mixture", "nc"),
        ),
    ),
}
