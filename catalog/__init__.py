"""Every choice that has a name: the tables behind the command line, the models and the results.

A table maps names to rows. A row describes the choice and lists the flags that it reads, each
with its type, default, help text and abbreviation, so that adding a prior, a network or an
evaluation takes one row here and one module elsewhere.

    models, networks, likelihoods, priors, objectives, schedules    the parts of a model
    datasets, evaluations, metrics                                  what is read, drawn, measured
    training                                                        flags that belong to no part
    flags, values                                                   what a flag is

Nothing here imports TensorFlow or another package of the project.
"""

from collections.abc import Mapping
from typing import Any

from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.networks import NETWORKS
from catalog.objectives import OBJECTIVES
from catalog.priors import PRIORS
from catalog.schedules import BETA_SCHEDULES

# The flag that chooses a part → the table of its values. A row may read flags that choose
# further parts: a model reads --prior and --objective. Each part follows the one that reads it.
PARTS: Mapping[str, Mapping[str, Any]] = {
    "model": MODELS,
    "network": NETWORKS,
    "likelihood": LIKELIHOODS,
    "prior": PRIORS,
    "objective": OBJECTIVES,
    "beta_schedule": BETA_SCHEDULES,
}
