"""What is written while a model trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import figures
import runs


class RunWriter(keras.callbacks.Callback):
    """Writes a run's history and models as the epochs go by.

    history.csv and model.keras after every epoch, best.keras after each one with the
    lowest validation loss so far.

    Args:
        run: already started.
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
        best = self.best_row()
        self._best_loss = best["val_loss"] if best else float("inf")
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
        runs.write_history(self.run.history_path, self.rows)
        if losses["val_loss"] < self._best_loss:
            self._best_loss = losses["val_loss"]
            self._save(self.run.best_path)
        self._save(self.run.last_path)
        if self.diverged():
            self.model.stop_training = True

    def seconds_in_epoch(self) -> float:
        """Returns how long the epoch has trained."""
        return time.perf_counter() - self._began

    def best_row(self) -> dict[str, float] | None:
        """Returns the row of the epoch that best.keras comes from, if there is one."""
        finite = [row for row in self.rows if np.isfinite(row["val_loss"])]
        return min(finite, key=lambda row: row["val_loss"], default=None)

    def diverged(self) -> bool:
        """Whether the last epoch's losses are no numbers any more."""
        return not np.isfinite([self.rows[-1]["loss"], self.rows[-1]["val_loss"]]).all()

    def _save(self, path: Path) -> None:
        with runs.write_atomically(path) as beside:
            self.model.save(beside)


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
