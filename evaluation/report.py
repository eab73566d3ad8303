"""``--report``: the run as one page for the browser, with its networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import figures
import runs
from catalog.metrics import METRICS
from evaluation import batching, curves, index, latent, metrics, quality, samples
from evaluation.session import Session
from evaluation.statistics import classification
from models import VAE, DiagonalGaussian, HierarchicalVAE, functional
from report import graph, page

_NUM_SAMPLES = 1000
_SPREAD = 4.0  # of a slider, in standard deviations


def run(session: Session) -> list[Path]:
    """Writes report.html, which needs no other file and no network."""
    arrays, measured = measure_images(session), metrics.measure(session)
    described = describe(session, measured, arrays)
    text = page.fill(described, arrays, describe_networks(session))
    return [session.write_text("report.html", text), index.note_run(session, measured)]


def measure_images(session: Session) -> dict[str, np.ndarray]:
    """Returns the page's arrays: the test images of the latent map, and what is known of each.

    ``images`` (num_images, height, width, channels) from 0 to 255; ``labels``; ``predicted``
    classes; ``mean`` of q(z|x), (num_images, latent_dim); ``map`` (num_images, 2); ``loss`` in
    nats; ``samples`` of the prior, (num_samples, latent_dim); and ``sample_classes``, which the
    classifier assigns to them. What is not known is left out.
    """
    images, labels = session.test
    chosen = latent.choose_points(session, len(images))
    mean = session.test_posterior[0][chosen]
    arrays = {
        "images": np.round(images[chosen] * 255).astype(np.uint8),
        "mean": mean,
        "map": _place(session, mean),
        "loss": batching.compute_losses(session, images)["loss"][chosen],
    }
    if session.model.is_variational:
        arrays["samples"] = batching.sample_prior(session, _NUM_SAMPLES)
    arrays = {
        name: values if values.dtype == np.uint8 else values.astype(np.float32)
        for name, values in arrays.items()
    }
    if labels is not None:
        arrays["labels"] = labels[chosen].astype(np.uint16)
        if session.model.uses_labels:
            predicted = batching.classify(session, images[chosen]).argmax(axis=1)
            arrays["predicted"] = predicted.astype(np.uint16)
            sample_classes, _ = samples.predict(session, arrays["samples"])
            arrays["sample_classes"] = sample_classes.astype(np.uint16)
    return arrays


def describe(
    session: Session, measured: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Returns what the page says about the run and its map, for JSON."""
    dimensions, num_classes = session.latent_dim, len(session.class_names or ())
    confusion = None
    if "predicted" in arrays:
        pair = (arrays["labels"], arrays["predicted"])
        confusion = classification.count_confusions(*pair, num_classes).tolist()
    where = "t-SNE of the posterior means" if dimensions > 2 else "Posterior means"
    if not session.model.is_variational:
        where = where.replace("posterior means", "codes").replace("Posterior means", "Codes")
    follow = (
        " Drag over it, and the image decoded from that place follows." if dimensions == 2 else ""
    )
    return {
        **describe_run(session, measured),
        "class_names": session.class_names and list(session.class_names),
        "colors": figures.class_colors(max(1, num_classes)),
        "ranges": _find_ranges(arrays["mean"], arrays.get("samples")),
        "confusion": confusion,
        "map_text": f"{where} of {len(arrays['images']):,} test images"
        f"{', colored by class' if session.class_names else ''}.{follow}",
    }


def describe_run(session: Session, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a page says about a run and its networks, for JSON.

    Args:
        session: the run.
        measured: as ``metrics.measure`` returns it.
    """
    history, _ = curves.read_history(session)
    kl = measured.get("kl_per_dimension")
    variance = measured.get("posterior_mean_variance") or measured["code_variance"]
    columns = ["epoch", *(name for name in history[0] if name.removeprefix("val_") in METRICS)]
    headings = {
        name: ("validation " if name.startswith("val_") else "")
        + METRICS[name.removeprefix("val_")].heading
        for name in columns
        if name != "epoch"
    }
    return {
        "name": session.run.name,
        "subtitle": session.subtitle,
        "command": session.record.get("command", ""),
        "settings": {name: runs.as_word(value) for name, value in session.settings.items()},
        "metrics": [
            {
                "heading": METRICS[name].heading,
                "description": METRICS[name].description,
                "unit": METRICS[name].unit,
                "digits": METRICS[name].digits,
                "mean": measured[name]["mean"],
                "error": measured[name]["standard_error"],
            }
            for name in metrics.find_measured(measured)
        ],
        "protocol": f"Means over {measured['num_images']:,} test images: binarize "
        f"{measured['binarize']}, likelihood {measured['likelihood']}"
        + (", one sample of z per image." if session.model.is_variational else ".")
        + (f" {quality.describe_reference(measured)}" if "sample_quality" in measured else ""),
        "kl": kl,
        "order": [int(each) for each in np.argsort(-np.array(kl or variance), kind="stable")],
        "history": {name: [_finite(row[name]) for row in history] for name in columns},
        "headings": headings,
        "beta": session.settings.get("beta", 1.0),
        "adds_loss": session.model.uses_labels,
        "is_variational": session.model.is_variational,
        "likelihood": session.likelihood,
        "prior": session.prior,
        "draws_standard_normal": session.draws_standard_normal,
        "num_levels": len(session.levels),
        "image_shape": list(session.info.image_shape),
        "latent_dim": session.latent_dim,
        "spread": _measure_spread(session.test_posterior[0]),
    }


def _finite(value: float) -> float | None:
    """Returns None for a value that JSON does not have, as after a divergence."""
    return value if math.isfinite(value) else None


def _place(session: Session, mean: np.ndarray) -> np.ndarray:
    """Returns the places of images in the plane, (num_images, 2)."""
    if session.latent_dim == 1:
        return np.column_stack([mean, np.random.default_rng(0).uniform(-1, 1, len(mean))])
    return mean if session.latent_dim == 2 else latent.place(session, mean, "test")


def _measure_spread(mean: np.ndarray) -> list[list[float]]:
    """Returns the mean and the standard deviation, at least 0.001, of each dimension."""
    return np.column_stack([mean.mean(axis=0), np.maximum(mean.std(axis=0), 1e-3)]).tolist()


def _find_ranges(mean: np.ndarray, prior: np.ndarray | None) -> list[list[float]]:
    """Returns the low and high end of each dimension's slider, which differ."""
    values = mean if prior is None else np.concatenate([mean, prior])
    center, spread = values.mean(axis=0), values.std(axis=0)
    return [
        [math.floor(10 * (m - _SPREAD * s)) / 10, math.ceil(10 * (m + _SPREAD * s)) / 10 + 0.1]
        for m, s in zip(center, spread, strict=True)
    ]


def describe_networks(session: Session) -> dict[str, Any]:
    """Returns the networks of a run's page, as ``graph.describe`` does."""
    networks = make_networks(session.model, session.info.image_shape)
    return {name: graph.describe(network) for name, network in networks.items()}


def make_networks(model: VAE, image_shape: Sequence[int]) -> dict[str, keras.Model]:
    """Returns the networks of the page: ``encoder`` and ``decoder`` of ``functional``, and terms.

    ``terms``: images, z and the parameters of q(z|x) → ``reconstruction``, −log p(x|z), and ``kl``,
    both (batch,) in nats. Those of an autoencoder have neither the parameters nor the KL, those of
    a hierarchy compute the parameters from the images.
    """
    parts = functional.build(model, image_shape)
    z_shape = (model.latent_dim,)
    is_hierarchy = isinstance(model, HierarchicalVAE)

    def compute(images, z, z_mean=None, z_log_var=None):
        outputs = {"reconstruction": -model.likelihood.log_prob(images / 255, model.decoder(z))}
        if is_hierarchy:
            log_q = model.posterior(images / 255, training=False).log_prob(z)
            outputs["kl"] = log_q - model.log_prior(z)
        elif z_mean is not None:
            posterior = DiagonalGaussian(z_mean, z_log_var)
            kl = model.prior.kl(posterior)
            if kl is None:
                outputs["kl"] = posterior.log_prob(z) - model.prior.log_prob(z)
            else:
                outputs["kl"] = keras.ops.sum(kl, axis=-1)
        return outputs

    shapes = {"images": image_shape, "z": z_shape}
    if model.is_variational and not is_hierarchy:
        shapes |= {"z_mean": z_shape, "z_log_var": z_shape}
    terms = functional.trace("terms", compute, **shapes)
    return {"encoder": parts["encoder"], "decoder": parts["decoder"], "terms": terms}
