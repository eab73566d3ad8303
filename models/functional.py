"""A model as Functional models of Keras' own layers, which open without this program.

They take and give pixel values from 0 to 255, get the noise as an input, and compute in float32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from models.hierarchical_vae import HierarchicalVAE
from models.vae import VAE


def build(model: VAE, image_shape: Sequence[int]) -> dict[str, keras.Model]:
    """Returns the encoder, the decoder and the complete model, with copies of the weights.

    Inputs and outputs are dictionaries of float32 arrays with a free batch size:

        encoder: images → z_mean, z_log_var
        decoder: z → images, 255 · E[x|z]
        model: images, noise → reconstruction, z_mean, z_log_var; z = μ + σ · noise

    A classifier's ``class_probabilities``, p(y|z) at z_mean, are outputs of ``encoder`` and
    ``model``. An autoencoder has neither ``z_log_var`` nor ``noise``. The ``model`` of a hierarchy
    samples each level given those above, and there is a fourth part:

        prior: z_top, noise → z, with the levels below the top drawn from p(z_l | z_{>l})

    Args:
        model: a built model, in any precision.
        image_shape: (height, width, channels).
    """

    def encode(images):
        posterior = model.posterior(images / 255, training=False)
        outputs = {"z_mean": posterior.mean}
        if model.is_variational:
            outputs["z_log_var"] = posterior.log_var
        if model.uses_labels:
            outputs["class_probabilities"] = model.classify_z(posterior.mean)
        return posterior, outputs

    def reconstruct(images, noise=None):
        posterior, outputs = encode(images)
        z = posterior.mean if noise is None else posterior.sample(noise)
        return {"reconstruction": 255 * model.decode(z), **outputs}

    def sample(z_top, noise):
        return {"z": model.sample_lower(z_top, noise)}

    z_shape = (model.latent_dim,)
    noise_shape = {"noise": z_shape} if model.is_variational else {}
    parts = {
        "encoder": trace("encoder", lambda images: encode(images)[1], images=image_shape),
        "decoder": trace("decoder", lambda z: {"images": 255 * model.decode(z)}, z=z_shape),
        "model": trace("model", reconstruct, images=image_shape, **noise_shape),
    }
    if isinstance(model, HierarchicalVAE):
        *lower, top = model.levels
        shapes = {"z_top": (top,), "noise": (sum(lower),)}
        parts["prior"] = trace("prior", sample, **shapes)
    return parts


def trace(name: str, function: Any, **shapes: Sequence[int]) -> keras.Model:
    """Returns a function of tensors as a Functional model of Keras' own layers.

    Args:
        name: of the model.
        function: of tensors by name; returns a dictionary of tensors.
        shapes: of its arguments, without the batch.
    """
    inputs = {key: keras.Input(shape, name=key, dtype="float32") for key, shape in shapes.items()}
    with _copying_layers():
        return keras.Model(inputs, function(**inputs), name=name)


@contextlib.contextmanager
def _copying_layers() -> Iterator[None]:
    """Has symbolic calls of layers add copies of Keras' own layers, whatever they are parts of.

    A layer of this program adds what its ``call`` consists of. A subclass of a layer of Keras that
    keeps its ``call`` adds a layer of the base class. Networks need no code for it.
    """
    call_layer = keras.layers.Layer.__call__
    copies: dict[int, keras.layers.Layer] = {}

    def call(layer, *args: Any, **kwargs: Any):
        if not (args and keras.backend.is_keras_tensor(args[0])):
            return call_layer(layer, *args, **kwargs)
        kwargs.pop("training", None)  # by default, all layers infer
        own: Any = next(
            base for base in type(layer).__mro__ if base.__module__.startswith("keras.")
        )
        if own.call is not type(layer).call:
            return layer.call(*args, **kwargs)
        is_new = id(layer) not in copies
        if is_new:
            copies[id(layer)] = _copy(layer, own)
        outputs = call_layer(copies[id(layer)], *args, **kwargs)
        if is_new:
            copies[id(layer)].set_weights(layer.get_weights())
        return outputs

    keras.layers.Layer.__call__ = call
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = call_layer


def _copy(layer: keras.layers.Layer, own: type[keras.layers.Layer]) -> keras.layers.Layer:
    """Returns a new layer of a class of Keras, in float32, named by its place in the model."""
    config = {**layer.get_config(), "dtype": "float32"}
    config["name"] = "_".join(layer.path.split("/")[1:])
    return own.from_config(config)
