"""Snapshots during training (``--snapshot_every``): reconstructions and samples of a model.

They are taken before the first step, after the steps that the flag chooses, and after the last. A
snapshot depends on the weights and the seed only. Taking one changes neither the model nor its
random streams, so that a resumed training writes identical snapshots.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

import figures
import models
import runs

_SAMPLES = 50


class Snapshots:
    """Writes a run's snapshots and their animation.

    Args:
        model: a VAE, or an autoencoder.
        run: already started.
        images: float32 (at most ten, height, width, channels) in [0, 1].
        seed: of z ~ p(z), the same for every snapshot.
        steps_per_epoch: for the title.
        jit_compile: whether XLA compiles the networks; the same weights then give the same bytes
            on any number of threads.
    """

    def __init__(
        self,
        model: keras.Model,
        run: runs.Run,
        images: np.ndarray,
        seed: int,
        steps_per_epoch: int,
        jit_compile: bool,
    ):
        self.model = model
        self.run = run
        self.images = images.astype(np.float32)
        self.seed = seed
        self.steps_per_epoch = steps_per_epoch
        compiler = models.CompiledFunction if jit_compile else tf.function
        self._decode = compiler(model.decode, autograph=False)
        self._reconstruct = compiler(model.reconstruct, autograph=False)

    def take(self, step: int) -> Path:
        """Writes the snapshot after ``step`` training steps; returns its path."""
        losses: dict[str, float] = {}
        if step:  # means since the epoch began
            losses = {metric.name: float(metric.result()) for metric in self.model.metrics}
        figure = figures.draw_snapshot(
            self.images,
            _as_array(self._reconstruct, self.images),
            _as_array(self._decode, np.asarray(self.model.sample_prior(_SAMPLES, self.seed))),
            losses,
            f"After {step:,} steps, {step / self.steps_per_epoch:.2f} epochs",
            f"run {self.run.name}",
        )
        self.run.snapshots_dir.mkdir(exist_ok=True)
        path = self.run.snapshots_dir / f"step_{step:09d}.png"
        with runs.write_atomically(path) as temporary:
            figures.save(figure, temporary)
        return path

    def animate(self) -> Path:
        """Writes snapshots.gif, an animation of all snapshots; returns its path."""
        path = self.run.snapshots_dir / "snapshots.gif"
        with runs.write_atomically(path) as temporary:
            figures.save_animation(sorted(self.run.snapshots_dir.glob("step_*.png")), temporary)
        return path


def find_next(every: int | Literal["log"], last: int, step: int) -> float:
    """Returns the step after which the next snapshot is; infinity after the last.

    A function of the steps done so far, so that a resumed training takes the same snapshots.

    Args:
        every: steps between snapshots; ``"log"``: 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, …, the rounded
            powers of √2, which show the fast beginning and the slow end of a training.
        last: step of the training, which has a snapshot in any case.
        step: steps done so far.
    """
    if step >= last:
        return math.inf
    if every == "log":
        powers = (round(2 ** (exponent / 2)) for exponent in itertools.count())
        return min(next(power for power in powers if power > step), last)
    return min((step // every + 1) * every, last)


def _as_array(function: Callable[[Any], Any], inputs: np.ndarray) -> np.ndarray:
    return np.asarray(function(tf.constant(inputs)))
