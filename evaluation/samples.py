"""Samples of the prior and the classes that a model's classifier assigns to them."""

from __future__ import annotations

import numpy as np

import runs
from catalog.models import MODELS
from evaluation import RequestError
from evaluation.session import Session

_DRAWS = 10_000  # at a time
_MAX_DRAWS = 100_000


def check_classifier(session: Session, flag: str) -> None:
    """Raises RequestError if the run's dataset has no labels, or its model no classifier."""
    session.check_labels(flag)
    if not MODELS[session.settings["model"]].uses_labels:
        raise RequestError(
            f"flag --{flag}: {session.run.folder} is a {session.settings['model']}, which has no "
            "classifier: name a run of --model classifier_vae, or train one"
        )


def predict(session: Session, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the most probable class of each z and its probability, each (num_samples,).

    Args:
        z: (num_samples, latent_dim).
    """
    from evaluation import batching

    probabilities = batching.classify_z(session, z)  # (num_samples, num_classes)
    return probabilities.argmax(axis=1), probabilities.max(axis=1)


def describe_classifier(session: Session) -> str:
    """Returns ``the classifier``, and its accuracy on the test images if they have labels."""
    from evaluation import batching

    images, labels = session.test
    if labels is None:
        return "the classifier"
    accuracy = np.mean(batching.classify(session, images).argmax(axis=1) == labels)
    return f"the classifier, right for {100 * accuracy:.1f} % of test images"


def draw_class(session: Session, wanted: int, count: int) -> tuple[np.ndarray, int]:
    """Draws from the prior until the classifier has assigned ``count`` samples to one class.

    These are samples of p(z | classified so). At most 100,000 are drawn: fewer than ``count``
    may then be found.

    Args:
        wanted: the class.
        count: the number of samples.

    Returns:
        z, (at most count, latent_dim), and the number of draws up to the last one kept.

    Raises:
        RunError: if none is found; it names the classes that were.
    """
    from evaluation import batching

    names = session.check_labels("generate_class")
    kept: list[np.ndarray] = []
    num_predicted = np.zeros(len(names), int)
    for first in range(0, _MAX_DRAWS, _DRAWS):
        seed = int(np.random.default_rng([session.seed, first]).integers(2**31))
        z = batching.sample_prior(session, _DRAWS, seed)
        predicted, _ = predict(session, z)
        num_predicted += np.bincount(predicted, minlength=len(num_predicted))
        chosen = np.flatnonzero(predicted == wanted)[: count - len(kept)]
        kept += list(z[chosen])
        if len(kept) == count:
            return np.array(kept), first + int(chosen[-1]) + 1
    if kept:
        return np.array(kept), _MAX_DRAWS
    found = [names[label] for label in np.argsort(-num_predicted) if num_predicted[label]]
    raise runs.RunError(
        f"flag --generate_class={session.flags['generate_class']}: the classifier assigns none of "
        f"{_MAX_DRAWS:,} samples of the prior to this class, only to {', '.join(found)}"
    )
