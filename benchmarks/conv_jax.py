"""The convolutional VAEs in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from benchmarks.conv_networks import FEATURES, NETWORKS, initial_weights


class VAE:
    """A network of ``conv_networks``, as functions of its weights.

    Args:
        network: one of ``NETWORKS``.
        kind: the type that the layers compute in.
    """

    def __init__(self, network: str, kind: Any):
        self.network = NETWORKS[network]
        self.kind = kind
        self.initial = {}
        for name, weight in initial_weights(network).items():
            is_back = name in self.network.decoder and weight.ndim == 4
            self.initial[name] = (
                jnp.asarray(weight),
                jnp.zeros(weight.shape[-2 if is_back else -1]),
            )

    def encode(self, weights, x, keys=None):
        """Returns (z_mean, z_log_var), each (batch, 10); with dropout if ``keys`` is given."""
        for name in self.network.encoder:
            x = self._hidden(name, weights, x, keys)
        mean, log_var = (self._apply_layer(name, weights, x) for name in ("mean", "log_var"))
        return mean.astype(jnp.float32), log_var.astype(jnp.float32)

    def decode(self, weights, z, keys=None):
        """Returns the logits, (batch, 28, 28, 1)."""
        *hidden, last = self.network.decoder
        for name in hidden:
            z = self._hidden(name, weights, z, keys)
        return self._apply_layer(last, weights, z).reshape(-1, 28, 28, 1).astype(jnp.float32)

    def loss(self, weights, x, key):
        """Returns the mean loss, in nats per image."""
        keys = iter(jax.random.split(key, 1 + len(self.network.layers)))
        mean, log_var = self.encode(weights, x, keys)
        noise = jax.random.normal(next(keys), mean.shape)
        logits = self.decode(weights, mean + jnp.exp(0.5 * log_var) * noise, keys)
        bce = jnp.sum(jax.nn.softplus(logits) - x * logits)
        kl = -0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var))
        return (bce + kl) / len(x)

    def _hidden(self, name, weights, x, keys):
        x = self._apply_layer(name, weights, x)
        x = jax.nn.leaky_relu(x, self.network.slope) if self.network.slope else jax.nn.relu(x)
        if keys and self.network.dropout and not name.startswith("dense"):
            kept = jax.random.bernoulli(next(keys), 1 - self.network.dropout, x.shape)
            x = jnp.where(kept, x / (1 - self.network.dropout), 0)
        return x

    def _apply_layer(self, name, weights, x):
        kernel, bias = (part.astype(self.kind) for part in weights[name])
        x = x.astype(self.kind)
        if kernel.ndim == 2:
            return x.reshape(len(x), -1) @ kernel + bias
        stride = self.network.layers[name].stride
        shared = {"padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        if name in self.network.encoder:
            return lax.conv_general_dilated(x, kernel, (stride, stride), **shared) + bias
        height, width, _ = FEATURES
        x = x.reshape(len(x), height, width, -1) if x.ndim == 2 else x
        x = lax.conv_transpose(x, kernel, (stride, stride), transpose_kernel=True, **shared)
        return x + bias


def train(images: np.ndarray, options: dict[str, Any]):
    """Returns the function that trains an epoch, with optax' Adam.

    Each step is compiled: a scan over convolutions is slow on a CPU.
    """
    half = options.get("precision") == "mixed_bfloat16"
    model = VAE(options["network"], jnp.bfloat16 if half else jnp.float32)
    resident = jnp.asarray(images)
    adam = optax.adam(1e-3, eps=1e-7)
    state = (model.initial, adam.init(model.initial), jax.random.key(0))

    def step(carry, positions):
        weights, moments, key = carry
        key, noise_key = jax.random.split(key)
        x = resident[positions].astype(jnp.float32) / 255
        loss, gradients = jax.value_and_grad(model.loss)(weights, x, noise_key)
        updates, moments = adam.update(gradients, moments)
        return (optax.apply_updates(weights, updates), moments, key), loss

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
