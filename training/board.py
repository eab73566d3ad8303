"""TensorBoard's logs of a run (``--tensorboard``): losses, settings, images, and the projector."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import summary_v2 as hparams  # type: ignore[import-untyped]

import figures
import runs

NUM_PROJECTED = 1000  # images in the projector
_NUM_SHOWN = 16  # images reconstructed, and samples
_THUMBNAIL = 32  # pixels of its longer side, at most
_BATCH_SIZE = 100
_PROJECTOR = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "tensors.tsv"
  metadata_path: "metadata.tsv"
  sprite {{
    image_path: "sprite.png"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
}}
"""


class Board(keras.callbacks.Callback):
    """Writes the logs of a run, which TensorBoard shows as one run.

    After every epoch: the losses, and the lowest validation loss so far. After the first epoch, the
    last, and at regular intervals between: validation images beside their reconstructions, and
    decoded samples of the prior. At the end: the projector's files, with the posterior means of
    validation images. The run's settings become a row of TensorBoard's table of runs.

    Event files are numbered. The first has the settings and is replaced when the training is
    resumed. Each process of the training adds another, which begins with an event that makes
    TensorBoard drop the epochs of earlier processes that are trained again.

    Args:
        run: already started.
        settings: by name; ``num_epochs`` and ``seed`` are read.
        images: validation images, uint8 (num_images, height, width, channels). The first 16 are
            reconstructed, and the first ``NUM_PROJECTED`` are in the projector.
        labels: (num_images,), or None.
        class_names: by label.
        times: approximate number of times per run that images are written.
    """

    def __init__(
        self,
        run: runs.Run,
        settings: Mapping[str, Any],
        images: np.ndarray,
        labels: np.ndarray | None,
        class_names: Sequence[str] | None,
        times: int = 6,
    ):
        super().__init__()
        self.run = run
        self.settings = settings
        self.images = images[:NUM_PROJECTED]
        self.classes: list[str] | None = None
        if labels is not None and class_names is not None:
            self.classes = [class_names[label] for label in labels[:NUM_PROJECTED]]
        epochs = np.linspace(1, settings["num_epochs"], times).astype(int)
        self._epochs_with_images = set(epochs.tolist())
        self._writer: _EventWriter | None = None
        self._best = np.inf

    def on_epoch_begin(self, epoch, logs=None):
        if self._writer is None:  # fit has begun or continued
            self.run.logs_dir.mkdir(exist_ok=True)
            with _EventWriter(self.run.logs_dir, 0) as writer:
                writer.write(0, summary=describe_settings(self.run.name, self.settings))
            number = 1
            while _path(self.run.logs_dir, number).exists():
                number += 1
            self._writer = _EventWriter(self.run.logs_dir, number)
            self._writer.drop_from(epoch + 1)
            if epoch:
                rows = runs.read_history(self.run.history_path)[:epoch]
                self._best = np.nanmin([row["val_loss"] for row in rows])

    def on_epoch_end(self, epoch, logs=None):
        epoch, writer = epoch + 1, self._writer
        assert writer is not None  # since the epoch began
        self._best = np.fmin(self._best, logs["val_loss"])
        # TensorBoard's table of runs shows the metric whose name comes first.
        writer.add_scalar(epoch, "best/loss", self._best)
        for name, value in logs.items():
            part = "validation" if name.startswith("val_") else "train"
            writer.add_scalar(epoch, f"{name.removeprefix('val_')}/{part}", value)
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        writer.add_scalar(epoch, "learning_rate", rate)
        if epoch in self._epochs_with_images:
            images = self.images[:_NUM_SHOWN] / np.float32(255)
            reconstructed = np.asarray(self.model.reconstruct(images))
            pairs = np.concatenate([images, reconstructed], axis=2)  # side by side
            writer.add_sheet(epoch, "reconstructions", figures.tile(pairs, 4, gap=2))
            if self.model.is_variational:
                z = self.model.sample_prior(_NUM_SHOWN, self.settings["seed"])
                samples = np.asarray(self.model.decode(z))
                writer.add_sheet(epoch, "samples", figures.tile(samples, 4, gap=2))
        writer.flush()

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()
        self.write_projector()

    def write_projector(self) -> None:
        """Writes posterior means (an autoencoder's codes), classes and thumbnails of images."""
        # TensorBoard draws square thumbnails, and points that have three coordinates.
        side = min(_THUMBNAIL, max(self.images.shape[1:3]))
        means, thumbnails = [], []
        for start in range(0, len(self.images), _BATCH_SIZE):
            images = self.images[start : start + _BATCH_SIZE] / np.float32(255)
            means.append(np.asarray(self.model.encode(images)[0], np.float32))
            thumbnails.append(tf.image.resize_with_pad(images, side, side, "area"))
        num_columns = int(np.ceil(np.sqrt(len(self.images))))
        sheet = figures.tile(np.concatenate(thumbnails), num_columns)
        z_mean = np.concatenate(means)
        z_mean = np.pad(z_mean, ((0, 0), (0, max(0, 3 - z_mean.shape[1]))))
        name = "posterior_means" if self.model.is_variational else "codes"
        contents = {
            "tensors.tsv": _as_tsv(z_mean).encode(),
            "metadata.tsv": _describe_images(len(self.images), self.classes).encode(),
            "sprite.png": _as_png(sheet),
            "projector_config.pbtxt": _PROJECTOR.format(name=name, side=side).encode(),
        }
        self.run.logs_dir.mkdir(exist_ok=True)
        for name, content in contents.items():
            with runs.write_atomically(self.run.logs_dir / name) as path:
                path.write_bytes(content)


def describe_settings(run_name: str, settings: Mapping[str, Any]) -> Any:
    """Returns a summary of settings for TensorBoard's table of hyperparameters.

    Args:
        run_name: of the table's row.
        settings: by name. Of several numbers one text is made; what is None is left out.
    """
    table = {
        name: runs.as_word(value) if isinstance(value, list | tuple) else value
        for name, value in settings.items()
        if value is not None
    }
    summary = hparams.hparams_pb(table, trial_id=run_name)
    return tf.compat.v1.Summary.FromString(summary.SerializeToString())


def _describe_images(num_images: int, classes: Sequence[str] | None) -> str:
    """Returns the projector's metadata: a position per line; or a heading, classes and positions.

    TensorBoard takes the first line for a heading if there is more than one column.
    """
    if classes is None:
        return "".join(f"{position}\n" for position in range(num_images))
    lines = [
        f"{runs.make_printable(name)}\t{position}\n"  # no tabs or line breaks
        for position, name in enumerate(classes)
    ]
    return "".join(["class\timage\n", *lines])


def _as_tsv(rows: np.ndarray) -> str:
    return "".join("\t".join(f"{value:.7g}" for value in row) + "\n" for row in rows)


def _as_png(sheet: np.ndarray) -> bytes:
    return tf.io.encode_png(np.round(sheet * 255).astype(np.uint8)).numpy()


def _path(folder: Path, number: int) -> Path:
    return folder / f"events.out.tfevents.{number:05}"  # TensorBoard reads them in this order


class _EventWriter:
    """Writes a file of TensorBoard's events.

    Args:
        folder: of the logs.
        number: of the file.

    Raises:
        RunError: if an event cannot be written.
    """

    def __init__(self, folder: Path, number: int):
        self.path = _path(folder, number)
        self._file = self._try(tf.io.TFRecordWriter, str(self.path))
        self.write(0, file_version="brain.Event:2")

    def __enter__(self) -> _EventWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write(self, step: int, **fields: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), step=step, **fields)
        self._try(self._file.write, event.SerializeToString())

    def add_scalar(self, step: int, tag: str, value: Any) -> None:
        self._add(step, tag, simple_value=float(value))

    def add_sheet(self, step: int, tag: str, sheet: np.ndarray) -> None:
        """Adds an image, (height, width, channels) in [0, 1]."""
        height, width, channels = sheet.shape
        image = tf.compat.v1.Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=_as_png(sheet)
        )
        self._add(step, tag, image=image)

    def _add(self, step: int, tag: str, **value: Any) -> None:
        summary = tf.compat.v1.Summary
        self.write(step, summary=summary(value=[summary.Value(tag=tag, **value)]))

    def drop_from(self, step: int) -> None:
        """Makes TensorBoard drop the events of earlier files from this step on."""
        log = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        self.write(step, session_log=log)

    def flush(self) -> None:
        self._try(self._file.flush)

    def close(self) -> None:
        self._try(self._file.close)

    def _try(self, function: Any, *args: Any) -> Any:
        try:
            return function(*args)
        except tf.errors.OpError as error:
            reason = error.message.splitlines()[0]
            raise runs.RunError(
                f"{self.path} cannot be written ({reason}): check the disk, or type "
                "--tensorboard 0 to train without logs"
            ) from error
