"""``--compare``: several runs on the same images side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import figures
import runs
from catalog.likelihoods import LIKELIHOODS
from catalog.metrics import METRICS, NATS
from data.labels import choose_by_class
from evaluation import batching, curves, disentanglement, metrics, quality, report_several
from evaluation.session import Session
from evaluation.statistics import summaries

_COLUMNS = 20  # test images, at most
_PRINTED = 4  # columns of the table beside each other
_WIDTH = 100  # of a line of text
_ARROWS = {True: " ↑", False: " ↓", None: ""}  # by the direction that is better

Tables = Sequence[dict[str, Any]]  # of each run, what was measured


def compare(sessions: Sequence[Session]) -> list[Path]:
    """Draws the runs' curves, metrics, reconstructions and samples; writes tables.

    Nats of a probability, of a probability of 8-bit pixels and of a density cannot be compared
    (docs/likelihoods.md). If the runs have several, curves and metrics that depend on the
    likelihood are not drawn; a line reports this.
    """
    first = sessions[0]
    labels = runs.label({session.run.name: session.record for session in sessions})
    likelihoods = _choose_likelihoods(sessions)
    subtitle = f"{first.dataset_name} · {len(sessions)} runs"
    subtitle += " · last epoch" if first.checkpoint == "last" else ""
    tables = [_measure(session) for session in sessions]
    written = _write_tables(first, labels, tables)
    print(_format(labels, tables))
    shown = metrics.find_measured(*tables)
    if len(likelihoods) == 1:
        written += _draw_curves(sessions, labels)
    else:
        hidden = [name for name in shown if METRICS[name].depends_on_likelihood]
        shown = [name for name in shown if name not in hidden]
        print(
            f"{', '.join(likelihoods)}: their nats cannot be compared (docs/likelihoods.md); "
            f"curves, {' and '.join(METRICS[name].heading for name in hidden)} are not drawn"
        )
    written += _draw_metrics(first, shown, tables, labels, subtitle)
    written += _draw_reconstructions(sessions, labels, subtitle)
    # Samples show the difference between models with different priors, or without one.
    kinds = {(each.model.is_variational, each.prior, len(each.levels) > 1) for each in sessions}
    if len(kinds) > 1:
        written += _draw_samples(sessions, labels, subtitle)
    if first.flags["report"]:
        written += report_several.write(sessions, labels, tables)
    return written


def _choose_likelihoods(sessions: Sequence[Session]) -> list[str]:
    """Returns one likelihood of the runs for each kind of nats, such as a density's."""
    by_nats: dict[str, str] = {}
    for session in sessions:
        by_nats.setdefault(LIKELIHOODS[session.likelihood].nats, session.likelihood)
    return sorted(by_nats.values())


def _measure(session: Session) -> dict[str, Any]:
    """Returns a run's metrics on the test images, and the last row of its history.

    If the factors of the images are known, the disentanglement scores are among the metrics.
    """
    print(f"measures  {session.run.name}", flush=True)
    measured = metrics.measure(session)
    if session.info.factors:
        measured |= disentanglement.find_scores(disentanglement.measure(session))
    last = curves.read_history(session)[0][-1]
    return {
        **{name: session.settings.get(name) for name in ("model", "latent_dim", "beta")},
        "epoch": session.epoch,
        "num_parameters": session.record.get("num_parameters"),
        "seconds": session.record.get("seconds"),
        **measured,
        "last_epoch": {
            name: value if np.isfinite(value) else None
            for name, value in last.items()
            if name != "epoch"
        },
    }


def _write_tables(session: Session, labels: Sequence[str], tables: Tables) -> list[Path]:
    """Writes everything as JSON, and what is one number per run as CSV."""
    rows = []
    for label, table in zip(labels, tables, strict=True):
        row: dict[str, Any] = {"run": table["run"], "label": label}
        for name, value in table.items():
            if name == "last_epoch":
                row |= {f"{part}_last_epoch": number for part, number in value.items()}
            elif isinstance(value, dict) and "mean" in value:
                row |= {name: value["mean"], f"{name}_error": value["standard_error"]}
            elif not isinstance(value, dict | list):
                row[name] = value
        rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    labeled = [{"label": label, **table} for label, table in zip(labels, tables, strict=True)]
    return [
        session.write_json("table.json", labeled),
        session.write_csv("table.csv", columns, rows),
    ]


def _format(labels: Sequence[str], tables: Tables) -> str:
    """Returns the table to print."""
    shown = metrics.find_measured(*tables)
    units: dict[str, list[str]] = {}
    for name in shown:
        units.setdefault(METRICS[name].unit, []).append(METRICS[name].heading)
    lines = [f"\n{tables[0]['num_images']:,} test images"]
    for unit, headings in units.items():
        text = f"{', '.join(headings)}: {unit}"
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    columns = {
        METRICS[name].heading: [
            metrics.format_mean(name, table[name]) if name in table else "none" for table in tables
        ]
        for name in shown
    }
    heading = METRICS["active_units"].heading
    columns[heading] = [f"{each['active_units']} of {each['latent_dim']}" for each in tables]
    scores = disentanglement.find_scores(tables[0])
    columns |= {
        METRICS[name].heading: [f"{table[name]:.{METRICS[name].digits}f}" for table in tables]
        for name in scores
    }
    lines += _write_columns(labels, columns)
    if compared := [table for table in tables if "sample_quality" in table]:
        lines += textwrap.wrap(quality.describe_reference(compared[0]), _WIDTH)
    if "nll" in shown:
        found = [table.get("importance_sampling") for table in tables]
        counts = [f"{each['num_samples']:,}" if each else "none" for each in found]
        each = counts[0] if len(set(counts)) == 1 else "; ".join(counts)
        lines.append(f"samples of z per image for NLL: {each}")
    return "\n".join(lines) + "\n"


def _write_columns(labels: Sequence[str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the lines of a table, a few columns at a time, so that it fits most terminals.

    Args:
        labels: of the rows.
        columns: heading → cells.
    """
    width = max(map(len, labels)) + 1
    headings = list(columns)
    lines = []
    for first in range(0, len(headings), _PRINTED):
        block = headings[first : first + _PRINTED]
        lines += ["", " " * width + "".join(f"{heading:>21}" for heading in block)]
        for row, label in enumerate(labels):
            cells = "".join(f"{columns[heading][row]:>21}" for heading in block)
            lines.append(f"{label:<{width}}{cells}")
    return lines


def _draw_curves(sessions: Sequence[Session], labels: Sequence[str]) -> list[Path]:
    first = sessions[0]
    figure = figures.draw_compared_curves(
        [curves.read_history(session)[0] for session in sessions],
        labels,
        "Losses over epochs",
        f"{first.dataset_name} · {len(sessions)} runs",
    )
    return first.save_figure(figure, "curves")


def _draw_metrics(
    session: Session, names: Sequence[str], tables: Tables, labels: Sequence[str], subtitle: str
) -> list[Path]:
    measures: dict[str, list[tuple[float, float] | None]] = {}
    for name in names:
        metric = METRICS[name]
        percent = 100 if metric.unit.startswith("fraction") else 1
        unit = ", %" if percent == 100 else ", nats" if metric.unit == NATS else ""
        measures[f"{metric.heading}{unit}{_ARROWS[metric.higher_is_better]}"] = [
            found and (percent * found["mean"], percent * found["standard_error"])
            for found in (table.get(name) for table in tables)
        ]
    kl = [table.get("kl_per_dimension") for table in tables]
    figure = figures.draw_compared_measures(
        measures,
        [None if values is None else np.array(values) for values in kl],
        [(table["active_units"], table["latent_dim"]) for table in tables],
        labels,
        "On the test images, and the KL of each latent dimension",
        f"{subtitle} · {tables[0]['num_images']:,} test images, ± standard error · arrows: what is "
        f"better · active: variance of the posterior means above {summaries.ACTIVE_VARIANCE}",
    )
    return session.save_figure(figure, "measures")


def _draw_reconstructions(
    sessions: Sequence[Session], labels: Sequence[str], subtitle: str
) -> list[Path]:
    """Draws the same test images reconstructed by every run, the classes in turn."""
    first = sessions[0]
    images, classes = first.test
    count = min(first.flags["num_gen"], _COLUMNS)
    chosen = choose_by_class(len(images), classes, count)
    figure = figures.draw_compared_reconstructions(
        images[chosen],
        [batching.reconstruct(session, images[chosen]) for session in sessions],
        labels,
        "Test images and their reconstructions",
        subtitle,
    )
    return first.save_figure(figure, "reconstructions")


def _draw_samples(sessions: Sequence[Session], labels: Sequence[str], subtitle: str) -> list[Path]:
    """Draws samples of each run's prior, decoded. An autoencoder's are from N(0, I)."""
    samples = [
        batching.decode(session, batching.sample_prior(session, session.flags["num_gen"]))
        for session in sessions
    ]
    title = "Samples from the prior, decoded"
    if not all(session.model.is_variational for session in sessions):
        title += "; autoencoders have none and were not trained to decode N(0, I)"
    subtitle += sessions[0].seed_note
    figure = figures.draw_compared_samples(samples, labels, title, subtitle)
    return sessions[0].save_figure(figure, "samples")
