"""The runs that docs/results.md is made of, as docs/results/ keeps them.

docs/results/<recipe>/<run>/
    run.json, history.csv   as training wrote them
    *.json, *.png           as evaluation wrote them
"""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import runs

FIGURES = ("reconstruction.png", "generated.png", "accuracy_by_labels.png", "ood.png")


@dataclasses.dataclass(frozen=True)
class Published:
    """One finished run and what was measured of it."""

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
        """That the training took."""
        return self.record["seconds"] / 60

    def measured(self, name: str) -> dict[str, Any] | None:
        """Returns ``name``.json as evaluate.py wrote it, None if that was not measured."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def drawn(self) -> list[Path]:
        """Returns the figures there are."""
        return [path for path in (self.folder / name for name in FIGURES) if path.is_file()]


def published(root: Path, recipe: str) -> list[Published]:
    """Returns the runs of a recipe, by latent dimension and name."""
    found = [Published(path.parent) for path in sorted((root / recipe).glob("*/run.json"))]
    return sorted(found, key=lambda run: run.flags["latent_dim"])


def collect(
    root: Path, recipe: str, wanted: Sequence[Mapping[str, Any]], trained: Path, result: Path
) -> list[Path]:
    """Copies the finished runs of a recipe, and what was measured of them, to ``root``.

    Args:
        root: docs/results.
        recipe: the folder there.
        wanted: the settings of each of the recipe's runs. Of several finished runs that agree
            with them the newest is taken; a flag younger than a run says nothing of it.
        trained: the folder of runs.
        result: what evaluate.py wrote, a folder for each run.

    Returns:
        the folders written.
    """
    records = []
    for folder in sorted(path.parent for path in trained.glob("*/run.json")):
        run = runs.Run(folder)
        record = run.read_record()
        if record["status"] == "finished":
            records.append((record["started"], run, record["flags"]))
    written = []
    for settings in wanted:
        agreeing = [
            (started, run.name, run)
            for started, run, flags in records
            if all(flags[name] == settings[name] for name in flags.keys() & settings.keys())
        ]
        if not agreeing:
            continue
        run = max(agreeing, key=lambda found: found[:2])[2]
        folder = root / recipe / run.name
        folder.mkdir(parents=True, exist_ok=True)
        measured = sorted((result / run.name).glob("*.json"))
        drawn = [result / run.name / name for name in FIGURES]
        for path in [run.record_path, run.history_path, *measured, *drawn]:
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
        written.append(folder)
    return written
