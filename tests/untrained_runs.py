"""Runs without a trained model, for tests of what happens before a model is opened."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cli
import runs


def write_run(folder: Path, *words: str, best: bool = True, **changed: object) -> None:
    """Creates a run as train.py does, but with models that cannot be opened."""
    run = runs.Run(folder)
    flags = cli.settings(cli.parse_train(["train.py", "--dataset", "digits", *words]))
    record = {"status": "finished", "started": "2026", "flags": flags, "data_dir": None}
    run.start({**record, "epochs_done": 50, "best": None, "num_train": 1293, **changed})
    if best:
        content = b"no model"
        run.best_path.write_bytes(content)
        sums = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "epoch": 50}
        run.write_record({**run.read_record(), "files": {run.best_path.name: [sums]}})
