"""The published runs in docs/results/, from which docs/results.md is written.

docs/results/<recipe>/<run>/
    run.json, history.csv   as training wrote them
    *.json, *.png           as evaluation wrote them
docs/results/<recipe>/comparison/
    *.png                   as evaluate.py --compare drew them
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import runs
from catalog.values import to_levels

# In the order of the page.
FIGURES = (
    "reconstruction.png",
    "generated.png",
    "latent_test.png",
    "manifold.png",
    "accuracy_by_labels.png",
    "ood.png",
)
COMPARED = ("curves.png", "measures.png", "reconstructions.png", "samples.png")


@dataclasses.dataclass(frozen=True)
class Published:
    """A finished run and its measurements."""

    folder: Path

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """run.json."""
        return json.loads((self.folder / "run.json").read_text())

    @functools.cached_property
    def history(self) -> list[dict[str, float]]:
        return runs.read_history(self.folder / "history.csv")

    @property
    def flags(self) -> Mapping[str, Any]:
        return self.record["flags"]

    @property
    def minutes(self) -> float:
        """Training time: the number of epochs times their median time.

        The sum would count the hours for which a training was stopped.
        """
        seconds = [row["seconds"] for row in self.history]
        return statistics.median(seconds) * len(seconds) / 60

    def measured(self, name: str) -> dict[str, Any] | None:
        """Returns ``name``.json as evaluate.py wrote it, or None if there is no such file."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None


def has_settings(
    flags: Mapping[str, Any], wanted: Mapping[str, Any], but_for: Sequence[str] = ()
) -> bool:
    """Returns whether a run's flags have the values wanted, except those ``but_for``.

    Flags that a run's record lacks were added after it was trained; they are not compared.
    """
    shared = (flags.keys() & wanted.keys()) - set(but_for)
    return all(runs.normalize(flags[name]) == runs.normalize(wanted[name]) for name in shared)


def published(root: Path, recipe: str) -> list[Published]:
    """Returns the runs of a recipe, sorted by latent dimension and name."""
    found = [Published(path.parent) for path in sorted((root / recipe).glob("*/run.json"))]
    return sorted(found, key=lambda run: to_levels(run.flags["latent_dim"]))


def find_figures(folder: Path) -> list[Path]:
    """Returns the figures of a recipe: those of each run, then those of its comparison."""
    found = [run.folder / name for run in published(folder.parent, folder.name) for name in FIGURES]
    found += [folder / "comparison" / name for name in COMPARED]
    return [path for path in found if path.is_file()]


def find_finished(trained: Path) -> list[tuple[runs.Run, dict[str, Any]]]:
    """Returns the finished runs in a folder with their records (run.json), oldest first."""
    found = [runs.Run(path.parent) for path in sorted(trained.glob("*/run.json"))]
    records = [(run, run.read_record()) for run in found]
    finished = [(run, record) for run, record in records if record["status"] == "finished"]
    return sorted(finished, key=lambda one: (one[1]["started"], one[0].name))


def _choose(
    finished: Sequence[tuple[runs.Run, dict[str, Any]]], wanted: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[runs.Run, dict[str, Any]]]:
    """Returns the newest run with each of these settings, if any: name → run, record."""
    chosen = {}
    for settings in wanted:
        for run, record in reversed(finished):
            if has_settings(record["flags"], settings):
                chosen[run.name] = (run, record)
                break
    return chosen


def collect(
    folder: Path,
    wanted: Sequence[Mapping[str, Any]],
    finished: Sequence[tuple[runs.Run, dict[str, Any]]],
    result: Path,
) -> list[Path]:
    """Copies the finished runs of a recipe and their measurements to its folder.

    Args:
        folder: docs/results/<recipe>.
        wanted: the settings of each of the recipe's runs. If several finished runs have them,
            the newest is copied.
        finished: from ``find_finished``.
        result: the folder of evaluate.py's results, which has a folder for each run.

    Returns:
        The folders written.
    """
    written = []
    for name, (run, _) in _choose(finished, wanted).items():
        measured = sorted((result / name).glob("*.json"))
        drawn = [result / name / figure for figure in FIGURES]
        written += _copy([run.record_path, run.history_path, *measured, *drawn], folder / name)
    return written


def collect_comparison(
    folder: Path,
    wanted: Sequence[Mapping[str, Any]],
    finished: Sequence[tuple[runs.Run, dict[str, Any]]],
    result: Path,
) -> list[Path]:
    """Copies the figures of ``evaluate.py --compare`` for runs with these settings, if any."""
    records = {name: record for name, (_, record) in _choose(finished, wanted).items()}
    if not records:
        return []
    drawn = result / runs.name_comparison(records)
    return _copy([drawn / name for name in COMPARED], folder / "comparison")


def _copy(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Copies the files that exist; returns the folder if there are any."""
    existing = [path for path in paths if path.is_file()]
    for path in existing:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.name)
    return [folder] if existing else []
