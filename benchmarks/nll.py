"""Estimates of log p(x) as processes that ``benchmarks.training`` compares.

All have the weights of one VAE, 784-200-200-50-200-200-784 with tanh, and estimate log p(x) of
the same images from 5,000 samples of z each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

HIDDEN, LATENT, NUM_SAMPLES = (200, 200), 50, 5000


def build_model() -> Any:
    """Returns the VAE of this repository, untrained, the same for all frameworks."""
    import models
    from cli import parse_train, settings

    words = ["--hidden_dim", ",".join(map(str, HIDDEN)), "--latent_dim", str(LATENT)]
    return models.build((28, 28, 1), settings(parse_train(["train.py", *words])))


def ours(images: np.ndarray, options: dict[str, Any]) -> Any:
    """This repository, as ``evaluate.py --nll 5000`` estimates."""
    from evaluation import importance
    from training import device

    device.set_up_tensorflow(False, False)
    weigh = importance.compile_weights(build_model(), NUM_SAMPLES)
    images = images / np.float32(255)
    return lambda order: float(math.log(NUM_SAMPLES) - weigh(images)[:, 0].mean())


def pythae(images: np.ndarray, options: dict[str, Any]) -> Any:
    """pythae's ``get_nll``, with ``options["batch_size"]`` samples of z at a time."""
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    ours = build_model()

    def copy(dense: Any) -> torch.nn.Linear:
        layer = torch.nn.Linear(*dense.kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.array(dense.kernel).T))
            layer.bias.copy_(torch.from_numpy(np.array(dense.bias)))
        return layer

    def copy_hidden(blocks: Any) -> list[torch.nn.Module]:
        return [layer for block in blocks for layer in (copy(block.dense), torch.nn.Tanh())]

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = torch.nn.Sequential(torch.nn.Flatten(), *copy_hidden(ours.encoder.hidden))
            self.mean, self.log_var = copy(ours.encoder.z_mean), copy(ours.encoder.z_log_var)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            hidden = self.hidden(x)
            return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_var(hidden))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            layers = (*copy_hidden(ours.decoder.hidden), copy(ours.decoder.logits))
            self.network = torch.nn.Sequential(*layers, torch.nn.Sigmoid())

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.network(z).reshape(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT)
    config.reconstruction_loss = "bce"
    model = VAE(config, encoder=Encoder(), decoder=Decoder()).eval()
    x = torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255))

    def estimate(order: np.ndarray) -> float:
        with torch.no_grad():
            return -model.get_nll(x, NUM_SAMPLES, options["batch_size"])

    return estimate


def products(images: np.ndarray, options: dict[str, Any]) -> Any:
    """Not an estimate: only the decoder's matrix products, 2,000 samples of z at a time."""
    import tensorflow as tf

    from training import device

    device.set_up_tensorflow(False, False)
    ours = build_model()
    denses = [*(block.dense for block in ours.decoder.hidden), ours.decoder.logits]
    kernels = [tf.constant(dense.kernel) for dense in denses]

    @tf.function(jit_compile=True)
    def multiply(z: tf.Tensor) -> tf.Tensor:
        for kernel in kernels:
            z = z @ kernel
        return z

    z = tf.random.normal((2000, LATENT))
    num_products = len(images) * NUM_SAMPLES // len(z)

    def estimate(order: np.ndarray) -> float:
        for _ in range(num_products):
            multiply(z).numpy()
        return math.nan

    return estimate
