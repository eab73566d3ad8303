"""What all contenders of the speed run share: the recipe, the initial weights, the batches.

It imports nothing but NumPy, since the other frameworks import it while their time runs.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PIXELS = 784
VALIDATION_BATCH = 1000
ACTIVATIONS = ("tanh", "relu", "elu", "gelu", "silu")
# Layer → kernel (inputs, units) and bias (units,); "prior" → the mixture's logits (components,),
# means and log-variances (components, latent_dim).
Weights = dict[str, tuple[np.ndarray, ...]]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The flags of train.py that the other frameworks follow.

    The prior is a mixture; all other flags are at their defaults.
    """

    hidden_dim: tuple[int, ...]
    activation: tuple[str, ...]  # of each hidden layer of the encoder
    latent_dim: int
    num_components: int
    learning_rate: float
    learning_rate_schedule: str
    batch_size: int
    num_epochs: int
    num_validation: int
    seed: int

    @property
    def encoder(self) -> dict[str, str]:
        """The encoder's hidden layers in order: name → activation."""
        return {f"encoder_{i}": name for i, name in enumerate(self.activation)}

    @property
    def decoder(self) -> dict[str, str]:
        """The decoder's hidden layers in order: name → activation."""
        return {f"decoder_{i}": name for i, name in enumerate(self.activation[::-1])}

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """(inputs, units) of each layer: the encoder's, mean, log_var, the decoder's, logits."""
        into, out = (PIXELS, *self.hidden_dim), (self.latent_dim, *self.hidden_dim[::-1])
        z = (into[-1], self.latent_dim)
        return {
            **dict(zip(self.encoder, itertools.pairwise(into), strict=True)),
            "mean": z,
            "log_var": z,
            **dict(zip(self.decoder, itertools.pairwise(out), strict=True)),
            "logits": (out[-1], PIXELS),
        }

    def initial_weights(self) -> Weights:
        """Draws Glorot-uniform kernels and the mixture's means, from N(0, I); all else is 0."""
        generator = np.random.default_rng(self.seed)
        weights: Weights = {}
        for name, shape in self.shapes.items():
            limit = math.sqrt(6 / sum(shape))
            kernel = generator.uniform(-limit, limit, shape).astype(np.float32)
            weights[name] = kernel, np.zeros(shape[1], np.float32)
        means = generator.normal(size=(self.num_components, self.latent_dim)).astype(np.float32)
        weights["prior"] = np.zeros(len(means), np.float32), means, np.zeros_like(means)
        return weights

    def batches(self, epoch: int, num_images: int) -> np.ndarray:
        """Returns the positions of an epoch's images, (steps, batch), ordered as in train.py."""
        order = np.arange(num_images, dtype=np.int32)
        np.random.default_rng([self.seed, epoch, 0]).shuffle(order)
        return order.reshape(-1, self.batch_size)

    def rate(self, step: int, num_steps: int) -> float:
        """Returns Adam's learning rate at a step, counted from 0 over the run."""
        if self.learning_rate_schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / num_steps))


def run_peer(train: Callable[[Recipe, np.ndarray, np.ndarray], Weights]) -> None:
    """Trains and saves as ``python -m benchmarks.speedrun_NAME recipe images weights`` says.

    Each of these is a path. The images are an .npz file of two uint8 arrays, ``train`` and
    ``validation``, (num_images, 784) each.
    """
    recipe_path, images_path, weights_path = map(Path, sys.argv[1:4])
    recipe = Recipe(**json.loads(recipe_path.read_text(encoding="utf-8")))
    images = np.load(images_path)
    weights = train(recipe, images["train"], images["validation"])
    parts: dict[str, Any] = {
        f"{name}.{i}": part for name, group in weights.items() for i, part in enumerate(group)
    }
    np.savez(weights_path, **parts)


def load_weights(path: Path) -> Weights:
    """Reads the weights that ``run_peer`` has saved."""
    weights: Weights = {}
    with np.load(path) as parts:
        for name in parts:  # in the order in which they were saved
            layer = name.split(".")[0]
            weights[layer] = (*weights.get(layer, ()), parts[name])
    return weights


def print_epoch(epoch: int, loss: float, val_loss: float) -> None:
    """Prints the losses of an epoch that has ended, in nats per image."""
    print(f"epoch {epoch + 1}: loss {loss:.3f}, val_loss {val_loss:.3f}", flush=True)
