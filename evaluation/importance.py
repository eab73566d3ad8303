"""Importance-weighted estimates of log p(x)."""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from evaluation import batching
from evaluation.kept import Kept, Source
from evaluation.session import Session
from models import VAE, noise

_NUM_IMAGES = 20  # that share a random stream; another number gives other samples
_NUM_Z = 2000  # decoded at a time
_SAVED_EVERY = 30.0  # seconds


class Estimates(NamedTuple):
    """Estimates of log p(x) from K samples z_k ~ q(z|x) of each image.

    Their importance weights are w_k = p(x|z_k) · p(z_k) / q(z_k|x): Burda et al. (2016),
    equation 8.

    Attributes:
        log_p: log (1/K) Σ w_k in nats, (num_images,); its expectation is at most log p(x).
        effective: effective sample size (Σ w_k)² / Σ w_k², (num_images,), from 1 to K.
        num_samples: K.
    """

    log_p: np.ndarray
    effective: np.ndarray
    num_samples: int

    @property
    def bias(self) -> float:
        """About how far the mean of ``log_p`` is below the mean of log p(x), in nats.

        The delta method gives Var(w) / (2 K E[w]²) for an image, estimated by half of
        1 / effective − 1 / K. It is too small if the samples miss the largest weights, and 0 for
        K = 1.
        """
        return float(np.mean(0.5 / self.effective - 0.5 / self.num_samples))


def estimate(session: Session, num_samples: int, report: Callable[[int], None]) -> Estimates:
    """Estimates log p(x) of the images of ``--split``; the session's seed determines z.

    The sums of weights are kept in a file among the results, every half minute: an interrupted
    estimate continues there, with the result of an uninterrupted one.

    Args:
        num_samples: K.
        report: called with the number of images done: those that are kept, then after every 20.
    """
    images, _ = session.split_data
    kept = _keep(session, num_samples)
    sums = kept.read(len(images))
    report(len(sums))
    weigh = compile_weights(session.model, num_samples)
    saved = time.monotonic()
    for start in range(len(sums), len(images), _NUM_IMAGES):
        seed = noise.derive_seed(session.seed, f"importance weights of images from {start}")
        session.model.sampling.restart(seed)
        found = weigh(images[start : start + _NUM_IMAGES])
        batching.check_finite(session, {"importance weights": found})
        sums = np.concatenate([sums, found])
        if len(sums) == len(images) or time.monotonic() - saved > _SAVED_EVERY:
            kept.write(sums)
            saved = time.monotonic()
        report(len(sums))
    return _summarize(sums, num_samples)


def find(session: Session) -> Estimates | None:
    """Returns what is kept for all images, with ``--nll`` samples; else with the most."""
    paths = (session.kept_dir or session.result_dir).glob("nll_*.bin")
    names = [re.fullmatch(r"nll_(\d{1,9})(_[a-z_]+)?\.bin", path.name) for path in paths]
    counts = {session.flags["nll"] or int(name[1]) for name in names if name}
    num_images = len(session.split_data[0])
    for num_samples in sorted(counts, reverse=True):
        sums = _keep(session, num_samples).read(num_images)
        if len(sums) == num_images:
            return _summarize(sums, num_samples)
    return None


def _keep(session: Session, num_samples: int) -> Kept:
    sources: list[Source] = [f"{num_samples} samples, seed {session.seed}", session.split_data[0]]
    sources += [np.asarray(weight) for weight in session.model.weights]
    return Kept(session, f"nll_{num_samples}.bin", sources, num_columns=2)


def compile_weights(model: VAE, num_samples: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function: images → log Σ w_k and log Σ w_k² of each, (num_images, 2)."""

    def weigh(images: tf.Tensor, num_samples: int) -> tf.Tensor:
        terms = model.terms(images, num_samples)
        log_weights = terms.log_likelihood - terms.log_q_minus_log_p  # (k, batch)
        sums = [tf.reduce_logsumexp(power * log_weights, axis=0) for power in (1, 2)]
        return tf.stack(sums, axis=1)

    largest = _NUM_Z // _NUM_IMAGES
    num_calls, rest = divmod(num_samples, largest)
    sizes = [largest] * num_calls + [rest] * (rest > 0)
    functions = {
        size: batching.compile_function(functools.partial(weigh, num_samples=size))
        for size in set(sizes)
    }

    def run(images: np.ndarray) -> np.ndarray:
        group = tf.constant(images)
        parts = [functions[size](group) for size in sizes]
        return np.logaddexp.reduce([np.asarray(part, np.float64) for part in parts])

    return run


def _summarize(sums: np.ndarray, num_samples: int) -> Estimates:
    log_sum, log_sum_of_squares = sums.T
    log_p = log_sum - math.log(num_samples)
    return Estimates(log_p, np.exp(2 * log_sum - log_sum_of_squares), num_samples)
