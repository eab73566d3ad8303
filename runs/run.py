"""The folder of one run and its record, run.json."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.datasets import is_path
from catalog.values import counted
from runs.files import is_partial, remove_leftovers, write_atomically
from runs.record import RecordError, parse_record

FORMAT = 1  # of run.json; raised when older versions would misread a newer file
CHECKPOINTS = {"best": "best.keras", "last": "model.keras"}
CHECKPOINT = "checkpoint.npz"  # resumed from
PREVIOUS = "previous.npz"  # the checkpoint before it
HISTORY = "history.csv"
FILES = (CHECKPOINT, PREVIOUS, HISTORY, *CHECKPOINTS.values())  # files with checksums
SKIPPED = "skipped_images.txt"  # with --skip_bad_images: the files left out, and why
LOGS = ("train", "validation", "images")  # folders in logs/ of earlier versions
PROJECTOR = ("projector_config.pbtxt", "tensors.tsv", "metadata.tsv", "sprite.png")  # in logs/
STAGING = ".writing"  # holds files while they are written
LOCK = ".lock"  # exists while a process trains the run, and after one that was killed


def describe_best(row: Mapping[str, float]) -> dict[str, float]:
    """Returns the entry of the best epoch in run.json, given its row of the history."""
    return {name: row[name] for name in ("epoch", "val_loss")}


def result_name(run: Run, root: Path) -> str:
    """Returns the name of the folder in result/ for a run.

    It is the run's name for runs in ``root``. Other runs may have the same name, so theirs is
    followed by a hash of their path.
    """
    folder = os.path.realpath(run.folder)
    if os.path.dirname(folder) == os.path.realpath(root):
        return run.name
    return f"{run.name}-{zlib.crc32(os.fsencode(folder)):08x}"


def make_printable(text: str) -> str:
    """Escapes the characters in a name that would control the terminal."""
    return "".join(ascii(each)[1:-1] if _is_control(each) else each for each in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


class RunError(Exception):
    """A run cannot be started, found or read; the message is one line for the user."""


class Run:
    """A folder with the files that the package's docstring lists.

    Args:
        folder: need not exist yet.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = Path(os.path.abspath(folder)).name  # also right for "."
        self.record_path = folder / "run.json"
        self.history_path = folder / HISTORY
        self.logs_dir = folder / "logs"
        self.snapshots_dir = folder / "snapshots"
        self.best_path = folder / CHECKPOINTS["best"]
        self.checkpoint_path = folder / CHECKPOINT
        self.last_path = folder / CHECKPOINTS["last"]

    def check_startable(self, overwrite: bool) -> None:
        """Raises RunError if a new run would replace existing files, or could not be written."""
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise RunError(f"{self.folder} is a file: move it, or choose another --run_name")
        if os.path.lexists(self.record_path):
            if not overwrite:
                resume = {
                    "training": "--resume to continue it, ",
                    "finished": f"--resume --run_name {shlex.quote(self.name)} and a larger "
                    "--num_epochs to extend it, ",
                }.get(self.read_record()["status"], "")
                raise RunError(
                    f"{self.folder} already holds a run: type {resume}--overwrite to train it "
                    "again, or --run_name NAME to keep both"
                )
        elif any(
            path.name not in (LOCK, STAGING) and not is_partial(path)
            for path in self.folder.iterdir()
        ):
            raise RunError(
                f"{self.folder} holds files but no run.json, so it is not a run: move them, or "
                "choose another --run_name"
            )
        self.check_folders()

    def check_folders(self) -> None:
        """Raises RunError if TensorBoard's files or snapshots cannot be written."""
        logs = [self.logs_dir, *(self.logs_dir / name for name in LOGS)]
        for folder in (*logs, self.snapshots_dir):
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                kind = "link" if folder.is_symlink() else "file"
                raise RunError(f"{folder} is a {kind}, not a folder: move it")
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise RunError(f"{folder} is not writable: change its permissions, or move it")

    def start(self, record: dict[str, Any]) -> None:
        """Creates the folder, writes run.json, and removes the files of an earlier run.

        run.json is written first. From then on the earlier run's files belong to no run, even
        if removing them is interrupted. Other files stay, and a message lists them.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.remove_temporary_files()
        self.write_record({"format": FORMAT, "run_name": self.name, **record, "files": {}})
        for name in (*FILES, SKIPPED):
            (self.folder / name).unlink(missing_ok=True)
        for name in (*LOGS, ""):
            self._remove_from(self.logs_dir / name, "events.out.tfevents.*", *PROJECTOR)
        self._remove_from(self.snapshots_dir, "step_*.png", "snapshots.gif")
        left = {path.name for path in self.folder.iterdir()} - {self.record_path.name, LOCK}
        if left:
            names = make_printable(", ".join(sorted(left)))
            print(f"{self.folder} keeps files that are not the run's: {names}")

    def write_skipped(self, images: Sequence[str]) -> None:
        """Writes which images are left out, one per line; nothing if there are none."""
        if images:
            with write_atomically(self.folder / SKIPPED) as beside:
                beside.write_text("\n".join(map(make_printable, images)) + "\n", encoding="utf-8")

    def remove_temporary_files(self) -> None:
        """Removes the temporary files of a crashed process."""
        self.empty_staging()
        for folder in (self.folder, self.snapshots_dir, self.logs_dir):
            remove_leftovers(folder)

    def empty_staging(self) -> None:
        """Removes the staging folder and the files in it."""
        staging = self.folder / STAGING
        if staging.is_symlink() or not staging.is_dir():
            return
        for path in staging.iterdir():
            path.unlink()
        staging.rmdir()

    def _remove_from(self, folder: Path, *patterns: str) -> None:
        """Removes files that match a pattern, and the folder if it is empty then.

        Does nothing if the folder is reached through a link.
        """
        parts = [folder, *folder.parents]
        parts = parts[: parts.index(self.folder)]
        if any(path.is_symlink() for path in parts) or not folder.is_dir():
            return
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            os.rmdir(folder)

    def check_resumable(self, num_epochs: int) -> dict[str, Any]:
        """Returns run.json; raises RunError if the run cannot be trained up to this epoch."""
        record = self.read_record()
        if record["status"] == "diverged":
            step = record.get("diverged_in_step")
            raise RunError(
                f"{self.folder} diverged{f' in step {step:,}' if step else ''}, and would diverge "
                "again: type another --learning_rate without --resume, and --overwrite to replace "
                "this run or --run_name NAME to keep both"
            )
        planned = record["flags"].get("num_epochs")
        ends = record["flags"].get("learning_rate_schedule", "constant") != "constant"
        if ends and planned != num_epochs:
            raise RunError(
                f"{self.folder} was started with --learning_rate_schedule "
                f"{record['flags']['learning_rate_schedule']}, which ends after {planned} epochs: "
                f"type --num_epochs {planned}, or train a new run without --resume"
            )
        done, patience = record.get("epochs_done", 0), record["flags"].get("patience")
        stopped_early = patience and done < planned
        if record["status"] == "finished" and (done >= num_epochs or stopped_early):
            advice = "nothing is left to do" if ends else "type a larger --num_epochs to extend it"
            if stopped_early:
                advice = (
                    f"it ended early by --patience {patience}: train a new run with a larger one"
                )
            epochs = counted(record["epochs_done"], "epoch")
            raise RunError(f"{self.folder} has finished its {epochs}: {advice}")
        return record

    def resume(
        self,
        num_epochs: int,
        argv: Sequence[str] = (),
        images: tuple[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Notes in run.json that the training continues up to this epoch; returns run.json.

        If that is another number of epochs than before, or the user's own images have moved, the
        command is added to ``extensions``, because run.json's ``command`` no longer describes the
        run alone.

        Args:
            num_epochs: last epoch to train.
            argv: of the script.
            images: the present ``--dataset`` and its description; None to keep those of run.json.

        Raises:
            RunError: if the run has completed these epochs, or cannot be extended.
        """
        record = self.check_resumable(num_epochs)
        flags = {**record["flags"], "num_epochs": num_epochs}
        if images is not None and is_path(images[0]):
            flags["dataset"], record["dataset"] = images
        if flags != record["flags"]:
            extension = {"num_epochs": num_epochs, "command": shlex.join(["python", *argv])}
            record["extensions"] = [*record.get("extensions", []), extension]
        record = {**record, "status": "training", "flags": flags}
        self.write_record(record)
        return record

    def finish(self, best: Mapping[str, float], epochs_done: int, seconds: float) -> None:
        """Notes in run.json that the training finished.

        Args:
            best: the row of the history with the lowest validation loss.
            epochs_done: number of epochs completed.
            seconds: that the training took.
        """
        outcome = {
            "status": "finished",
            "best": describe_best(best),
            "epochs_done": epochs_done,
            "seconds": round(seconds, 1),
        }
        self.write_record({**self.read_record(), **outcome})

    def give_up(self, step: int, seconds: float) -> None:
        """Notes in run.json that the training diverged, and in which step."""
        outcome = {"status": "diverged", "diverged_in_step": step, "seconds": round(seconds, 1)}
        self.write_record({**self.read_record(), **outcome})

    def write_record(self, record: dict[str, Any]) -> None:
        """Replaces run.json."""
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        with write_atomically(self.record_path) as beside:
            beside.write_text(text, encoding="utf-8")

    def read_record(self) -> dict[str, Any]:
        """Returns run.json.

        Raises:
            RunError: if it is missing, damaged or of another format, or the run's path would
                control the terminal that it is printed on.
        """
        path = self.record_path
        if any(map(_is_control, os.path.abspath(path))):
            raise RunError(
                f"{make_printable(str(path))} has control characters in its path: rename it"
            )
        if not os.path.lexists(path):
            raise RunError(f"{path} does not exist: name the folder of a run")
        advice = "train the run again with --overwrite, or move its folder"
        try:
            record = parse_record(path, FILES)
        except (OSError, RecordError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError(f"{path} cannot be read ({reason}): {advice}") from error
        if record.get("format") != FORMAT:
            raise RunError(
                f"{path} is not of format {FORMAT}, which this version reads: use the version that "
                f"wrote it, or {advice}"
            )
        missing = [name for name in ("flags", "status", "started") if name not in record]
        if missing:
            raise RunError(f"{path} lacks {', '.join(missing)}: {advice}")
        return record

    def trusted_data_dir(self, record: Mapping[str, Any]) -> str | None:
        """Returns the folder of datasets that run.json names, or None.

        Raises:
            RunError: if it is in the run's folder, which may come from a stranger, or in /proc or
                /dev, where it may differ between processes.
        """
        data_dir = record.get("data_dir")
        if data_dir is not None:
            self._check_outside(data_dir, "folder of datasets", "type --data_dir FOLDER")
        return data_dir

    def trusted_dataset(self, record: Mapping[str, Any]) -> str:
        """Returns the name of the dataset in run.json, or the path of the user's own images.

        If nothing is at that path, it is the one relative to the run's folder, so that a folder
        that holds both can be moved.

        Raises:
            RunError: as ``trusted_data_dir`` does.
        """
        dataset = record["flags"]["dataset"]
        if not is_path(dataset):
            return dataset
        relative = record.get("dataset", {}).get("relative_path")
        if not os.path.exists(dataset) and isinstance(relative, str):
            moved = os.path.abspath(os.path.join(self.folder, relative))
            dataset = moved if os.path.exists(moved) else dataset
        self._check_outside(dataset, "path of the images", "type --dataset PATH")
        return dataset

    def _check_outside(self, named: str, noun: str, advice: str) -> None:
        """Raises RunError for a path in the run's folder, in /proc or in /dev."""
        paths = {os.path.normpath(named), os.path.realpath(named)}
        refused = {os.path.abspath(self.folder), os.path.realpath(self.folder), "/proc", "/dev"}
        for path in paths:
            for folder in refused:
                if os.path.commonpath([path, folder]) == folder:
                    raise RunError(
                        f"{self.record_path} names {named} as the {noun}, which is in {folder} "
                        f"and may hold other data: {advice}"
                    )

    def files(self) -> list[Path]:
        """Returns the files and folders that the run has written so far, run.json last."""
        folders = [self.logs_dir.name, self.snapshots_dir.name]
        names = [*reversed(FILES), SKIPPED, *folders, self.record_path.name]
        return [path for name in names if (path := self.folder / name).exists()]
