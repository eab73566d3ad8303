"""A model applied to many images, a batch at a time, with the same bits every time.

The functions are compiled by XLA: TensorFlow's own matrix products on several threads may
differ in the last bit from run to run, which t-SNE would make visible.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from models import VAE, ClassifierVAE

_BATCH_SIZE = 500


def encode(model: VAE, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (z_mean, z_log_var), each (num_images, latent_dim)."""
    return _in_batches(model.encode, images)


def decode(model: VAE, z: np.ndarray) -> np.ndarray:
    """Returns E[x|z], (num_images, height, width, channels) in [0, 1]."""
    return _in_batches(model.decode, z.astype(np.float32))


def reconstruct(model: VAE, images: np.ndarray) -> np.ndarray:
    """Returns E[x|z] at the posterior's mean, of the shape of the images."""
    return _in_batches(model.reconstruct, images)


def classify(model: ClassifierVAE, images: np.ndarray) -> np.ndarray:
    """Returns p(y|z) at the posterior's mean, (num_images, num_classes) in [0, 1]."""
    return _in_batches(model.classify, images)


def classify_z(model: ClassifierVAE, z: np.ndarray) -> np.ndarray:
    """Returns p(y|z), (num_samples, num_classes) in [0, 1]."""
    return _in_batches(model.classify_z, z.astype(np.float32))


def compute_losses(model: VAE, images: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Returns the model's losses of each image, (num_images,), z drawn by ``seed``."""
    model.sampling.restart(seed)
    return _in_batches(model.compute_losses, images)


def compute_squared_errors(model: VAE, images: np.ndarray, seed: int) -> np.ndarray:
    """Returns Σ (x − E[x|z])² of each image, (num_images,), for the z of ``compute_losses``."""
    model.sampling.restart(seed)

    def compute(batch: tf.Tensor) -> tf.Tensor:
        # Not model(batch), which would round the images to the networks' precision first.
        mean = model.likelihood.mean(model.call(batch))
        return tf.reduce_sum(tf.square(batch - mean), axis=(1, 2, 3))

    return _in_batches(compute, images)


def _in_batches(function: Callable[[tf.Tensor], Any], inputs: np.ndarray) -> Any:
    # A partial is an object of its own to TensorFlow, which warns of a function compiled often:
    # here it is that of another model each time, as in --compare.
    compiled = tf.function(functools.partial(function), jit_compile=True, reduce_retracing=True)
    results = [
        compiled(tf.constant(inputs[start : start + _BATCH_SIZE]))
        for start in range(0, len(inputs), _BATCH_SIZE)
    ]
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *results)
