"""The same training in each framework, as processes that ``benchmarks.training`` compares.

    python -m benchmarks.workers NAME '{"batch_size": 100, …}'

A worker builds and compiles its model and trains one epoch, which is not timed. Then it answers
each line on its standard input with one epoch of training and a line of JSON: the seconds and
the loss of the epoch. All train the one-hidden-layer VAE of Kingma and Welling (2014), on
the same images, with Adam, in the order of a fresh permutation each epoch.
"""

from __future__ import annotations

import json
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import conv_networks
from catalog.networks import NETWORKS

PIXELS, HIDDEN, LATENT, RATE = 784, 500, 10, 1e-3
Epoch = Callable[[np.ndarray], float]  # the order of the images → the epoch's mean loss


def load_images(copies: float) -> np.ndarray:
    """Returns MNIST's training images, repeated or cut, uint8 (num_images, 28, 28, 1)."""
    import data
    from data.sources import tfds

    images, _ = tfds.load(data.describe("mnist"), "train")
    return np.resize(images, (int(copies * len(images)), *images.shape[1:]))


def initial_weights() -> dict[str, np.ndarray]:
    """Returns Glorot-uniform weights by layer, the same for all frameworks."""
    generator = np.random.default_rng(0)
    shapes = {
        "hidden": (PIXELS, HIDDEN),
        "mean": (HIDDEN, LATENT),
        "log_var": (HIDDEN, LATENT),
        "decoder": (LATENT, HIDDEN),
        "logits": (HIDDEN, PIXELS),
    }
    return {
        name: generator.uniform(-1, 1, shape).astype(np.float32) * math.sqrt(6 / sum(shape))
        for name, shape in shapes.items()
    }


# ------------------------------------------------------------------------------- Keras


def _keras_model(images: np.ndarray, options: dict[str, Any]) -> Any:
    import keras

    import models
    from cli import parse_train, settings

    network = options.get("network", "mlp")
    words = ["--network", network, "--latent_dim", str(LATENT)]
    for name in ("precision", "dropout"):
        words += [f"--{name}={options[name]}"] if name in options else []
    model = models.build(images.shape[1:], settings(parse_train(["train.py", *words])))
    if network == "mlp":
        _assign_mlp_weights(model)
    else:
        conv_networks.assign_weights(model, network)
    model.compile(optimizer=keras.optimizers.Adam(RATE))
    model.optimizer.build(model.trainable_variables)
    return model


def _assign_mlp_weights(model: Any) -> None:
    weights = initial_weights()
    for layer, name in (
        (model.encoder.hidden[0].dense, "hidden"),
        (model.encoder.z_mean, "mean"),
        (model.encoder.z_log_var, "log_var"),
        (model.decoder.hidden[0].dense, "decoder"),
        (model.decoder.logits, "logits"),
    ):
        layer.kernel.assign(weights[name])


def ours(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """This repository, as train.py trains."""
    from training import device

    has_convolutions = NETWORKS[options.get("network", "mlp")].has_convolutions
    deterministic = options.get("deterministic", False)
    device.set_up_tensorflow(deterministic, has_convolutions, trains=True)
    model = _keras_model(images, options)
    import keras

    import models
    from data.batches import ResidentBatches
    from training import checkpoint, private_apis
    from training.loop import BeginEpochs, CompiledLoop, count_calls
    from training.modes import choose_mode

    binarize_with = models.noise.uniform if options.get("binarize") == "dynamic" else None
    batches = ResidentBatches(images, options["batch_size"], 0, binarize_with)
    mode = choose_mode(
        model, options["batch_size"], None, deterministic, has_convolutions=has_convolutions
    )
    loop = CompiledLoop(model, model.train_step, batches, mode.loop)
    before = checkpoint.capture(model)
    loop.choose_steps_per_call()
    checkpoint.restore(model, before)
    private_apis.use_loops(model, loop, loop, loop.steps_per_call)
    turns: queue.Queue[None] = queue.Queue()
    losses: queue.Queue[float] = queue.Queue()

    class TakeTurns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            turns.get()

        def on_epoch_end(self, epoch, logs=None):
            losses.put(logs["loss"])

    arguments = {
        "steps_per_epoch": batches.steps_per_epoch,
        "epochs": 10**6,  # one call of fit, as in train.py
        "verbose": 0,
        "shuffle": False,
        "callbacks": [BeginEpochs(loop, loop), TakeTurns()],
    }
    threading.Thread(
        target=keras.Model.fit, args=[model, count_calls()], kwargs=arguments, daemon=True
    ).start()

    def epoch(order: np.ndarray) -> float:
        turns.put(None)
        return losses.get()

    return epoch


def keras_fit(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """The same model through Keras' fit as usually called, on a shuffled tf.data pipeline."""
    model = _keras_model(images, options)
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images), seed=0)
    dataset = dataset.batch(options["batch_size"])
    dataset = dataset.map(lambda batch: tf.cast(batch, tf.float32) / 255.0)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    return lambda order: model.fit(dataset, verbose=0, shuffle=False).history["loss"][0]


# ----------------------------------------------------------------------------- PyTorch


def _torch(images: np.ndarray, options: dict[str, Any], compiled: bool) -> Epoch:
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    resident = torch.from_numpy(images.reshape(-1, PIXELS))

    class VAE(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, weight in initial_weights().items():
                layer = torch.nn.Linear(*weight.shape)
                with torch.no_grad():
                    layer.weight.copy_(torch.from_numpy(weight.T))
                    layer.bias.zero_()
                setattr(self, name, layer)

        def forward(self, x):
            hidden = torch.tanh(self.hidden(x))
            mean, log_var = self.mean(hidden), self.log_var(hidden)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            logits = self.logits(torch.tanh(self.decoder(z)))
            bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_var - mean**2 - torch.exp(log_var))
            return (bce + kl) / len(x)

    model = VAE()
    adam = torch.optim.Adam(model.parameters(), RATE, eps=1e-7, fused=True)
    forward = torch.compile(model) if compiled else model
    half = options.get("precision") == "mixed_bfloat16"

    def epoch(order: np.ndarray) -> float:
        total = torch.zeros(())
        positions = torch.from_numpy(order)
        for start in range(0, len(order), options["batch_size"]):
            x = resident[positions[start : start + options["batch_size"]]].float() / 255
            adam.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = forward(x)
            loss.backward()
            adam.step()
            total += loss.detach() * len(x)
        return float(total) / len(order)

    return epoch


def torch_fused(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """PyTorch, eager, with its fused Adam."""
    return _torch(images, options, compiled=False)


def torch_conv(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """PyTorch, a convolutional network: ``options["network"]``."""
    from benchmarks import conv_torch

    return conv_torch.train(images, options)


def torch_compile(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """PyTorch, the forward and backward pass compiled, with its fused Adam."""
    return _torch(images, options, compiled=True)


# --------------------------------------------------------------------------------- JAX


def jax_scan(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """JAX, an epoch as one compiled scan, with optax' Adam."""
    import jax
    import jax.numpy as jnp
    import optax

    resident = jnp.asarray(images.reshape(-1, PIXELS))
    parameters = {
        name: (jnp.asarray(weight), jnp.zeros(weight.shape[1]))
        for name, weight in initial_weights().items()
    }
    adam = optax.adam(RATE, eps=1e-7)
    state = (parameters, adam.init(parameters), jax.random.key(0))

    def dense(layer, x):
        return x @ layer[0] + layer[1]

    def loss_of(layers, x, key):
        hidden = jnp.tanh(dense(layers["hidden"], x))
        mean, log_var = dense(layers["mean"], hidden), dense(layers["log_var"], hidden)
        z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        logits = dense(layers["logits"], jnp.tanh(dense(layers["decoder"], z)))
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

    scan = jax.jit(lambda carry, stack: jax.lax.scan(step, carry, stack), donate_argnums=0)

    def epoch(order: np.ndarray) -> float:
        nonlocal state
        state, losses = scan(state, order.reshape(-1, options["batch_size"]))
        return float(losses.mean())

    return epoch


def jax_conv(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """JAX, a convolutional network: ``options["network"]``."""
    from benchmarks import conv_jax

    return conv_jax.train(images, options)


# ------------------------------------------------------------------- the arithmetic limit


def matrix_rate(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """Not a training: only the necessary matrix products of an epoch, in one JAX scan.

    Forward x·W, backward xᵀ·δ and δ·Wᵀ of every layer, except the gradient of the images. XLA
    is the fastest at them of the frameworks compared here.
    """
    import jax

    generator = np.random.default_rng(0)
    operands = []
    for weight in initial_weights().values():
        sizes = [(options["batch_size"], size) for size in weight.shape]
        x, delta = (generator.random(size, np.float32) for size in sizes)
        operands.append((x, weight, delta))

    def step(layers, _):
        # The products have the shapes of each other's operands and replace them, so that none
        # can be optimized away. The numbers soon overflow, which costs no time.
        products = [(delta @ weight.T, x.T @ delta, x @ weight) for x, weight, delta in layers]
        images = layers[0][0]
        return [(images, *products[0][1:]), *products[1:]], None

    num_steps = len(images) // options["batch_size"]
    scan = jax.jit(lambda layers: jax.lax.scan(step, layers, length=num_steps)[0])

    def epoch(order: np.ndarray) -> float:
        jax.block_until_ready(scan(operands))
        return math.nan

    return epoch


# ----------------------------------------------------------------------- likelihoods


def nll_ours(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """``evaluate.py --nll``, instead of an epoch of training."""
    from benchmarks import nll

    return nll.ours(images, options)


def nll_pythae(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """pythae's ``get_nll``."""
    from benchmarks import nll

    return nll.pythae(images, options)


def nll_products(images: np.ndarray, options: dict[str, Any]) -> Epoch:
    """The decoder's matrix products alone."""
    from benchmarks import nll

    return nll.products(images, options)


WORKERS = {
    function.__name__: function
    for function in (
        *(ours, keras_fit, torch_fused, torch_compile, jax_scan, matrix_rate),
        *(torch_conv, jax_conv, nll_ours, nll_pythae, nll_products),
    )
}


def main() -> None:
    name, options = sys.argv[1], json.loads(sys.argv[2])
    images = load_images(options.get("copies", 1))
    generator = np.random.default_rng(0)
    began = time.perf_counter()
    epoch = WORKERS[name](images, options)
    order = generator.permutation(len(images)).astype(np.int32)
    epoch(order)
    print(json.dumps({"ready": time.perf_counter() - began}), flush=True)
    for _ in sys.stdin:
        order = generator.permutation(len(images)).astype(np.int32)
        began = time.perf_counter()
        loss = epoch(order)
        print(json.dumps({"seconds": time.perf_counter() - began, "loss": loss}), flush=True)


if __name__ == "__main__":
    main()
