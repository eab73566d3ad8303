"""One run's folder and its record, run.json."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runs.files import is_partial, remove_leftovers, write_atomically
from runs.record import RecordError, parse_record

FORMAT = 1  # of run.json; raised when a reader of the old one would go wrong
CHECKPOINTS = {"best": "best.keras", "last": "model.keras"}
CHECKPOINT = "checkpoint.npz"  # to go on from
PREVIOUS = "previous.npz"  # the one before it
HISTORY = "history.csv"
FILES = (CHECKPOINT, PREVIOUS, HISTORY, *CHECKPOINTS.values())  # that have checksums
STAGING = ".writing"  # holds what is being written
LOCK = ".lock"  # there while a process trains the run, and after one that was killed


def describe_best(row: Mapping[str, float]) -> dict[str, float]:
    """Returns what run.json says of the best epoch, from its row of the history."""
    return {name: row[name] for name in ("epoch", "val_loss")}


class RunError(Exception):
    """A run cannot be started, found or read; the message is one line for the user."""


class Run:
    """A folder with the files that the package's docstring lists.

    Args:
        folder: it need not exist yet.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = Path(os.path.abspath(folder)).name  # of "." as well
        self.record_path = folder / "run.json"
        self.history_path = folder / HISTORY
        self.logs_dir = folder / "logs"
        self.snapshots_dir = folder / "snapshots"
        self.best_path = folder / CHECKPOINTS["best"]
        self.checkpoint_path = folder / CHECKPOINT
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
        elif any(
            path.name not in (LOCK, STAGING) and not is_partial(path)
            for path in self.folder.iterdir()
        ):
            raise RunError(
                f"{self.folder} holds files but no run.json, so no run of this program: move "
                "them, or choose another --run_name"
            )

    def start(self, record: dict[str, Any]) -> None:
        """Makes the folder, writes run.json, and removes what an earlier run wrote there.

        run.json comes first: from then on the earlier run's files are nobody's, wherever
        their removal is cut off. What else lies there stays, and is said.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.remove_half_written()
        self.write_record({"format": FORMAT, "run_name": self.name, **record, "files": {}})
        for name in FILES:
            (self.folder / name).unlink(missing_ok=True)
        for name in ("train", "validation", "images", ""):
            self._remove_from(self.logs_dir / name, "events.out.tfevents.*")
        self._remove_from(self.snapshots_dir, "step_*.png", "snapshots.gif")
        left = {path.name for path in self.folder.iterdir()} - {self.record_path.name, LOCK}
        if left:
            print(f"{self.folder} keeps what is not the run's: {', '.join(sorted(left))}")

    def remove_half_written(self) -> None:
        """Removes what a process left that died while it wrote: what these rooms made, alone."""
        self.empty_staging()
        for folder in (self.folder, self.snapshots_dir):
            remove_leftovers(folder)

    def empty_staging(self) -> None:
        """Removes the folder of files being written; in it are only those that are its own."""
        staging = self.folder / STAGING
        if staging.is_symlink() or not staging.is_dir():
            return
        for path in staging.iterdir():
            path.unlink()
        staging.rmdir()

    def _remove_from(self, folder: Path, *patterns: str) -> None:
        """Removes files of these names from a folder of the run, and it if nothing else is in it.

        Follows no link on the way there.
        """
        way = [folder, *folder.parents]
        way = way[: way.index(self.folder)]
        if any(path.is_symlink() for path in way) or not folder.is_dir():
            return
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            os.rmdir(folder)

    def check_resumable(self, num_epochs: int) -> dict[str, Any]:
        """Returns run.json; raises RunError where the run cannot go on to so many epochs."""
        record = self.read_record()
        if record["status"] == "diverged":
            step = record.get("diverged_in_step")
            raise RunError(
                f"{self.folder} diverged{f' in step {step:,}' if step else ''}, and would again: "
                "it goes on only to the same steps; type another --learning_rate without "
                "--resume, with --overwrite to train it anew or --run_name NAME to keep both"
            )
        planned = record["flags"].get("num_epochs")
        ends = record["flags"].get("learning_rate_schedule", "constant") != "constant"
        if ends and planned != num_epochs:
            raise RunError(
                f"{self.folder} was started with --learning_rate_schedule "
                f"{record['flags']['learning_rate_schedule']}, which ends after its {planned} "
                f"epochs: type --num_epochs {planned}, or leave --resume out to train anew"
            )
        if record["status"] == "finished" and record.get("epochs_done", 0) >= num_epochs:
            more = "nothing is left to do" if ends else "type --num_epochs with more to go on"
            raise RunError(f"{self.folder} has had its {record['epochs_done']} epochs: {more}")
        return record

    def resume(self, num_epochs: int) -> dict[str, Any]:
        """Notes in run.json that the training goes on, up to this many epochs; returns it.

        Raises:
            RunError: if it has had them already, or cannot have them.
        """
        record = self.check_resumable(num_epochs)
        flags = {**record["flags"], "num_epochs": num_epochs}
        record = {**record, "status": "training", "flags": flags}
        self.write_record(record)
        return record

    def finish(self, best: Mapping[str, float], epochs_done: int, seconds: float) -> None:
        """Notes in run.json that the training came to its end; ``best``: a row of the history."""
        outcome = {
            "status": "finished",
            "best": describe_best(best),
            "epochs_done": epochs_done,
            "seconds": round(seconds, 1),
        }
        self.write_record({**self.read_record(), **outcome})

    def give_up(self, step: int, seconds: float) -> None:
        """Notes in run.json that the training diverged, and in which of its steps."""
        outcome = {"status": "diverged", "diverged_in_step": step, "seconds": round(seconds, 1)}
        self.write_record({**self.read_record(), **outcome})

    def write_record(self, record: dict[str, Any]) -> None:
        """Replaces run.json."""
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        with write_atomically(self.record_path) as beside:
            beside.write_text(text, encoding="utf-8")

    def read_record(self) -> dict[str, Any]:
        """Returns run.json; raises RunError if it is missing, damaged or of another format."""
        try:
            record = parse_record(self.record_path, FILES)
        except (OSError, RecordError) as error:
            raise RunError(f"{self.record_path} cannot be read ({error})") from error
        if record.get("format") != FORMAT:
            raise RunError(f"{self.record_path} is not of format {FORMAT}, the one known here")
        missing = [name for name in ("flags", "status", "started") if name not in record]
        if missing:
            raise RunError(f"{self.record_path} lacks {', '.join(missing)}")
        return record

    def files(self) -> list[Path]:
        """Returns what the run has written so far, run.json last."""
        folders = [self.logs_dir.name, self.snapshots_dir.name]
        names = [*reversed(FILES), *folders, self.record_path.name]
        return [path for name in names if (path := self.folder / name).exists()]
