"""``--snapshot_every``: pictures of what the model makes of the same things as it trains.

A snapshot belongs to a step and to nothing else: its z is drawn with the run's seed and a
stream of its own, nothing of the model is touched, and a training that goes on from an
earlier step draws it again, the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import figures
import runs

_IMAGES, _SAMPLES = 10, 50


class Snapshots:
    """Writes a run's snapshots, and in the end their animation.

    Args:
        model: a VAE, or an autoencoder.
        run: already started.
        images: float32 (num_images, height, width, channels) in [0, 1]; ten are drawn.
        seed: of z ~ p(z): the same noise for every snapshot.
        steps_per_epoch: for the title.
        jit_compile: whether XLA compiles the networks, so that the same weights give the same
            bytes on any number of threads.
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
        self.images = images[:_IMAGES].astype(np.float32)
        self.seed = seed
        self.steps_per_epoch = steps_per_epoch
        self._decode, self._reconstruct = (
            tf.function(function, autograph=False, jit_compile=jit_compile)
            for function in (model.decode, model.reconstruct)
        )

    def take(self, step: int) -> Path:
        """Draws what the model makes of its images and its z after so many steps."""
        losses: dict[str, float] = {}
        if step:  # means over the epoch so far
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
        with runs.write_atomically(path) as beside:
            figures.save(figure, beside)
        return path

    def animate(self) -> Path:
        """Writes snapshots.gif, of all snapshots that are there."""
        path = self.run.snapshots_dir / "snapshots.gif"
        with runs.write_atomically(path) as beside:
            figures.save_animation(sorted(self.run.snapshots_dir.glob("step_*.png")), beside)
        return path


def _as_array(function: Callable[[Any], Any], inputs: np.ndarray) -> np.ndarray:
    return np.asarray(function(tf.constant(inputs)))
