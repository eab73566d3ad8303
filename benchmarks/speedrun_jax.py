"""The speed run in JAX: every epoch one compiled scan, with optax' Adam.

python -m benchmarks.speedrun_jax recipe.json images.npz weights.npz
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.speedrun_recipe import VALIDATION_BATCH, Recipe, Weights, print_epoch, run_peer

ACTIVATIONS = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "elu": jax.nn.elu,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
}


def loss_of(weights, recipe: Recipe, x, key):
    """Returns the loss, in nats per image; ``x`` is (batch, 784) in [0, 1]."""

    def dense(name, x):
        kernel, bias = weights[name]
        return x @ kernel + bias

    def hidden(layers, x):
        for name, activation in layers.items():
            x = ACTIVATIONS[activation](dense(name, x))
        return x

    features = hidden(recipe.encoder, x)
    mean, log_var = dense("mean", features), dense("log_var", features)
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    logits = dense("logits", hidden(recipe.decoder, z))
    bce = jnp.sum(jax.nn.softplus(logits) - x * logits)
    mixing, means, log_vars = weights["prior"]
    log_joint = log_density(z[:, None], means, log_vars) + jax.nn.log_softmax(mixing)
    kl = log_density(z, mean, log_var) - jax.nn.logsumexp(log_joint, axis=1)
    return (bce + jnp.sum(kl)) / len(x)


def log_density(z, mean, log_var):
    """Returns log N(z; mean, exp(log_var)), up to a constant, summed over the last axis."""
    return -0.5 * jnp.sum((z - mean) ** 2 * jnp.exp(-log_var) + log_var, axis=-1)


def train(recipe: Recipe, images: np.ndarray, held_out: np.ndarray) -> Weights:
    """Trains on uint8 images, (num_images, 784); prints both losses of each epoch."""
    resident = jnp.asarray(images)
    num_steps = recipe.num_epochs * len(images) // recipe.batch_size
    rate = recipe.learning_rate
    if recipe.learning_rate_schedule == "cosine":
        rate = optax.cosine_decay_schedule(rate, num_steps)
    adam = optax.adam(rate, eps=1e-7)
    weights = jax.tree.map(jnp.asarray, recipe.initial_weights())
    validation = jnp.asarray(held_out).reshape(-1, VALIDATION_BATCH, held_out.shape[1])

    def step(carry, positions):
        weights, moments, key = carry
        key, noise_key = jax.random.split(key)
        x = resident[positions].astype(jnp.float32) / 255
        loss, gradients = jax.value_and_grad(loss_of)(weights, recipe, x, noise_key)
        updates, moments = adam.update(gradients, moments)
        return (optax.apply_updates(weights, updates), moments, key), loss

    def validate(carry, images):
        weights, key = carry
        key, noise_key = jax.random.split(key)
        return (weights, key), loss_of(weights, recipe, images.astype(jnp.float32) / 255, noise_key)

    @functools.partial(jax.jit, donate_argnums=0)
    def train_epoch(carry, batches):
        carry, losses = jax.lax.scan(step, carry, batches)
        _, val_losses = jax.lax.scan(validate, (carry[0], carry[2]), validation)
        return carry, losses.mean(), val_losses.mean()

    carry = (weights, adam.init(weights), jax.random.key(recipe.seed))
    for epoch in range(recipe.num_epochs):
        carry, loss, val_loss = train_epoch(carry, recipe.batches(epoch, len(images)))
        print_epoch(epoch, float(loss), float(val_loss))
    return jax.tree.map(np.asarray, carry[0])


if __name__ == "__main__":
    run_peer(train)
