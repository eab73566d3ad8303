"""``--metrics``: metrics on the test images, or on the validation images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import figures
from catalog.likelihoods import LIKELIHOODS
from catalog.metrics import METRICS, to_bits_per_dimension
from catalog.priors import PRIORS
from evaluation import batching, importance, index, quality
from evaluation.session import Session
from evaluation.statistics import decomposition, summaries

# An estimate of log p(x) is not trusted above this bias in nats, or if more than this share of the
# images has fewer than two effective samples.
_LARGE_BIAS, _LARGE_SHARE = 0.1, 0.1

_NUM_DECOMPOSED = 1000  # samples of z, of as many images, for the parts of the KL


def run(session: Session) -> list[Path]:
    """Prints a table, writes metrics.json, and draws the KL of each latent dimension if known."""
    measured = measure(session)
    print(_format(measured))
    written = [session.write_json("metrics.json", measured)]
    if session.split == "test":
        written.append(index.note_run(session, measured))
    if "kl_per_dimension" not in measured:
        return written
    kl = np.array(measured["kl_per_dimension"])
    active = summaries.find_active(np.array(measured["posterior_mean_variance"]))
    title = f"KL by dimension, {kl.sum():.2f} nats in all"
    if session.split != "test":
        title += f", {session.split} images"
    figure = figures.draw_kl_per_dimension(kl, active, title, session.subtitle)
    return [*written, *session.save_figure(figure, "kl_per_dimension")]


def measure(session: Session) -> dict[str, Any]:
    """Returns the content of metrics.json.

    Each metric (see ``catalog.metrics``) has its ``mean`` over the images of ``--split`` and its
    ``standard_error``; z is sampled once per image. ``posterior_mean_variance`` and
    ``kl_per_dimension`` are lists over latent dimensions.

    What a model does not have is left out: an autoencoder's KL and ELBO, the KL by dimension of
    a prior without one, NLL before ``--nll``, accuracy without a classifier or labels, bits per
    dimension if the likelihood is not one of 8-bit pixels. ``squared_error_plus_kl``, for a
    Gaussian likelihood, is what training by squared error reports, whatever the standard
    deviation of the noise. ``mutual_information``, ``total_correlation`` and
    ``dimension_wise_kl``, of one level of z, are estimated from 1,000 images. An autoencoder has
    ``code_variance`` instead of ``posterior_mean_variance``. ``importance_sampling`` says how
    NLL was estimated. The measures of ``--quality`` have a mean and a standard error over draws;
    see ``quality.find``.
    """
    images, labels = session.split_data
    model = session.model
    likelihood = session.likelihood
    losses = batching.compute_losses(session, images)
    reconstructed = batching.reconstruct(session, images)
    z_mean, _ = session.split_posterior
    variance = z_mean.var(axis=0)
    by_dimension = {"code_variance": variance.tolist()}
    per_image = {
        "reconstruction": losses["reconstruction"],
        "mean_squared_error": np.square(images - reconstructed).sum(axis=(1, 2, 3)),
    }
    sampling: dict[str, Any] = {}
    if model.is_variational:
        per_image["elbo"] = -(losses["reconstruction"] + losses["kl"])
        per_image |= {name: losses[name] for name in losses if name.startswith("kl")}
        has_bits = LIKELIHOODS[likelihood].has_256_values
        if has_bits:
            bits = to_bits_per_dimension(-per_image["elbo"], images.shape[1:])
            per_image["bits_per_dimension"] = bits
        if estimates := importance.find(session):
            per_image["nll"] = -estimates.log_p
            if has_bits:
                bits = to_bits_per_dimension(-estimates.log_p, images.shape[1:])
                per_image["nll_bits_per_dimension"] = bits
            sampling = {"importance_sampling": _describe(estimates)}
        if len(session.levels) == 1:  # a lower level's q(z|x) is not one Gaussian
            per_image |= _decompose_kl(session)
        if likelihood.startswith("gaussian"):
            squares = batching.compute_squared_errors(session, images)
            per_image["squared_error_plus_kl"] = squares + losses["kl"]
        kl = batching.compute_kl_by_dimension(session, session.split_posterior)
        by_dimension = {"posterior_mean_variance": by_dimension["code_variance"]}
        if kl is not None:
            means = kl.mean(axis=0, dtype=np.float64).tolist()
            by_dimension = {"kl_per_dimension": means, **by_dimension}
    if model.uses_labels and labels is not None:
        predicted = batching.classify(session, images).argmax(axis=1)
        per_image["accuracy"] = (predicted == labels).astype(np.float64)
    return {
        "run": session.run.name,
        "checkpoint": session.checkpoint,
        "split": session.split,
        "num_images": len(images),
        "binarize": session.settings["binarize"],
        "likelihood": likelihood,
        "seed": session.seed,
        **summarize(per_image),
        "active_units": int(summaries.find_active(variance).sum()),
        "latent_dim": session.latent_dim,
        **sampling,
        **(quality.find(session) if session.split == "test" else {}),
        **by_dimension,
    }


def _decompose_kl(session: Session) -> dict[str, np.ndarray]:
    """Returns the parts of the KL for one z of each of up to 1,000 images, evenly spaced.

    The aggregate posterior is that of all images of ``--split``. Without the dimension-wise KL if
    the prior does not factorize.
    """
    z_mean, z_log_var = session.split_posterior
    image = np.linspace(0, len(z_mean) - 1, min(len(z_mean), _NUM_DECOMPOSED)).astype(int)
    noise = np.random.default_rng(session.seed).normal(size=(len(image), z_mean.shape[1]))
    z = (z_mean[image] + np.exp(z_log_var[image] / 2) * noise).astype(np.float32)
    parts = decomposition.decompose_kl(z, image, z_mean, z_log_var)
    log_marginals = parts.pop("log_marginals")
    if PRIORS[session.prior].by_dimension:
        parts["dimension_wise_kl"] = log_marginals - np.asarray(session.model.prior.log_prob(z))
    return parts


def _describe(estimates: importance.Estimates) -> dict[str, float]:
    """Returns how log p(x) was estimated, and how far the estimate can be trusted."""
    return {
        "num_samples": estimates.num_samples,
        "effective_samples_median": float(np.median(estimates.effective)),
        "effective_samples_below_2": float(np.mean(estimates.effective < 2)),
        "bias": estimates.bias,
    }


def summarize(per_image: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Returns the mean and standard error of each metric.

    Args:
        per_image: name → (num_images,).

    Raises:
        KeyError: if a metric is not declared in ``catalog.metrics``.
    """
    undeclared = per_image.keys() - METRICS.keys()
    if undeclared:
        raise KeyError(f"{min(undeclared)} is not declared in catalog/metrics.py")
    return {name: summaries.summarize_mean(values) for name, values in per_image.items()}


def find_measured(*tables: Mapping[str, Any]) -> list[str]:
    """Returns the metrics that have a mean in any table, in the order of the catalog."""
    return [name for name in METRICS if any(isinstance(each.get(name), dict) for each in tables)]


def format_mean(name: str, found: dict[str, float]) -> str:
    """Returns ``mean ± standard error`` with the digits of the metric."""
    digits = METRICS[name].digits
    return f"{found['mean']:.{digits}f} ± {found['standard_error']:.{digits}f}"


def _format(measured: dict[str, Any]) -> str:
    likelihood = measured["likelihood"]
    images = f"{measured['num_images']:,} {measured['split']} images"
    lines = [
        f"{images}, pixels: binarize {measured['binarize']}",
        f"  p(x|z) {likelihood}: {LIKELIHOODS[likelihood].nats}",
    ]
    for name in find_measured(measured):
        metric = METRICS[name]
        lines.append(
            f"  {metric.heading:<19}{format_mean(name, measured[name]):>18}  {metric.unit}"
        )
    if "importance_sampling" in measured:
        lines += _format_sampling(measured)
    if "sample_quality" in measured:
        lines += quality.format_table(measured)
    active = METRICS["active_units"].heading
    lines.append(f"  {active:<19}{measured['active_units']:>6} of {measured['latent_dim']}")
    if "kl_per_dimension" in measured:
        kl = sorted(enumerate(measured["kl_per_dimension"], start=1), key=lambda item: -item[1])
        shown = ", ".join(f"z{dim} {value:.2f}" for dim, value in kl[:10])
        more = f", {len(kl) - 10} more in metrics.json" if len(kl) > 10 else ""
        lines.append(f"  KL by dimension    {shown}{more}")
    elif "kl" in measured:
        lines.append("  KL by dimension    not known for this model and prior")
    return "\n".join(lines)


def _format_sampling(measured: dict[str, Any]) -> list[str]:
    """Returns lines about the estimate of log p(x)."""
    sampling = measured["importance_sampling"]
    share = sampling["effective_samples_below_2"]
    lines = [
        f"  NLL from the importance weights of {sampling['num_samples']:,} samples of z per image:",
        f"    effective samples: median {sampling['effective_samples_median']:,.1f}, "
        f"below 2 for {share:.1%} of the images",
        f"    estimated bias: {sampling['bias']:.3f} nats too high",
    ]
    if sampling["bias"] > _LARGE_BIAS or share > _LARGE_SHARE:
        lines.append("    not to be trusted: more samples would lower this NLL")
    if measured["likelihood"] == "bernoulli" and measured["binarize"] == "none":
        lines += [
            "    gray pixels are no samples of a Bernoulli distribution: this is not a",
            "    likelihood of the images; --binarize dynamic trains a model that has one",
        ]
    return lines
