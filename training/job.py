"""One training: its run on disk, its flags, and its distribution strategy."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import runs
from training.signals import StopSignals

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Job:
    """The inputs of a training besides the model and its batches.

    Attributes:
        run: its folder.
        settings: the flags that determine the result, by name.
        execution: the flags that do not, such as ``resume`` and ``checkpoint_minutes``.
        signals: an entered context; a signal saves a checkpoint and raises ``Stopped``.
        strategy: the model is built in its scope; None for a single device.
    """

    run: runs.Run
    settings: Mapping[str, Any]
    execution: Mapping[str, Any]
    signals: StopSignals
    strategy: tf.distribute.Strategy | None = None

    def scope(self) -> Any:
        """Returns the context in which the model and its optimizer are built."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    @property
    def num_replicas(self) -> int:
        return self.strategy.num_replicas_in_sync if self.strategy else 1
