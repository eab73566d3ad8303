"""Several runs beside each other: which are meant, which may stand there, what to call them."""

from __future__ import annotations

import fnmatch
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runs.run import Run, RunError

Records = Mapping[str, Mapping[str, Any]]  # of each run, by its name


def find_several(root: Path, words: str) -> list[Run]:
    """Returns the runs that ``--compare`` names, by latent_dim and then by name.

    Args:
        root: the folder of runs.
        words: names, or patterns such as ``mnist_vae_*``, with commas between them. A name
            may itself hold commas.

    Raises:
        RunError: if a word names no run, or all of them name one alone.
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
            f"--compare {words} names one run, {min(chosen)}: name two or more, or draw this one "
            f"with python evaluate.py --run_name {min(chosen)} --all 1"
        )
    found = [Run(root / name) for name in chosen]
    sizes = {run.name: run.read_record()["flags"].get("latent_dim") for run in found}
    numbers = {name: size if isinstance(size, int) else 0 for name, size in sizes.items()}
    return sorted(found, key=lambda run: (numbers[run.name], run.name))


def _match(pieces: Sequence[str], names: Sequence[str]) -> set[str] | None:
    """Returns the names that the pieces match, joined where a name holds a comma."""
    if not pieces:
        return set()
    for end in range(1, len(pieces) + 1):
        matched = fnmatch.filter(names, ",".join(pieces[:end]))
        rest = _match(pieces[end:], names) if matched else None
        if rest is not None:
            return {*matched, *rest}
    return None


def check_comparable(records: Records) -> None:
    """Raises RunError where the runs' images differ: nothing of them could be compared."""
    for flag in ("dataset", "binarize"):
        values = {name: record["flags"].get(flag) for name, record in records.items()}
        if len(set(values.values())) > 1:
            first: dict[Any, str] = {}
            for name, value in values.items():
                first.setdefault(value, name)
            told = ", ".join(f"{value} ({name})" for value, name in first.items())
            raise RunError(
                f"--compare takes runs of the same images, and these differ in {flag}: {told}; "
                "leave some out"
            )


def label(records: Records) -> list[str]:
    """Returns what to call each run in a figure: what sets it apart from the others.

    Its model and latent_dim if that is all, else its name.
    """
    flags = [record["flags"] for record in records.values()]
    shared = set.intersection(*(set(of_one) for of_one in flags))
    differing = {name for name in shared if len({str(of_one[name]) for of_one in flags}) > 1}
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
    """Returns the name of the folder for what is drawn of these runs, such as
    ``compare_mnist_1a2b3c4d``: the same for the same runs, in whatever order."""
    dataset = next(iter(records.values()))["flags"]["dataset"]
    return f"compare_{dataset}_{zlib.crc32('/'.join(sorted(records)).encode()):08x}"
