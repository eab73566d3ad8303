"""The convolutional VAE, written for each framework: workers of ``benchmarks.workers``.

Convolutions of 32 and 64 filters, 3×3, stride 2; transposed ones back; ten latent variables.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.workers import Epoch

LATENT, RATE = 10, 1e-3
FEATURES = 7 * 7 * 64


def initial_weights() -> dict[str, np.ndarray]:
    """Returns Glorot-uniform kernels, the same for all, of Keras' shapes."""
    generator = np.random.default_rng(0)
    shapes = {
        "conv1": (3, 3, 1, 32),
        "conv2": (3, 3, 32, 64),
        "mean": (FEATURES, LATENT),
        "log_var": (FEATURES, LATENT),
        "dense": (LATENT, FEATURES),
        "back1": (3, 3, 32, 64),  # height, width, outputs, inputs
        "back2": (3, 3, 1, 32),
    }
    return {
        name: generator.uniform(-1, 1, shape).astype(np.float32)
        * math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
        for name, shape in shapes.items()
    }


def assign_weights(model: Any) -> None:
    """Gives a Keras VAE of ``--network conv`` these kernels."""
    weights = initial_weights()
    for layer, name in (
        (model.encoder.convolutions[0].convolve, "conv1"),
        (model.encoder.convolutions[1].convolve, "conv2"),
        (model.encoder.z_mean, "mean"),
        (model.encoder.z_log_var, "log_var"),
        (model.decoder.dense[0], "dense"),
        (model.decoder.convolutions[0].convolve, "back1"),
        (model.decoder.convolutions[1].convolve, "back2"),
    ):
        layer.kernel.assign(weights[name])


def torch_conv(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """PyTorch with fused Adam: ``layout`` channels_last or contiguous, ``compiled`` or not."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    resident = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[
        options.get("layout", "contiguous")
    ]

    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 3, 2, padding=1)
            self.conv2 = nn.Conv2d(32, 64, 3, 2, padding=1)
            self.mean, self.log_var = nn.Linear(FEATURES, LATENT), nn.Linear(FEATURES, LATENT)
            self.dense = nn.Linear(LATENT, FEATURES)
            self.back1 = nn.ConvTranspose2d(64, 32, 3, 2, padding=1, output_padding=1)
            self.back2 = nn.ConvTranspose2d(32, 1, 3, 2, padding=1, output_padding=1)
            with torch.no_grad():
                for name, weight in initial_weights().items():
                    axes = (3, 2, 0, 1) if weight.ndim == 4 else (1, 0)
                    layer = getattr(self, name)
                    layer.weight.copy_(torch.from_numpy(weight.transpose(axes).copy()))
                    layer.bias.zero_()

        def forward(self, x):
            hidden = F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1)
            mean, log_var = self.mean(hidden).float(), self.log_var(hidden).float()
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            hidden = F.relu(self.dense(z)).reshape(-1, 64, 7, 7).contiguous(memory_format=layout)
            logits = self.back2(F.relu(self.back1(hidden))).float()
            bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_var - mean**2 - torch.exp(log_var))
            return (bce + kl) / len(x)

    model = VAE().to(memory_format=layout)
    adam = torch.optim.Adam(model.parameters(), RATE, eps=1e-7, fused=True)
    forward = torch.compile(model) if options.get("compiled") else model
    half = options.get("precision") == "mixed_bfloat16"

    def epoch(order: np.ndarray) -> float:
        total = torch.zeros(())
        positions = torch.from_numpy(order)
        for start in range(0, len(order), options["batch_size"]):
            x = resident[positions[start : start + options["batch_size"]]].float() / 255
            x = x.contiguous(memory_format=layout)
            adam.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = forward(x)
            loss.backward()
            adam.step()
            total += loss.detach() * len(x)
        return float(total) / len(order)

    return epoch


def jax_conv(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """JAX with optax' Adam, each step compiled: a scan over convolutions is slow on a CPU."""
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax

    kind = jnp.bfloat16 if options.get("precision") == "mixed_bfloat16" else jnp.float32
    resident = jnp.asarray(images)
    parameters = {}
    for name, weight in initial_weights().items():
        outputs = weight.shape[-2] if name.startswith("back") else weight.shape[-1]
        parameters[name] = (jnp.asarray(weight), jnp.zeros(outputs))
    adam = optax.adam(RATE, eps=1e-7)
    state = (parameters, adam.init(parameters), jax.random.key(0))
    layout = ("NHWC", "HWIO", "NHWC")

    def dense(layer, x):
        return x.astype(kind) @ layer[0].astype(kind) + layer[1].astype(kind)

    def convolve(layer, x):
        x = lax.conv_general_dilated(
            x.astype(kind), layer[0].astype(kind), (2, 2), "SAME", dimension_numbers=layout
        )
        return x + layer[1].astype(kind)

    def back(layer, x):
        x = lax.conv_transpose(
            x.astype(kind),
            layer[0].astype(kind),
            (2, 2),
            "SAME",
            dimension_numbers=layout,
            transpose_kernel=True,
        )
        return x + layer[1].astype(kind)

    def loss_of(layers, x, key):
        hidden = jax.nn.relu(convolve(layers["conv1"], x))
        hidden = jax.nn.relu(convolve(layers["conv2"], hidden)).reshape(len(x), -1)
        mean = dense(layers["mean"], hidden).astype(jnp.float32)
        log_var = dense(layers["log_var"], hidden).astype(jnp.float32)
        z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        hidden = jax.nn.relu(dense(layers["dense"], z)).reshape(-1, 7, 7, 64)
        hidden = jax.nn.relu(back(layers["back1"], hidden))
        logits = back(layers["back2"], hidden).astype(jnp.float32)
        bce = jnp.sum(jax.nn.softplus(logits) - x * logits)
        kl = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var))
        return (bce + kl) / len(x)

    def step(carry, positions):
        layers, moments, key = carry
        key, noise_key = jax.random.split(key)
        x = resident[positions].astype(jnp.float32) / 255
        loss, gradients = jax.value_and_grad(loss_of)(layers, x, noise_key)
        updates, moments = adam.update(gradients, moments)
        return (optax.apply_updates(layers, updates), moments, key), loss

    compiled = jax.jit(step, donate_argnums=0)

    def epoch(order: np.ndarray) -> float:
        nonlocal state
        total = 0.0
        for start in range(0, len(order), options["batch_size"]):
            positions = order[start : start + options["batch_size"]]
            state, loss = compiled(state, positions)
            total += loss * len(positions)
        return float(total) / len(order)

    return epoch
