"""Comparison of several runs: finding, checking and labeling them."""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.datasets import SOURCES, short_name
from runs.naming import normalize
from runs.run import Run, RunError

Records = Mapping[str, Mapping[str, Any]]  # run name → run.json


def find_several(root: Path, words: str) -> list[Run]:
    """Returns the runs that ``--compare`` names, sorted by latent_dim and then by name.

    Args:
        root: the folder of runs.
        words: names, or patterns such as ``mnist_vae_*``, separated by commas. A name may
            itself contain commas.

    Raises:
        RunError: if a name matches no run, or there are fewer than two runs.
    """
    names = sorted(path.parent.name for path in root.glob("*/run.json"))
    pieces = [piece.strip() for piece in words.split(",")]
    chosen = _match(pieces, names)
    if chosen is None:
        wrong = next((piece for piece in pieces if not fnmatch.filter(names, piece)), words)
        known = ", ".join(names[:10]) + (f", {len(names) - 10} more" if len(names) > 10 else "")
        raise RunError(f"no run in {root} is called {wrong}: there are {known or 'none'}")
    if len(chosen) < 2:
        raise RunError(
            f"--compare {words} names one run, {min(chosen)}: name two or more, or evaluate this "
            f"one with python evaluate.py --run_name {min(chosen)} --all 1"
        )
    found = [Run(root / name) for name in chosen]
    sizes = {run.name: run.read_record()["flags"].get("latent_dim") for run in found}
    return sorted(found, key=lambda run: (_sizes_to_sort(sizes[run.name]), run.name))


def _sizes_to_sort(latent_dim: Any) -> tuple[float, ...]:
    return tuple(size if isinstance(size, int | float) else 0 for size in normalize(latent_dim))


def _match(pieces: Sequence[str], names: Sequence[str]) -> set[str] | None:
    """Returns the names that the pieces match; pieces are joined if a name contains commas."""
    if not pieces:
        return set()
    for end in range(1, len(pieces) + 1):
        matched = fnmatch.filter(names, ",".join(pieces[:end]))
        rest = _match(pieces[end:], names) if matched else None
        if rest is not None:
            return {*matched, *rest}
    return None


def check_comparable(records: Records) -> None:
    """Raises RunError if the runs were trained on different images."""
    names = ["dataset", *(flag.name for source in SOURCES.values() for flag in source.flags)]
    compared: dict[str, dict[str, Any]] = {
        flag: {name: record["flags"].get(flag) for name, record in records.items()}
        for flag in (*names, "binarize")
    }
    # Images of the same name or path may have been replaced by others. Old runs record no shape.
    compared["image shape"] = {
        name: "×".join(map(str, record["dataset"]["image_shape"]))
        for name, record in records.items()
        if "dataset" in record
    }
    for flag, value_of in compared.items():
        first: dict[Any, str] = {}  # value → the first run that has it
        for name, value in value_of.items():
            first.setdefault(value, name)
        if len(first) > 1:
            values = ", ".join(f"{value} ({name})" for value, name in first.items())
            raise RunError(
                f"--compare needs runs on the same images, but these differ in {flag}: {values}; "
                "leave some out"
            )


def label(records: Records) -> list[str]:
    """Returns a label for each run in a figure.

    It is the model and the latent_dim, as far as they differ, if the runs differ in nothing
    else, and otherwise the run's name.
    """
    flags = [record["flags"] for record in records.values()]
    shared = set.intersection(*(set(of_one) for of_one in flags))
    differing = {name for name in shared if len({normalize(of_one[name]) for of_one in flags}) > 1}
    labels = list(records)
    if differing <= {"model", "latent_dim"}:
        labels = [
            ", ".join(
                f"latent_dim {of_one[name]}" if name == "latent_dim" else of_one[name]
                for name in ("model", "latent_dim")
                if name in differing
            )
            for of_one in flags
        ]
    return labels if len(set(labels)) == len(labels) else list(records)


def name_comparison(records: Records) -> str:
    """Returns the name of the folder for figures of these runs, e.g. ``compare_mnist_1a2b3c4d``.

    It does not depend on the order of the runs.
    """
    dataset = short_name(next(iter(records.values()))["flags"]["dataset"])
    return f"compare_{dataset}_{zlib.crc32('/'.join(sorted(records)).encode()):08x}"
