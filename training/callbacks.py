"""Training callbacks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python import pywrap_tfe

import figures
import runs
from training import keras_saving


class RunWriter(keras.callbacks.Callback):
    """Knows a run's history and models, and how they are written.

    history.csv and model.keras are of the last epoch, best.keras of that with the lowest
    validation loss. ``Checkpointer`` writes them, together with its checkpoint.

    Args:
        run: already started; its run.json says which epoch best.keras is of.
        num_images: training images in an epoch.
        rows: the history so far, of a run that goes on.
        seconds: that the epoch in which it goes on has taken so far.

    Attributes:
        rows: the history.
    """

    def __init__(
        self,
        run: runs.Run,
        num_images: int,
        rows: Sequence[dict[str, float]] = (),
        seconds: float = 0.0,
    ):
        super().__init__()
        self.run = run
        self.num_images = num_images
        self.rows = list(rows)
        self._best_epoch = self._find_best_epoch()
        self._began = 0.0
        self._before = seconds
        self._seconds = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter() - self._before
        self._before = 0.0

    def on_test_begin(self, logs=None):
        # Validation begins: the epoch's training is over.
        self._seconds = self.seconds_in_epoch()

    def on_epoch_end(self, epoch, logs=None):
        losses = {name: float(value) for name, value in logs.items()}
        losses.setdefault("objective", losses["loss"])  # a model names it where they differ
        self.rows.append(
            {
                "epoch": epoch + 1,
                **{name: losses[name] for name in runs.COLUMNS if name in losses},
                "seconds": round(self._seconds, 3),
                "images_per_second": round(self.num_images / self._seconds, 1),
            }
        )
        self.choose_best()

    def writers(self) -> dict[str, Callable[[Path], object]]:
        """Returns what writes each file that changes with the last epoch, for ``runs.commit``."""
        if not self.rows:
            return {}
        last = runs.CHECKPOINTS["last"]
        writers: dict[str, Callable[[Path], object]] = {
            runs.HISTORY: self.write_history,
            last: lambda path: keras_saving.save(self.model, path),
        }
        if self._best_epoch == len(self.rows):
            # The model of the last epoch again, which takes longer to save than to copy.
            copy = lambda path: shutil.copyfile(path.with_name(last), path)  # noqa: E731
            writers[runs.CHECKPOINTS["best"]] = copy
        return writers

    def catch_up(self, in_epoch: bool) -> None:
        """Writes what the run lacks where it was killed with its checkpoint written.

        Args:
            in_epoch: whether the model is within an epoch: its files are then of the one
                before, and complete.
        """
        if not in_epoch:
            self.choose_best()
        writers = {runs.HISTORY: self.write_history} if in_epoch else self.writers()
        if self.rows:
            runs.commit(self.run, writers, len(self.rows), **self.outcome())

    def write_history(self, path: Path) -> None:
        """Writes history.csv to this path."""
        runs.write_history(path, self.rows)

    def outcome(self) -> dict[str, Any]:
        """Returns what run.json says of the epochs done."""
        best = self.best_row()
        return {"epochs_done": len(self.rows), "best": best and runs.describe_best(best)}

    def seconds_in_epoch(self) -> float:
        """Returns how long the epoch has trained."""
        return time.perf_counter() - self._began

    def best_row(self) -> dict[str, float] | None:
        """Returns the row of the epoch that best.keras comes from, if there is one."""
        return self.rows[self._best_epoch - 1] if self._best_epoch else None

    def _find_best_epoch(self) -> int | None:
        """Returns the epoch of the best.keras that is there, of a run that goes on.

        None where it is of an epoch beyond the history, which went on from an older
        checkpoint: that epoch will be trained again, and may come out otherwise.
        """
        files = self.run.read_record().get("files", {})
        known = files.get(runs.CHECKPOINTS["best"])
        if not known:
            return None
        epoch = known[0]["epoch"]
        if epoch is None:  # of a run from before run.json said it
            finite = [row for row in self.rows if np.isfinite(row["val_loss"])]
            best = min(finite, key=lambda row: row["val_loss"], default={"epoch": None})
            epoch = best["epoch"]
        return epoch if epoch and epoch <= len(self.rows) else None

    def choose_best(self) -> None:
        """Takes the last epoch for the best if it has the lowest validation loss so far."""
        best = self.best_row()
        loss = self.rows[-1]["val_loss"] if self.rows else np.nan
        if np.isfinite(loss) and (best is None or loss < best["val_loss"]):
            self._best_epoch = len(self.rows)


class ClearScalars(keras.callbacks.Callback):
    """Clears TensorFlow's cache of scalars after each epoch.

    TensorFlow keeps every Python number that became a tensor, such as a loss for TensorBoard:
    0.7 KB each, never freed, 18 MiB in 1,000 epochs (measured by ``benchmarks.soak``).
    """

    def on_epoch_end(self, epoch, logs=None):
        pywrap_tfe.TFE_ClearScalarCache()


class ReconstructionImages(keras.callbacks.Callback):
    """Shows TensorBoard the same validation images and their reconstructions as they improve.

    After the first epoch, the last, and a few between.

    Args:
        logs_dir: TensorBoard's folder.
        images: float32 (num_images, height, width, channels) in [0, 1].
        num_epochs: how many there will be.
        times: how often a run, about.
    """

    def __init__(self, logs_dir: Path, images: np.ndarray, num_epochs: int, times: int = 6):
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(logs_dir / "images"))
        self.images = images
        self.epochs = set(np.unique(np.linspace(0, num_epochs - 1, times).astype(int)).tolist())

    def on_epoch_end(self, epoch, logs=None):
        if epoch not in self.epochs:
            return
        reconstructed = np.asarray(self.model.reconstruct(self.images))
        pairs = np.concatenate([self.images, reconstructed], axis=2)  # side by side
        sheet = figures.tile(pairs, num_columns=4, gap=2)
        with self.writer.as_default():
            tf.summary.image("reconstruction", sheet[np.newaxis], step=epoch)
        self.writer.flush()

    def on_train_end(self, logs=None):
        self.writer.close()
