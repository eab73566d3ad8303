"""One run's folder and its record, run.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runs.files import write_atomically

FORMAT = 1  # of run.json; raised when a reader of the old one would go wrong
CHECKPOINTS = {"best": "best.keras", "last": "model.keras"}


class RunError(Exception):
    """A run cannot be started, found or read; the message is one line for the user."""


class Run:
    """A folder with the files that the package's docstring lists.

    Args:
        folder: it need not exist yet.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.name
        self.record_path = folder / "run.json"
        self.history_path = folder / "history.csv"
        self.logs_dir = folder / "logs"
        self.best_path = folder / CHECKPOINTS["best"]
        self.checkpoint_path = folder / "checkpoint.npz"
        self.last_path = folder / CHECKPOINTS["last"]

    def check_startable(self, overwrite: bool) -> None:
        """Raises RunError where a new run would destroy what is there."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise RunError(f"{self.folder} is a file: move it, or choose another --run_name")
        if self.record_path.exists():
            if not overwrite:
                raise RunError(
                    f"{self.folder} already holds a run: type --resume to go on with it, "
                    "--overwrite to train it anew, or --run_name NAME to keep both"
                )
        elif any(self.folder.iterdir()):
            raise RunError(
                f"{self.folder} holds files but no run.json, so no run of this program: move "
                "them, or choose another --run_name"
            )

    def start(self, record: dict[str, Any]) -> None:
        """Makes the folder, removes what an earlier run wrote there, and writes run.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = (self.checkpoint_path, self.best_path, self.last_path, self.history_path)
        for path in (*paths, self.record_path):
            path.unlink(missing_ok=True)
        if self.logs_dir.exists():
            shutil.rmtree(self.logs_dir)
        self.write_record({"format": FORMAT, "run_name": self.name, **record})

    def resume(self, num_epochs: int) -> dict[str, Any]:
        """Notes in run.json that the training goes on, up to this many epochs; returns it.

        Raises:
            RunError: if it has had them already.
        """
        record = self.read_record()
        if record["status"] == "finished" and record["epochs_done"] >= num_epochs:
            raise RunError(
                f"{self.folder} has had its {record['epochs_done']} epochs: type --num_epochs "
                "with more to go on"
            )
        flags = {**record["flags"], "num_epochs": num_epochs}
        record = {**record, "status": "training", "flags": flags}
        self.write_record(record)
        return record

    def finish(
        self, status: str, best: Mapping[str, float] | None, epochs_done: int, seconds: float
    ) -> None:
        """Notes in run.json how the training ended; ``best`` is a row of the history."""
        outcome = {
            "status": status,
            "best": {name: best[name] for name in ("epoch", "val_loss")} if best else None,
            "epochs_done": epochs_done,
            "seconds": round(seconds, 1),
        }
        self.write_record({**self.read_record(), **outcome})

    def write_record(self, record: dict[str, Any]) -> None:
        """Replaces run.json."""
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        with write_atomically(self.record_path) as beside:
            beside.write_text(text, encoding="utf-8")

    def read_record(self) -> dict[str, Any]:
        """Returns run.json; raises RunError if it is missing, damaged or of another format."""
        try:
            record = json.loads(self.record_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.record_path} cannot be read ({error})") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise RunError(f"{self.record_path} is not of format {FORMAT}, the one known here")
        expected = {"flags": dict, "status": str, "started": str}
        wrong = [name for name, kind in expected.items() if not isinstance(record.get(name), kind)]
        if wrong:
            raise RunError(f"{self.record_path} lacks {', '.join(wrong)}, or has it wrong")
        return record

    def files(self) -> list[Path]:
        """Returns what the run has written so far, run.json last."""
        paths = (
            self.last_path,
            self.best_path,
            self.history_path,
            self.checkpoint_path,
            self.logs_dir,
            self.record_path,
        )
        return [path for path in paths if path.exists()]
