"""``--report`` with ``--compare``: several runs as one page for the browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import runs
from catalog.likelihoods import LIKELIHOODS
from catalog.metrics import METRICS
from data.labels import choose_by_class
from evaluation import batching, index, metrics, report
from evaluation.session import Session
from report import page

_NUM_IMAGES = 200  # in the page, of alternating classes
_NUM_SAMPLES = 100

Tables = Sequence[dict[str, Any]]  # of each run, what was measured


def write(sessions: Sequence[Session], labels: Sequence[str], tables: Tables) -> list[Path]:
    """Writes report.html, which needs no other file and no network.

    Args:
        sessions: the runs, on the same images.
        labels: of the runs, short.
        tables: of each run, ``metrics.measure`` and what its training reported.
    """
    first = sessions[0]
    images, classes = first.test
    chosen = choose_by_class(len(images), classes, _NUM_IMAGES)
    arrays = {"images": np.round(images[chosen] * 255).astype(np.uint8)}
    if classes is not None:
        arrays["labels"] = classes[chosen].astype(np.uint16)
    largest = max(session.latent_dim for session in sessions)
    noise = np.random.default_rng(first.seed).standard_normal((_NUM_SAMPLES, largest))
    networks: dict[str, Any] = {}
    described = []
    for number, (session, label, table) in enumerate(zip(sessions, labels, tables, strict=True)):
        of_run = _describe(session, label, table)
        described.append(of_run)
        graphs = report.describe_networks(session)
        networks |= {f"{number}/{name}": each for name, each in graphs.items()}
        losses = batching.compute_losses(session, images[chosen])
        of_images = {
            "samples": _draw_samples(session, noise, of_run["order"]),
            "reconstruction": losses["reconstruction"],
        }
        arrays |= {f"{number}/{name}": each.astype(np.float32) for name, each in of_images.items()}
    names = first.class_names
    content = {
        "name": f"{first.dataset_name}: {', '.join(labels)}",
        "subtitle": f"{len(sessions)} runs on the same {len(images):,} test images · "
        f"{first.checkpoint} epoch",
        "image_shape": list(first.info.image_shape),
        "class_names": names and list(names),
        "nats": sorted({LIKELIHOODS[session.likelihood].nats for session in sessions}),
        "table": _tabulate(sessions, tables),
        "runs": described,
    }
    text = page.fill(content, arrays, networks, "compare")
    return [first.write_text("report.html", text), index.note_runs(sessions, labels)]


def _describe(session: Session, label: str, measured: dict[str, Any]) -> dict[str, Any]:
    """Returns what the page says about one run, for JSON."""
    mean, log_var = session.test_posterior
    # Of the z of all test images; exp(−∞), an autoencoder's variance, is 0.
    scale = np.sqrt(mean.var(axis=0) + np.exp(log_var).mean(axis=0))
    return {**report.describe_run(session, measured), "label": label, "scale": scale.tolist()}


def _draw_samples(session: Session, noise: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Returns z of the prior, (num_samples, latent_dim); of an autoencoder's, from N(0, I).

    Runs with this prior share the noise: each takes the first numbers for its first dimensions in
    the order of the sliders.
    """
    if session.model.is_variational and not session.draws_standard_normal:
        return batching.sample_prior(session, len(noise))
    z = np.empty((len(noise), session.latent_dim))
    z[:, order] = noise[:, : session.latent_dim]
    return z


def _tabulate(sessions: Sequence[Session], tables: Tables) -> dict[str, Any]:
    """Returns the columns, a heading and a unit, and each run's cells, a text and a number.

    The columns are the settings that all runs have and in which they differ, then what was
    measured. Rows are sorted by the number, and by the text where it is None.
    """
    settings = [session.settings for session in sessions]
    differing = [
        name
        for name in settings[0]
        if all(name in each for each in settings)
        and len({runs.normalize(each[name]) for each in settings}) > 1
    ]
    shown = metrics.find_measured(*tables)
    columns = [
        *((name, "") for name in differing),
        *(("epoch", ""), ("parameters", ""), ("training", "seconds")),
        *((METRICS[name].heading, METRICS[name].unit) for name in shown),
        (METRICS["active_units"].heading, ""),
    ]
    rows = []
    for values, table in zip(settings, tables, strict=True):
        cells: list[tuple[str, Any]] = [_write_setting(values[name]) for name in differing]
        for name in ("epoch", "num_parameters", "seconds"):
            cells.append(("" if table[name] is None else f"{table[name]:,}", table[name]))
        for name in shown:
            found = table.get(name)
            text = metrics.format_mean(name, found).replace("-", "−") if found else ""
            cells.append((text, found and found["mean"]))
        active = table["active_units"]
        cells.append((f"{active} of {table['latent_dim']}", active))
        rows.append(cells)
    return {"columns": columns, "rows": rows}


def _write_setting(value: Any) -> tuple[str, float | None]:
    return runs.as_word(value), value if isinstance(value, int | float) else None
