"""``--compare``: several runs of the same images beside each other."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import figures
import models
import runs
from evaluation import batching, curves, metrics, reconstruct
from evaluation.context import Context

_COLUMNS = 20  # test images at most
_OF_LIKELIHOOD = ("elbo", "reconstruction")  # nats that compare for one likelihood alone


class _Measure(NamedTuple):
    """One of the figures of ``metrics.measure``, as it is printed and drawn."""

    column: str
    heading: str  # in the figure
    factor: int = 1  # in the figure: what is drawn is better the lower, and parts are per cent


_MEASURES = {
    "elbo": _Measure("ELBO", "−ELBO, nats", -1),
    "reconstruction": _Measure("reconstruction", "reconstruction, nats"),
    "kl": _Measure("KL", "KL, nats"),
    "mean_squared_error": _Measure("squared error", "squared error"),
    "squared_error_plus_kl": _Measure("squared error + KL", "squared error + KL"),
    "accuracy": _Measure("accuracy", "accuracy, %", 100),
}


def compare(contexts: Sequence[Context]) -> list[Path]:
    """Draws the runs' curves, reconstructions and figures on the test images; writes tables.

    Nats of a probability and of a density do not compare (docs/likelihoods.md): where the runs
    have both, curves and nats of −log p(x|z) are left out of the figures, and said to be.

    Args:
        contexts: of two or more runs of the same images, all with the same place for results.
    """
    first = contexts[0]
    records = {context.run.name: context.record for context in contexts}
    labels = runs.label(records)
    nats = _find_nats(records)
    about = f"{first.record['flags']['dataset']} · {len(contexts)} runs · {first.checkpoint} epoch"
    tables = [_measure(context) for context in contexts]
    written = _write_tables(first, labels, tables)
    print(_format(labels, tables))
    if len(nats) == 1:
        written += _draw_curves(contexts, labels, about)
    else:
        print(
            f"{', '.join(nats)}: nats of probabilities and of densities do not compare, "
            "and curves, ELBO and reconstruction are not drawn beside each other"
        )
    written += _draw_measures(first, tables, labels, about, with_nats=len(nats) == 1)
    written += _draw_reconstructions(contexts, labels, about)
    if len({"kl" in table for table in tables}) > 1:  # VAEs, and autoencoders beside them
        written += _draw_samples(contexts, labels, about)
    return written


def _find_nats(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns one likelihood of the runs for each kind of nats that theirs are."""
    of_kinds: dict[str, str] = {}
    for record in records.values():
        name = record["flags"].get("likelihood", "bernoulli")
        of_kinds.setdefault(models.table.LIKELIHOODS[name].nats, name)
    return sorted(of_kinds.values())


def _measure(context: Context) -> dict[str, Any]:
    """Returns a run's figures: on the test images, and in training at its end."""
    print(f"measures  {context.run.name}", flush=True)
    measured = metrics.measure(context)
    flags = context.record["flags"]
    last = curves.read_history(context)[0][-1]
    return {
        **{name: flags.get(name) for name in ("model", "latent_dim", "beta")},
        "epoch": context.epoch,
        "num_parameters": context.record.get("num_parameters"),
        "seconds": context.record.get("seconds"),
        **measured,
        "last_epoch": {name: value for name, value in last.items() if name != "epoch"},
    }


def _write_tables(
    context: Context, labels: Sequence[str], tables: Sequence[dict[str, Any]]
) -> list[Path]:
    """Writes everything as JSON, and what has one figure a run as CSV."""
    rows = []
    for label, table in zip(labels, tables, strict=True):
        row: dict[str, Any] = {"run": table["run"], "label": label}
        for name, value in table.items():
            if name == "last_epoch":
                row |= {f"{part}_last_epoch": figure for part, figure in value.items()}
            elif isinstance(value, dict) and "mean" in value:
                row |= {name: value["mean"], f"{name}_error": value["standard_error"]}
            elif not isinstance(value, dict | list):
                row[name] = value
        rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    paths = [context.path("table.json"), context.path("table.csv")]
    with runs.write_atomically(paths[0]) as beside:
        labelled = [{"label": label, **table} for label, table in zip(labels, tables, strict=True)]
        beside.write_text(json.dumps(labelled, indent=2) + "\n")
    with runs.write_atomically(paths[1]) as beside, beside.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return paths


def _format(labels: Sequence[str], tables: Sequence[dict[str, Any]]) -> str:
    """Returns the table to print."""
    width = max(map(len, labels)) + 2
    shown = _find_measures(tables)
    lines = [
        f"\n{tables[0]['num_images']:,} test images, in nats but for squared error and accuracy",
        " " * width + "".join(f"{_MEASURES[name].column:>20}" for name in shown) + "  active",
    ]
    for label, table in zip(labels, tables, strict=True):
        line = f"{label:<{width}}"
        for name in shown:
            of_one = table.get(name)
            digits = 4 if name == "accuracy" else 2
            text = "none"
            if of_one:
                text = f"{of_one['mean']:.{digits}f} ± {of_one['standard_error']:.{digits}f}"
            line += f"{text:>20}"
        lines.append(f"{line}  {table['active_units']} of {table['latent_dim']}")
    return "\n".join(lines) + "\n"


def _find_measures(tables: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the measures that any of the runs has."""
    return [name for name in _MEASURES if any(name in table for table in tables)]


def _draw_curves(contexts: Sequence[Context], labels: Sequence[str], about: str) -> list[Path]:
    figure = figures.draw_compared_curves(
        [curves.read_history(context)[0] for context in contexts],
        labels,
        "Losses over epochs",
        f"{contexts[0].record['flags']['dataset']} · {len(contexts)} runs · the first epochs may "
        "lie beyond the axes",
    )
    return contexts[0].save_figure(figure, "curves")


def _draw_measures(
    context: Context,
    tables: Sequence[dict[str, Any]],
    labels: Sequence[str],
    about: str,
    with_nats: bool,
) -> list[Path]:
    names = [name for name in _find_measures(tables) if with_nats or name not in _OF_LIKELIHOOD]
    measures: dict[str, list[tuple[float, float] | None]] = {}
    for name in names:
        _, heading, factor = _MEASURES[name]
        found = [table.get(name) for table in tables]
        measures[heading] = [
            of_one and (factor * of_one["mean"], abs(factor) * of_one["standard_error"])
            for of_one in found
        ]
    kl = [table.get("kl_per_dimension") for table in tables]
    figure = figures.draw_compared_measures(
        measures,
        [None if of_one is None else np.array(of_one) for of_one in kl],
        [(table["active_units"], table["latent_dim"]) for table in tables],
        labels,
        "On the test images, and the KL of each latent dimension",
        f"{about} · {tables[0]['num_images']:,} test images, ± standard error · active: its "
        f"posterior mean varies by more than {metrics.ACTIVE_VARIANCE}",
    )
    return context.save_figure(figure, "measures")


def _draw_reconstructions(
    contexts: Sequence[Context], labels: Sequence[str], about: str
) -> list[Path]:
    """Draws the same test images as every run gives them back, the classes in turn."""
    first = contexts[0]
    images, of_class = first.test
    chosen = reconstruct.choose_by_class(of_class, min(first.num_gen, _COLUMNS))
    figure = figures.draw_compared_reconstructions(
        images[chosen],
        [batching.reconstruct(context.model, images[chosen]) for context in contexts],
        labels,
        "Test images and their reconstructions",
        about,
    )
    return first.save_figure(figure, "reconstructions")


def _draw_samples(contexts: Sequence[Context], labels: Sequence[str], about: str) -> list[Path]:
    """Draws what each run decodes from the same draws of N(0, I); an autoencoder was not
    trained to make images of them."""
    samples = []
    for context in contexts:
        noise = np.random.default_rng(context.seed)
        z = noise.standard_normal((context.num_gen, context.latent_dim), np.float32)
        samples.append(batching.decode(context.model, z))
    title = "Decoded from z ~ N(0, I), with which no autoencoder is trained"
    figure = figures.draw_compared_samples(
        samples, labels, title, f"{about} · seed {contexts[0].seed}"
    )
    return contexts[0].save_figure(figure, "samples")
