"""The progress of a training in the terminal: one row per epoch, and the time left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping
from typing import Any

import keras

from catalog.metrics import METRICS
from training.callbacks import RunHistory
from training.loop import CompiledLoop

# Column → its heading, in the order of the table.
_HEADINGS = {
    "epoch": "epoch",
    **{name: metric.heading for name, metric in METRICS.items() if metric.is_trained},
    "val_loss": "validation",
    "images_per_second": "images/s",
    "left": "time left",
}
_WIDTHS = {"epoch": 9, "kl": 7}  # of a column; at least 9, or what its heading takes
_GAP = "  "
# If the terminal has no room for all columns, these remain longest.
_PREFERRED = ("epoch", "loss", "left", "val_loss", "reconstruction", "kl", "images_per_second")


def _width(name: str) -> int:
    return _WIDTHS.get(name, max(9, len(_HEADINGS[name])))


def choose_columns(known: Collection[str], width: int | None) -> tuple[str, ...]:
    """Returns the columns to print, in the order of the table.

    Args:
        known: columns that have values.
        width: of the terminal in characters; None for no limit.
    """
    names = [name for name in _HEADINGS if name in known]
    others = [name for name in names if name not in _PREFERRED]
    while width and len(names) > 1 and len(format_row(names, {})) >= width:
        names.remove(others.pop() if others else max(names, key=_PREFERRED.index))
    return tuple(names)


def format_row(columns: Collection[str], cells: Mapping[str, str]) -> str:
    """Returns a row of the table, or its headings if ``cells`` are those."""
    return _GAP.join(cells.get(name, "").rjust(_width(name)) for name in columns)


def format_seconds(seconds: float) -> str:
    """Returns e.g. ``"0:07"``, ``"12:30"`` or ``"3:05:00"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress(keras.callbacks.Callback):
    """Prints a row per epoch: the training losses, the validation loss, and the time left.

    ``fit`` must call it after the history. The time left assumes that the remaining steps take as
    long as those since ``fit`` began.

    Args:
        history: of the run.
        loop: over the training steps.
        position: steps done before ``fit`` begins.
        live: whether to also show the current epoch, in a line that is overwritten; columns for
            which the terminal has no room are then left out.
    """

    def __init__(self, history: RunHistory, loop: CompiledLoop, position: int, live: bool):
        super().__init__()
        self.history = history
        self.loop = loop
        self.live = live
        self._first_step = position
        self._began = 0.0
        self._columns: tuple[str, ...] = ()
        self._is_row_open = False

    def on_train_begin(self, logs=None):
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.live:
            epoch, step = divmod(self.loop.position, self.loop.batches.steps_per_epoch)
            if step:  # otherwise the epoch is complete, and its validation begins
                percent = 100 * step // self.loop.batches.steps_per_epoch
                self._print(f"{epoch + 1} {percent:3}%", logs, end="")

    def on_epoch_end(self, epoch, logs=None):
        speed = f"{self.history.rows[-1]['images_per_second']:,.0f}"
        name = f"{epoch + 1}/{self.params['epochs']}"
        self._print(name, logs, end="\n", images_per_second=speed)

    def close(self) -> None:
        """Ends the row of the current epoch, if it is on the screen."""
        if self._is_row_open:
            print(flush=True)
            self._is_row_open = False

    def _print(self, epoch: str, logs: Mapping[str, Any], end: str, **cells: str) -> None:
        cells |= {"epoch": epoch, "left": format_seconds(self._seconds_left())}
        for name in _HEADINGS.keys() & logs.keys():
            digits = METRICS[name.removeprefix("val_")].digits
            cells[name] = f"{float(logs[name]):,.{digits}f}"
        known = cells.keys() | {"val_loss", "images_per_second"}
        width = shutil.get_terminal_size().columns if self.live else None
        columns = choose_columns(known, width)
        if columns != self._columns:
            self.close()
            print(format_row(columns, _HEADINGS))
            self._columns = columns
        row = format_row(columns, cells)
        print(f"\r{row}" if self.live else row, end=end, flush=True)
        self._is_row_open = not end

    def _seconds_left(self) -> float:
        done = self.loop.position - self._first_step
        steps = self.params["epochs"] * self.loop.batches.steps_per_epoch
        seconds = time.perf_counter() - self._began
        return seconds / done * (steps - self.loop.position)
