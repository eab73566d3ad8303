"""Models: a module in ``models/`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag, describe
from catalog.objectives import OBJECTIVES
from catalog.priors import PRIORS
from catalog.schedules import BETA_SCHEDULES
from catalog.training import LATENT_DIM
from catalog.values import COUNT, SIZE, Choice, Number, Several


class Model(NamedTuple):
    """A kind of model.

    Attributes:
        description: one line for the help text.
        loss: the loss as a formula, with flags in braces.
        flags: that it reads, in addition to those that every model reads.
        uses_labels: whether it needs a dataset with labels.
        has_levels: whether ``latent_dim`` may have several values.
    """

    description: str
    loss: str
    flags: tuple[Flag, ...] = ()
    uses_labels: bool = False
    has_levels: bool = False


_BETA = Flag("beta", Number(float, 0), 1.0, "weight of the KL term", "beta", is_common=True)
_BETA_SCHEDULE = Flag(
    "beta_schedule",
    Choice(tuple(BETA_SCHEDULES)),
    "constant",
    "how β changes during training: " + describe(BETA_SCHEDULES),
    "beta-",
)
_PRIOR = Flag(
    "prior",
    Choice(tuple(PRIORS)),
    "standard_normal",
    "p(z): " + describe(PRIORS),
    "prior-",
)
_OBJECTIVE = Flag(
    "objective",
    Choice(tuple(OBJECTIVES)),
    "elbo",
    "what the optimizer minimizes: " + describe(OBJECTIVES),
    "obj-",
)
_VARIATIONAL = (LATENT_DIM, _BETA, _BETA_SCHEDULE, _PRIOR, _OBJECTIVE)
_CLASSIFIER = (
    Flag(
        "num_labels",
        COUNT,
        None,
        "labeled training images, equally many per class, drawn with --seed (default: all)",
        "nl",
        is_common=True,
    ),
    Flag("classifier_weight", Number(float, 0), 30.0, "weight of the classifier's loss", "cw"),
    Flag(
        "classifier_dims",
        Several(SIZE, may_be_empty=True),
        (64,),
        "units of the classifier's hidden layers",
        "cd",
    ),
    Flag(
        "classifier_loss",
        Choice(("softmax", "sigmoid")),
        "softmax",
        "softmax: one distribution over the classes; sigmoid: one Bernoulli for each class",
        "cl-",
    ),
)
_CONDITIONAL_DIMS = Flag(
    "conditional_dims",
    Several(SIZE, may_be_empty=True),
    (500,),
    "units of each hidden layer of the networks between levels",
    "cond",
)

MODELS = {
    "vae": Model(
        "variational autoencoder (Kingma and Welling, 2014)",
        "−log p(x|z) + {beta:g} · KL",
        _VARIATIONAL,
    ),
    "autoencoder": Model(
        "plain autoencoder, the same networks without noise and KL",
        "−log p(x|z), z the code",
        (LATENT_DIM,),
    ),
    "classifier_vae": Model(
        "VAE with a jointly trained classifier on z, for partly or fully labeled images",
        "−log p(x|z) + {beta:g} · KL − {classifier_weight:g} · log p(y|z)",
        (*_VARIATIONAL, *_CLASSIFIER),
        uses_labels=True,
    ),
    "hierarchical_vae": Model(
        "VAE with several levels of latent variables (Tomczak and Welling, 2018)",
        "−log p(x|z) + {beta:g} · KL",
        (LATENT_DIM.with_default((32, 16)), *_VARIATIONAL[1:], _CONDITIONAL_DIMS),
        has_levels=True,
    ),
}
