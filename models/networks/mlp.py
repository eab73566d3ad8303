"""The fully connected encoder and decoder of Kingma and Welling (2014), appendix C."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from models.networks import layers


def build(outputs_shape: Sequence[int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the encoder and the decoder that the flags describe, not built yet."""
    hidden_dims, activation = settings["hidden_dim"], settings["activation"]
    flags = {name: settings[name] for name in layers.LAYER_FLAGS}
    encoder = Encoder(settings["latent_dim"], hidden_dims, activation, name="encoder", **flags)
    decoder = Decoder(outputs_shape, hidden_dims[::-1], activation[::-1], name="decoder", **flags)
    return {"encoder": encoder, "decoder": decoder}


@keras.saving.register_keras_serializable(package="models")
class Encoder(layers.GaussianEncoder):
    """q(z|x): images to the mean and log-variance of a diagonal Gaussian (equation 9).

    Args:
        latent_dim: dimensions of z.
        hidden_dims: units of each hidden layer, in order.
        activation: of the hidden layers: one of ``catalog.networks.ACTIVATIONS``, or one for each.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dims: Sequence[int] = (500,),
        activation: str | Sequence[str] = "tanh",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.flatten = keras.layers.Flatten("channels_last", dtype=self.dtype_policy.name)
        self.hidden = self.make_hidden(hidden_dims, activation)
        self.make_z(latent_dim)

    def layers_before_z(self):
        """Returns the layers whose features the mean and the log-variance are computed from."""
        return [self.flatten, *self.hidden]


@keras.saving.register_keras_serializable(package="models")
class Decoder(layers.OutputsDecoder):
    """The network in p(x|z): z to a logit for every pixel (equation 11).

    Args:
        image_shape: (height, width, channels) of the outputs; more channels than the images have
            if the likelihood needs them.
        hidden_dims, activation: of the hidden layers, in order.
        dropout, seed, initializer, init_stddev: of every layer; see ``HiddenLayer``.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden_dims: Sequence[int] = (500,),
        activation: str | Sequence[str] = "tanh",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        dtype = self.dtype_policy.name
        self.hidden = self.make_hidden(hidden_dims, activation)
        self.logits = self.make_dense(math.prod(image_shape), "logits")
        self.reshape = keras.layers.Reshape(tuple(image_shape), dtype=dtype)

    def layers_from_z(self):
        """Returns all layers in the order in which they are applied."""
        return [*self.hidden, self.logits, self.reshape]
