"""``--disentanglement``: how well single latent dimensions represent the known factors.

Three published measures of the latent features of the test images: the mutual information gap
(MIG), DCI, and the FactorVAE score (see ``evaluation.statistics.disentanglement``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import data
import figures
from catalog.datasets import DATASETS
from catalog.metrics import METRICS
from evaluation import RequestError
from evaluation.session import Session

_SCORES = (
    "mig",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "factor_vae",
)
_COLUMNS = 12  # latent dimensions in the figure, at most


def check(session: Session) -> None:
    """Raises RequestError if the factors of the run's images are not known."""
    if not session.recorded_info.factors:
        known = " or ".join(name for name, info in DATASETS.items() if info.factors)
        raise RequestError(
            f"--disentanglement needs images with known factors, and {session.dataset_name} has "
            f"none: choose a run of --dataset {known}"
        )


def run(session: Session) -> list[Path]:
    """Prints a table, writes disentanglement.json, and draws the information by dimension."""
    measured = measure(session)
    print(_format(measured))
    path = session.write_json("disentanglement.json", measured)
    information = np.array(measured["information"])
    dims = np.sort(np.argsort(-information.max(axis=0), kind="stable")[:_COLUMNS])
    title = f"Information about each factor by dimension, MIG {measured['mig']:.3f}"
    subtitle = f"{session.subtitle} · I(z; factor) / H(factor), %"
    if session.flags["features"] == "sample":
        subtitle += " · z: a sample of the posterior"
    if len(dims) < session.latent_dim:
        subtitle += f" · the {_COLUMNS} most informative of {session.latent_dim} dimensions"
    gaps = {factor["name"]: factor["gap"] for factor in measured["factors"]}
    numbers = [int(dim) + 1 for dim in dims]
    figure = figures.draw_information(information[:, dims], gaps, numbers, title, subtitle)
    return [path, *session.save_figure(figure, "disentanglement")]


def measure(session: Session) -> dict[str, Any]:
    """Returns the content of disentanglement.json: the scores, by factor, and the protocol.

    ``information`` is I(z_j; v_k) / H(v_k) and ``importance`` that of the random forests, a row
    for each factor, a column for each latent dimension.
    """
    from evaluation.classify import FEATURES, extract_features
    from evaluation.statistics import disentanglement as statistics

    codes = extract_features(session, session.test_posterior, of_test=True)
    info, seed = session.info, session.seed
    factors = data.source_of(info).load_factors(info, "test")
    information = statistics.measure_information(codes, factors)
    gaps = statistics.measure_gaps(information)
    importance, accuracy = statistics.measure_importance(codes, factors, seed)
    completeness = statistics.measure_completeness(importance)
    by_factor = zip(info.factors.items(), gaps, completeness, accuracy, strict=True)
    return {
        "run": session.run.name,
        "checkpoint": session.checkpoint,
        "split": "test",
        "num_images": len(codes),
        "binarize": session.settings["binarize"],
        "latent_dim": session.latent_dim,
        "seed": seed,
        "mig": float(gaps.mean()),
        "dci_disentanglement": statistics.measure_disentanglement(importance),
        "dci_completeness": float(completeness.mean()),
        "dci_informativeness": float(accuracy.mean()),
        "factor_vae": statistics.measure_factor_vae(codes, factors, seed),
        "factors": [
            {
                "name": name,
                "num_values": num_values,
                "gap": float(gap),
                "completeness": float(complete),
                "informativeness": float(share),
            }
            for (name, num_values), gap, complete, share in by_factor
        ],
        "information": information.tolist(),
        "importance": importance.tolist(),
        "protocol": {
            "codes": FEATURES[session.flags["features"]],
            "mig_bins": statistics.NUM_BINS,
            "dci_trees": statistics.NUM_TREES,
            "dci_smallest_leaf": statistics.MIN_LEAF,
            "factor_vae_votes": [statistics.NUM_VOTES, statistics.NUM_TEST_VOTES],
            "factor_vae_images_per_vote": statistics.GROUP,
        },
    }


def find_scores(measured: dict[str, Any]) -> dict[str, float]:
    """Returns the scores among what was measured; none if the factors are not known."""
    return {name: measured[name] for name in _SCORES if name in measured}


def _format(measured: dict[str, Any]) -> str:
    """Returns the scores with their protocol, and a table with one row per factor."""
    protocol = measured["protocol"]
    votes, test_votes = protocol["factor_vae_votes"]
    how = {
        "mig": f"histograms of {protocol['mig_bins']} bins per dimension",
        "dci_disentanglement": f"random forests, {protocol['dci_trees']} trees, leaves of "
        f"{protocol['dci_smallest_leaf']} images or more",
        "dci_informativeness": "accuracy of the forests, out of bag",
        "factor_vae": f"{votes:,} votes and {test_votes:,} test votes of "
        f"{protocol['factor_vae_images_per_vote']} images; chance: "
        f"{1 / len(measured['factors']):.2f}",
    }
    lines = [f"{protocol['codes']} of {measured['num_images']:,} test images, all scores in 0 to 1"]
    for name, value in find_scores(measured).items():
        metric = METRICS[name]
        lines.append(
            f"  {metric.heading:<20} {value:.{metric.digits}f}  {how.get(name, '')}".rstrip()
        )
    lines.append("  factor  values    gap  completeness  accuracy  information, % of the factor's")
    for factor, row in zip(measured["factors"], measured["information"], strict=True):
        best = sorted(enumerate(row, start=1), key=lambda item: -item[1])[:3]
        shown = ", ".join(f"z{dim} {100 * share:.0f}" for dim, share in best)
        lines.append(
            f"  {factor['name']:<6}{factor['num_values']:>8}{factor['gap']:>7.3f}"
            f"{factor['completeness']:>14.3f}{factor['informativeness']:>10.3f}  {shown}"
        )
    return "\n".join(lines)
