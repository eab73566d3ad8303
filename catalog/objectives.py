"""Training objectives: a module in ``models/objectives`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import Number


class Objective(NamedTuple):
    """What the optimizer minimizes.

    Attributes:
        description: one line for the help text.
        flags: that it reads.
        needs_kl_by_dimension: flags that need a prior whose KL is known for each dimension.
        needs_one_level: whether q(z|x) must be one Gaussian, which a hierarchy's is not.
    """

    description: str
    flags: tuple[Flag, ...] = ()
    needs_kl_by_dimension: tuple[str, ...] = ()
    needs_one_level: bool = False


_FREE_BITS = Flag(
    "free_bits",
    Number(float, 0),
    0.0,
    "minimum KL per latent dimension (batch mean), in nats",
    "free",
)

_NUM_SAMPLES = Flag("num_samples", Number(int, 1, 10_000), 5, "samples of z per image", "ns")

OBJECTIVES = {
    "elbo": Objective(
        "the negative evidence lower bound", (_FREE_BITS,), needs_kl_by_dimension=("free_bits",)
    ),
    "stl": Objective(
        "the same, with the KL of the sampled z and the path derivative (Roeder et al., 2017)"
    ),
    "iwae": Objective("the importance-weighted bound", (_NUM_SAMPLES,)),
    "dreg": Objective(
        "the same with the doubly reparameterized gradient (Tucker et al., 2019)", (_NUM_SAMPLES,)
    ),
    "tc": Objective(
        "the bound with --tc_weight times the total correlation of z (β-TC-VAE, Chen et al., 2018)",
        (
            Flag(
                "tc_weight",
                Number(float, 0),
                6.0,
                "weight of the total correlation, called β by Chen et al. (2018); 1: the bound",
                "tc",
            ),
        ),
        needs_one_level=True,
    ),
}
