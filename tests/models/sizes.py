"""Sizes of networks for the 8×8 digits."""

from __future__ import annotations

from typing import Any

from models.table import NETWORKS


def small_sizes(network: str) -> dict[str, Any]:
    """Returns the flags that a network reads, and values with which it suits 8×8 images."""
    sizes = dict(NETWORKS[network].defaults)
    if "hidden_dim" in sizes:
        sizes["hidden_dim"] = 32
    else:
        # Enough to learn sixteen images by heart, which is tested without dropout.
        count = len(sizes["filters"].split(","))
        sizes["filters"] = ",".join(["16"] * count)
        sizes["dropout"] = 0.0
    if sizes.get("decoder_dims", "none") != "none":
        sizes["decoder_dims"] = "24,4"  # the convolutions leave 2×2
    return sizes
