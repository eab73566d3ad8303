"""``--metrics``: the figures to quote, on the test images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import figures
import runs
from evaluation import batching
from evaluation.context import Context
from models import table

ACTIVE_VARIANCE = 0.01  # Burda et al. (2016), section 5.2


def run(context: Context) -> list[Path]:
    """Prints a table, writes metrics.json, and draws the KL of each dimension of a VAE."""
    metrics = measure(context)
    print(_table(metrics))
    path = context.path("metrics.json")
    with runs.write_atomically(path) as beside:
        beside.write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    if "kl" not in metrics:
        return [path]
    kl = np.array(metrics["kl_per_dimension"])
    active = np.array(metrics["posterior_mean_variance"]) > ACTIVE_VARIANCE
    figure = figures.draw_kl_per_dimension(
        kl, active, f"KL of each latent dimension, {kl.sum():.2f} nats in all", context.subtitle
    )
    return [path, *context.save_figure(figure, "kl_per_dimension")]


def measure(context: Context) -> dict[str, Any]:
    """Returns the test figures: each mean over images with its standard error, losses in nats.

    ``elbo`` = −(reconstruction + kl), whatever β the model was trained with;
    ``reconstruction`` = −log p(x|z) with one z drawn from the posterior of each image;
    ``mean_squared_error`` = summed over pixels, at the posterior's mean;
    ``squared_error_plus_kl``, of a Gaussian likelihood = the squared error for the z of
    ``reconstruction``, summed over pixels, + kl: what a training by squared error reports,
    whatever the size of the noise that the run was trained with;
    ``active_units``: dimensions whose posterior mean varies by more than 0.01 over the
    images (Burda et al., 2016);
    ``accuracy``: the part of the images of whose class a model with a classifier gives the
    highest probability, at the posterior's mean.

    An autoencoder has neither KL nor ELBO: they are left out, and ``code_variance`` takes the
    place of ``posterior_mean_variance``.
    """
    images, labels = context.test
    # Runs from before there was a choice do not name it.
    likelihood = context.record["flags"].get("likelihood", "bernoulli")
    losses = batching.compute_losses(context.model, images, context.seed)
    reconstructed = batching.reconstruct(context.model, images)
    z_mean, z_log_var = context.test_posterior
    per_image = {
        "reconstruction": losses["reconstruction"],
        "mean_squared_error": np.square(images - reconstructed).sum(axis=(1, 2, 3)),
    }
    variance = z_mean.var(axis=0)
    of_dimensions = {"code_variance": [float(value) for value in variance]}
    if context.model.variational:
        per_image["elbo"] = -(losses["reconstruction"] + losses["kl"])
        per_image["kl"] = losses["kl"]
        if likelihood.startswith("gaussian"):
            squares = batching.compute_squared_errors(context.model, images, context.seed)
            per_image["squared_error_plus_kl"] = squares + losses["kl"]
        of_dimensions = {
            "kl_per_dimension": _means(np.asarray(context.model.prior.kl(z_mean, z_log_var))),
            "posterior_mean_variance": of_dimensions["code_variance"],
        }
    if context.model.uses_labels:
        called = batching.classify(context.model, images).argmax(axis=1)
        per_image["accuracy"] = (called == labels).astype(np.float64)
    return {
        "run": context.run.name,
        "checkpoint": context.checkpoint,
        "split": "test",
        "num_images": len(images),
        "binarize": context.record["flags"]["binarize"],
        "likelihood": likelihood,
        "seed": context.seed,
        **{
            name: {"mean": float(values.mean(dtype=np.float64)), "standard_error": _error(values)}
            for name, values in per_image.items()
        },
        "active_units": int((variance > ACTIVE_VARIANCE).sum()),
        "latent_dim": context.latent_dim,
        **of_dimensions,
    }


def _error(values: np.ndarray) -> float:
    """Standard error of the mean over images."""
    return float(values.std(ddof=1, dtype=np.float64) / np.sqrt(len(values)))


def _means(values: np.ndarray) -> list[float]:
    return [float(mean) for mean in values.mean(axis=0, dtype=np.float64)]


def _table(metrics: dict[str, Any]) -> str:
    rows = [
        ("ELBO", "elbo", "nats"),
        ("reconstruction", "reconstruction", "nats"),
        ("KL", "kl", "nats"),
        ("squared error", "mean_squared_error", "summed over pixels, at the posterior's mean"),
        ("squared error + KL", "squared_error_plus_kl", "with z sampled"),
        ("accuracy", "accuracy", "of the classifier on z"),
    ]
    likelihood = metrics["likelihood"]
    lines = [
        f"{metrics['num_images']:,} test images, pixels: binarize {metrics['binarize']}",
        f"  p(x|z) {likelihood}: {table.LIKELIHOODS[likelihood].nats}",
    ]
    for label, name, unit in rows:
        if name not in metrics:
            continue
        mean, error = metrics[name]["mean"], metrics[name]["standard_error"]
        lines.append(f"  {label:<19}{mean:>10.3f} ± {error:.3f} {unit}")
    lines.append(f"  {'active units':<19}{metrics['active_units']:>6} of {metrics['latent_dim']}")
    if "kl" not in metrics:
        return "\n".join(lines)
    kl = sorted(enumerate(metrics["kl_per_dimension"], start=1), key=lambda item: -item[1])
    shown = ", ".join(f"z{dim} {value:.2f}" for dim, value in kl[:10])
    more = f", {len(kl) - 10} more in metrics.json" if len(kl) > 10 else ""
    lines.append(f"  KL by dimension     {shown}{more}")
    return "\n".join(lines)
