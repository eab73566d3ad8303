"""Networks in sizes for the 8×8 digits."""

from __future__ import annotations

from typing import Any

from models.table import MODELS, NETWORKS
from tests.settings import make_settings


def _small_sizes(network: str) -> dict[str, Any]:
    """Returns the flags that a network reads, and values with which it suits 8×8 images."""
    sizes = dict(NETWORKS[network].defaults)
    if "hidden_dim" in sizes:
        sizes["hidden_dim"] = "32"
    else:
        # Enough to learn sixteen images by heart, which is tested without dropout.
        count = len(sizes["filters"].split(","))
        sizes["filters"] = ",".join(["16"] * count)
        sizes["dropout"] = 0.0
    if sizes.get("decoder_dims", "none") != "none":
        sizes["decoder_dims"] = "24,4"  # the convolutions leave 2×2
    return {"network": network, **sizes}


# A name → the flags of a network: each in the table, and the fully connected one with layers
# that differ.
SMALL_NETWORKS = {
    **{network: _small_sizes(network) for network in NETWORKS},
    "mlp_deep": {"network": "mlp", "hidden_dim": "32,24", "activation": "elu,tanh"},
}


def small_settings(network: str, model: str = "vae", **flags: Any) -> dict[str, Any]:
    """Returns a run's settings with a network of ``SMALL_NETWORKS``, and other flags.

    Flags that other models read and this one does not are left out.
    """
    of_others = {name for other in MODELS.values() for name in other.defaults}
    of_others -= MODELS[model].defaults.keys()
    read = {name: value for name, value in flags.items() if name not in of_others}
    return make_settings(model=model, **{**SMALL_NETWORKS[network], **read})
