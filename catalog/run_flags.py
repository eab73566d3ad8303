"""Flags that determine the result of a run, and which of them its chosen parts read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from catalog import training
from catalog.datasets import DATASETS, SOURCES
from catalog.flags import Flag, describe
from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.networks import AUTO, NETWORKS
from catalog.objectives import OBJECTIVES
from catalog.priors import PRIORS
from catalog.schedules import BETA_SCHEDULES
from catalog.values import Choice, Dataset

# The flag that chooses a part → the table of its values. A row may read flags that choose
# further parts: a model reads --prior and --objective.
PARTS: Mapping[str, Mapping[str, Any]] = {
    "dataset": SOURCES,
    "model": MODELS,
    "network": NETWORKS,
    "likelihood": LIKELIHOODS,
    "prior": PRIORS,
    "objective": OBJECTIVES,
    "beta_schedule": BETA_SCHEDULES,
}

_EMBEDDED = [name for name, info in DATASETS.items() if info.download_url is None]
DATASET = Flag(
    "dataset",
    Dataset(tuple(DATASETS)),
    "mnist",
    f"images to train on; {', '.join(_EMBEDDED)}: embedded, no download; name: of any image "
    "dataset of TFDS, such as cifar10; path: of your own images, a folder or an .npz or .npy file",
    group="data",
    is_common=True,
)


MODEL = Flag("model", Choice(tuple(MODELS)), "vae", describe(MODELS), is_common=True)
NETWORK = Flag(
    "network",
    Choice((AUTO, *NETWORKS)),
    "mlp",
    f"encoder and decoder; {AUTO}: chosen by the size of the images, which is the default for all "
    f"datasets but {', '.join(DATASETS)}; {describe(NETWORKS)}",
    "n",
    is_common=True,
)
LIKELIHOOD = Flag(
    "likelihood",
    Choice(tuple(LIKELIHOODS)),
    "bernoulli",
    f"p(x|z); {describe(LIKELIHOODS)}",
    "lik-",
    is_common=True,
)

# Flags of every run, in the order of a run's name. The flags that a part reads follow its own.
_EVERY_RUN = (
    DATASET,
    *training.DATA,
    NETWORK,
    *training.INITIALIZATION,
    LIKELIHOOD,
    MODEL,
    *training.REGULARIZATION,
    *training.OPTIMIZATION,
)
_AFTER_THE_MODEL = ("beta_schedule",)  # in names of runs, its flags follow those of the model


def read_by(chosen: Mapping[str, Any]) -> dict[str, Flag]:
    """Returns the flags that a run reads, with their defaults, in the order of its name.

    Args:
        chosen: flag → value, at least for the parts that are not the default ones.
    """

    def rows(flag: Flag) -> list[Any]:
        return [PARTS[flag.name][chosen.get(flag.name, flag.default)]]

    return {flag.name: flag for flag in (*_expand(_EVERY_RUN, rows), training.SEED)}


def _expand(flags: Iterable[Flag], rows: Callable[[Flag], list[Any]]) -> Iterator[Flag]:
    """Yields flags, each part's followed by those that its ``rows`` read."""
    for flag in flags:
        yield flag
        if flag.name in PARTS and flag.name not in _AFTER_THE_MODEL:
            inner = [each for row in rows(flag) for each in row.flags]
            yield from _expand(inner, rows)
            last = [each for each in inner if each.name in _AFTER_THE_MODEL]
            yield from (each for part in last for row in rows(part) for each in row.flags)


# Flag → the parts that read it, by (flag of the part, its value), each with its own default.
# Flags of every run have no entry.
READERS: dict[str, dict[tuple[str, str], Flag]] = {}
for _part, _table in PARTS.items():
    for _value, _row in _table.items():
        for _flag in _row.flags:
            READERS.setdefault(_flag.name, {})[_part, _value] = _flag

# All flags of a run except the seed, including those of all parts, each once and in order. A flag
# whose default depends on the part that reads it has no default here.
RUN_FLAGS: tuple[Flag, ...] = tuple(
    {
        flag.name: flag.with_default(None) if flag.name in READERS else flag
        for flag in reversed([*_expand(_EVERY_RUN, lambda flag: list(PARTS[flag.name].values()))])
    }.values()
)[::-1]
