"""The convolutional VAEs in PyTorch."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.conv_networks import FEATURES, NETWORKS, Layer, initial_weights

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class VAE(nn.Module):
    """A network of ``conv_networks``; its images are (batch, channels, height, width).

    Padding is as usual in PyTorch: 3×3 windows with stride 2 begin one pixel before the image,
    whereas those of Keras end one pixel after it.
    """

    def __init__(self, network: str, layout: torch.memory_format):
        super().__init__()
        self.network = NETWORKS[network]
        self.layout = layout
        self.layers = nn.ModuleDict(
            {
                name: _make_layer(layer, is_back=name in self.network.decoder)
                for name, layer in self.network.layers.items()
            }
        )
        for name, weight in initial_weights(network).items():
            kernel = weight.transpose((3, 2, 0, 1) if weight.ndim == 4 else (1, 0))
            with torch.no_grad():
                self.layers[name].weight.copy_(torch.from_numpy(kernel.copy()))
                self.layers[name].bias.zero_()

    def encode(self, x):
        """Returns (z_mean, z_log_var), each (batch, 10)."""
        for name in self.network.encoder:
            x = self._hidden(name, x)
        x = x.flatten(1)
        return self.layers["mean"](x).float(), self.layers["log_var"](x).float()

    def decode(self, z):
        """Returns the logits, (batch, 1, 28, 28)."""
        *hidden, last = self.network.decoder
        for name in hidden:
            z = self._hidden(name, z)
        return self._apply_layer(last, z).reshape(-1, 1, 28, 28).float()

    def forward(self, x):
        """Returns the mean loss, in nats per image."""
        mean, log_var = self.encode(x)
        logits = self.decode(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mean**2 - torch.exp(log_var))
        return (bce + kl) / len(x)

    def _hidden(self, name, x):
        x = self._apply_layer(name, x)
        x = F.leaky_relu(x, self.network.slope) if self.network.slope else F.relu(x)
        if self.network.dropout and not name.startswith("dense"):
            x = F.dropout(x, self.network.dropout, self.training)
        return x

    def _apply_layer(self, name, x):
        layer = self.layers[name]
        if isinstance(layer, nn.Linear):
            return layer(x.flatten(1))
        if x.ndim == 2:
            height, width, _ = FEATURES
            x = x.reshape(len(x), -1, height, width).contiguous(memory_format=self.layout)
        if isinstance(layer, nn.Conv2d):
            return layer(x)
        height, width = (size * layer.stride[0] for size in x.shape[2:])
        return layer(x)[..., :height, :width]


def _make_layer(layer: Layer, is_back: bool) -> nn.Module:
    if len(layer.kernel) == 2:
        return nn.Linear(*layer.kernel)
    size, _, first, second = layer.kernel
    if is_back:
        missing = max(0, layer.stride + 2 - size)
        return nn.ConvTranspose2d(
            second, first, size, layer.stride, padding=1, output_padding=missing
        )
    padding = 1 if layer.stride > 1 else "same"
    return nn.Conv2d(first, second, size, layer.stride, padding)


def train(images: np.ndarray, options: dict[str, Any]):
    """Returns the function that trains an epoch, with fused Adam.

    Of the options, ``layout`` is one of ``LAYOUTS``, and ``compiled`` says whether the forward and
    backward passes are compiled.
    """
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    resident = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    layout = LAYOUTS[options.get("layout", "contiguous")]
    model = VAE(options["network"], layout).to(memory_format=layout)
    adam = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7, fused=True)
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
