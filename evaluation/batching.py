"""Applies a model to many images in batches, with results that repeat bit for bit.

All but samples of the prior are compiled by XLA, because TensorFlow's own matrix products on
several threads may differ in the last bit from run to run, which t-SNE would amplify. All results
of a model pass through this file, which refuses values that are not finite.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

import models
import runs

if TYPE_CHECKING:
    import keras

    from evaluation.session import Session
    from models import DiagonalGaussian

_BATCH_SIZE = 500


def encode(session: Session, images: np.ndarray) -> DiagonalGaussian:
    """Returns the posteriors: mean and log_var, each (num_images, latent_dim)."""
    posterior = _in_batches(session.model.encode, images)
    z_mean, z_log_var = posterior
    check_finite(session, {"z_mean": z_mean})
    if session.model.is_variational:  # an autoencoder's log-variance is −∞
        check_finite(session, {"z_log_var": z_log_var})
    return posterior


def decode(session: Session, z: np.ndarray) -> np.ndarray:
    """Returns E[x|z], (num_images, height, width, channels) in [0, 1]."""
    return _compute(session, "decoded images", session.model.decode, z.astype(np.float32))


def reconstruct(session: Session, images: np.ndarray) -> np.ndarray:
    """Returns E[x|z] for z at the posterior mean, of the shape of the images."""
    return _compute(session, "reconstructions", session.model.reconstruct, images)


def sample_prior(session: Session, num_samples: int, seed: int | None = None) -> np.ndarray:
    """Returns z from the model's prior, (num_samples, latent_dim).

    Args:
        num_samples: the number of samples.
        seed: same seed, same samples; None for the session's.
    """
    z = session.model.sample_prior(num_samples, session.seed if seed is None else seed)
    check_finite(session, {"samples of the prior": np.asarray(z)})
    return np.asarray(z)


def classify(session: Session, images: np.ndarray) -> np.ndarray:
    """Returns p(y|z) for z at the posterior mean, (num_images, num_classes) in [0, 1]."""
    return _compute(session, "class probabilities", session.model.classify, images)


def classify_z(session: Session, z: np.ndarray) -> np.ndarray:
    """Returns p(y|z), (num_samples, num_classes) in [0, 1]."""
    z = z.astype(np.float32)
    return _compute(session, "class probabilities", session.model.classify_z, z)


def compute_features(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the outputs of a network, (num_images, num_features)."""
    features: np.ndarray = _in_batches(network, images)
    return features


def compute_losses(session: Session, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the model's losses per image, (num_images,) each; the seed determines z."""
    session.model.sampling.restart(session.seed)
    losses = _in_batches(session.model.compute_losses, images)
    check_finite(session, losses)
    return losses


def compute_squared_errors(session: Session, images: np.ndarray) -> np.ndarray:
    """Returns Σ (x − E[x|z])² per image, (num_images,), for the z of ``compute_losses``."""
    model = session.model
    model.sampling.restart(session.seed)

    def compute(batch: tf.Tensor) -> tf.Tensor:
        # Not model(batch), which would round the images to the networks' precision first.
        mean = model.likelihood.mean(model.call(batch))
        return tf.reduce_sum(tf.square(batch - mean), axis=(1, 2, 3))

    return _compute(session, "squared errors", compute, images)


def compute_kl_by_dimension(session: Session, posterior: DiagonalGaussian) -> np.ndarray | None:
    """Returns the KL from the prior by latent dimension, in nats, (num_images, latent_dim).

    None if the model's prior has no KL by dimension.
    """
    kl = session.model.kl_by_dimension(posterior)
    if kl is None:
        return None
    check_finite(session, {"KL by dimension": np.asarray(kl)})
    return np.asarray(kl)


@functools.lru_cache(maxsize=16)  # a model's methods are called again and again
def compile_function(function: Callable[[tf.Tensor], Any]) -> Callable[[tf.Tensor], Any]:
    """Returns a function of one tensor compiled by XLA; it raises RunError if XLA cannot."""
    # TensorFlow warns if a function is compiled often, as here for each model of --compare. It
    # takes each partial for a new function.
    options = {"reduce_retracing": True, "autograph": False}
    compiled = models.CompiledFunction(functools.partial(function), **options)

    def call(tensor: tf.Tensor) -> Any:
        try:
            return compiled(tensor)
        except models.CompilationError as error:
            advice = "evaluate.py needs a model that XLA can compile"
            if tf.config.list_physical_devices("GPU"):
                advice = "type CUDA_VISIBLE_DEVICES= before the same command to compute on the CPU"
            raise runs.RunError(f"{error}: {advice}") from error

    return call


def _compute(
    session: Session, name: str, function: Callable[[tf.Tensor], Any], inputs: np.ndarray
) -> np.ndarray:
    """Returns what a function computes in batches; ``name`` says what it is if not finite."""
    outputs: np.ndarray = _in_batches(function, inputs)
    check_finite(session, {name: outputs})
    return outputs


def _in_batches(function: Callable[[tf.Tensor], Any], inputs: np.ndarray) -> Any:
    compiled = compile_function(function)
    starts = range(0, len(inputs), _BATCH_SIZE)
    results = [compiled(tf.constant(inputs[start : start + _BATCH_SIZE])) for start in starts]
    return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *results)


def check_finite(session: Session, arrays: Mapping[str, np.ndarray]) -> None:
    """Raises RunError if a value is infinite or NaN."""
    for name, values in arrays.items():
        is_finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not is_finite.all():
            other = "last" if session.checkpoint == "best" else "best"
            raise runs.RunError(
                f"{session.run.folder / runs.CHECKPOINTS[session.checkpoint]}: non-finite {name} "
                f"for {np.sum(~is_finite):,} of {len(values):,} images: type --checkpoint {other}, "
                "or train the run again with --overwrite and a lower --learning_rate"
            )
