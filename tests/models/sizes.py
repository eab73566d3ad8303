"""Networks with sizes for the 8×8 digits."""

from __future__ import annotations

from typing import Any

from catalog import read_by
from catalog.models import MODELS
from catalog.networks import NETWORKS
from catalog.objectives import OBJECTIVES
from tests.settings import make_settings


def _small_sizes(network: str) -> dict[str, Any]:
    """Returns the flags that a network reads, with values that fit 8×8 images."""
    sizes = {
        flag.name: flag.default for flag in NETWORKS[network].flags if flag.default is not None
    }
    if "hidden_dim" in sizes:
        sizes["hidden_dim"] = (32,)
    elif "width" in sizes:
        sizes["width"] = 16
    else:
        # Enough to memorize sixteen images, which is tested without dropout.
        sizes["filters"] = (16,) * len(sizes["filters"])
        sizes["dropout"] = 0.0
    if sizes.get("decoder_dims"):
        sizes["decoder_dims"] = (24, 4)  # the convolutions leave 2×2
    return {"network": network, **sizes}


# A name → the flags of a network: each in the catalog, and the fully connected one with layers
# that differ.
SMALL_NETWORKS: dict[str, dict[str, Any]] = {
    **{network: _small_sizes(network) for network in NETWORKS},
    "mlp_deep": {"network": "mlp", "hidden_dim": (32, 24), "activation": ("elu", "tanh")},
}


def small_settings(network: str, **flags: Any) -> dict[str, Any]:
    """Returns a run's settings with a network of ``SMALL_NETWORKS``, and other flags.

    Flags that the chosen parts do not read are left out. The dimensions of z are shared among the
    levels of a model that has several.
    """
    wanted = {**SMALL_NETWORKS[network], "conditional_dims": (32,), **flags}
    needs_one = OBJECTIVES[wanted.get("objective", "elbo")].needs_one_level
    has_levels = MODELS[wanted.get("model", "vae")].has_levels and not needs_one
    if has_levels and isinstance(wanted["latent_dim"], int):
        wanted["latent_dim"] = (1, wanted["latent_dim"] - 1)
    known = read_by(wanted)
    return make_settings(**{name: value for name, value in wanted.items() if name in known})
