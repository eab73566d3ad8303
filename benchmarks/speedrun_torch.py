"""The speed run in PyTorch, with its fused Adam: eager, or with torch.compile.

python -m benchmarks.speedrun_torch recipe.json images.npz weights.npz [compile]
"""

from __future__ import annotations

import functools
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.speedrun_recipe import VALIDATION_BATCH, Recipe, Weights, print_epoch, run_peer


class VAE(nn.Module):
    """The network of a recipe, with the given weights."""

    def __init__(self, recipe: Recipe, weights: Weights):
        super().__init__()
        self.encoder, self.decoder = recipe.encoder, recipe.decoder
        self.layers = nn.ModuleDict()
        for name in recipe.shapes:
            kernel, bias = map(torch.from_numpy, weights[name])
            layer = nn.utils.skip_init(nn.Linear, *kernel.shape)
            with torch.no_grad():
                layer.weight.copy_(kernel.T)
                layer.bias.copy_(bias)
            self.layers[name] = layer
        self.prior = nn.ParameterList([torch.from_numpy(part.copy()) for part in weights["prior"]])

    def forward(self, x):
        """Returns the loss, in nats per image; ``x`` is (batch, 784) in [0, 1]."""
        hidden = self._hidden(self.encoder, x)
        mean, log_var = self.layers["mean"](hidden), self.layers["log_var"](hidden)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        logits = self.layers["logits"](self._hidden(self.decoder, z))
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        mixing, means, log_vars = self.prior
        log_joint = log_density(z[:, None], means, log_vars) + torch.log_softmax(mixing, 0)
        kl = log_density(z, mean, log_var) - torch.logsumexp(log_joint, 1)
        return (bce + kl.sum()) / len(x)

    def weights(self) -> Weights:
        """Returns the weights as NumPy arrays."""
        groups = {name: (layer.weight.T, layer.bias) for name, layer in self.layers.items()}
        groups["prior"] = tuple(self.prior)
        return {
            name: tuple(part.detach().cpu().numpy() for part in group)
            for name, group in groups.items()
        }

    def _hidden(self, layers, x):
        for name, activation in layers.items():
            function = torch.tanh if activation == "tanh" else getattr(F, activation)
            x = function(self.layers[name](x))
        return x


def log_density(z, mean, log_var):
    """Returns log N(z; mean, exp(log_var)), up to a constant, summed over the last axis."""
    return -0.5 * torch.sum((z - mean) ** 2 * torch.exp(-log_var) + log_var, -1)


def train(
    recipe: Recipe, images: np.ndarray, held_out: np.ndarray, compiled: bool = False
) -> Weights:
    """Trains on uint8 images, (num_images, 784); prints both losses of each epoch."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.set_flush_denormal(True)  # as TensorFlow and JAX do
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as in TensorFlow
    resident, validation = (torch.from_numpy(part).to(device) for part in (images, held_out))
    model = VAE(recipe, recipe.initial_weights()).to(device)
    adam = torch.optim.Adam(model.parameters(), recipe.learning_rate, eps=1e-7, fused=True)
    loss_of = torch.compile(model) if compiled else model
    for epoch in range(recipe.num_epochs):
        batches = torch.from_numpy(recipe.batches(epoch, len(images))).to(device)
        loss, val_loss = torch.zeros(2, device=device)
        for step, positions in enumerate(batches, epoch * len(batches)):
            adam.param_groups[0]["lr"] = recipe.rate(step, recipe.num_epochs * len(batches))
            adam.zero_grad(set_to_none=True)
            mean = loss_of(resident[positions].float() / 255)
            mean.backward()
            adam.step()
            loss += mean.detach() / len(batches)
        with torch.no_grad():
            for pixels in validation.split(VALIDATION_BATCH):
                val_loss += model(pixels.float() / 255) * len(pixels) / len(validation)
        print_epoch(epoch, float(loss), float(val_loss))
    return model.weights()


if __name__ == "__main__":
    run_peer(functools.partial(train, compiled="compile" in sys.argv[4:]))
