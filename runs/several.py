"""Comparison of several runs: finding, checking and labeling them."""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.datasets import SOURCES, short_name
from runs.naming import format_value, normalize
from runs.run import Run, RunError

_LONG = 40  # characters of a label

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
    """Returns a short label for each run, such as ``autoencoder, latent_dim 2``, all different.

    It has the settings in which the runs differ; model and latent_dim come first. Settings that
    need not be named to tell the runs apart are left out of long labels. Runs with equal labels
    have their names behind them.
    """
    flags = [record["flags"] for record in records.values()]
    settings = dict.fromkeys(["model", "latent_dim", *(name for each in flags for name in each)])
    # A setting that only some of the runs read does not differ if these agree in it.
    named = [
        name
        for name in settings
        if len({normalize(of_one[name]) for of_one in flags if name in of_one}) > 1
    ]
    labels = [_describe(of_one, named) for of_one in flags]
    for name in reversed(named):
        fewer = [each for each in named if each != name]
        shorter = [_describe(of_one, fewer) for of_one in flags]
        if max(map(len, labels)) > _LONG and len(set(shorter)) == len(set(labels)):
            named, labels = fewer, shorter
    return [
        text if text and labels.count(text) == 1 else f"{text} ({name})" if text else name
        for text, name in zip(labels, records, strict=True)
    ]


def _describe(settings: Mapping[str, Any], named: Sequence[str]) -> str:
    texts = {name: format_value(settings[name]) for name in named if name in settings}
    return ", ".join(text if name == "model" else f"{name} {text}" for name, text in texts.items())


def name_comparison(records: Records) -> str:
    """Returns the name of the folder for figures of these runs, e.g. ``compare_mnist_1a2b3c4d``.

    It does not depend on the order of the runs.
    """
    dataset = short_name(next(iter(records.values()))["flags"]["dataset"])
    return f"compare_{dataset}_{zlib.crc32('/'.join(sorted(records)).encode()):08x}"
