"""Samples of the prior, and the class that a model's classifier calls each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import runs
from evaluation import RequestError

if TYPE_CHECKING:
    from evaluation.context import Context

_DRAWS = 10_000  # at a time
_MAX_DRAWS = 100_000


def check_classifier(context: Context, flag: str) -> None:
    """Raises RequestError where the run's model has no classifier."""
    flags = context.record["flags"]
    if "num_labels" not in flags:  # what all models that learn labels read
        raise RequestError(
            f"flag --{flag}: {context.run.folder} is a {flags['model']}, which has no classifier: "
            "name a run of --model classifier_vae, or train one"
        )


def draw(context: Context, count: int) -> np.ndarray:
    """Returns z from the prior, (count, latent_dim); ``--seed`` says which."""
    return np.asarray(context.model.prior.sample(count, context.latent_dim, context.seed))


def call(context: Context, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the classifier takes each z for, and with what probability.

    Args:
        z: (num_samples, latent_dim).

    Returns:
        the most probable class, integers, and its probability, each (num_samples,).
    """
    from evaluation import batching

    probabilities = batching.classify_z(context.model, z)  # (num_samples, num_classes)
    return probabilities.argmax(axis=1), probabilities.max(axis=1)


def draw_class(context: Context, wanted: int, count: int) -> tuple[np.ndarray, int]:
    """Draws from the prior until the classifier has called so many samples one class.

    These are samples of p(z | called so). At most 100,000 are drawn: there may then be
    fewer.

    Args:
        wanted: the class.
        count: how many samples of it.

    Returns:
        z, (at most count, latent_dim), and how many samples were drawn up to the last of them.

    Raises:
        RunError: if there is none; it names the classes that came.
    """
    kept: list[np.ndarray] = []
    num_called = np.zeros(len(context.class_names), int)
    for first in range(0, _MAX_DRAWS, _DRAWS):
        seed = int(np.random.default_rng([context.seed, first]).integers(2**31))
        z = np.asarray(context.model.prior.sample(_DRAWS, context.latent_dim, seed))
        called, _ = call(context, z)
        num_called += np.bincount(called, minlength=len(num_called))
        places = np.flatnonzero(called == wanted)[: count - len(kept)]
        kept += list(z[places])
        if len(kept) == count:
            return np.array(kept), first + int(places[-1]) + 1
    if kept:
        return np.array(kept), _MAX_DRAWS
    came = [context.class_names[place] for place in np.argsort(-num_called) if num_called[place]]
    raise runs.RunError(
        f"flag --generate_class={context.flags['generate_class']}: the classifier calls none of "
        f"{_MAX_DRAWS:,} samples of the prior so; it calls them {', '.join(came)}"
    )
