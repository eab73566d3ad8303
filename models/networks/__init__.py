"""Encoder and decoder networks: a module for each kind that ``catalog.networks`` names.

Each module has a function ``build(outputs_shape, settings)``, which returns the network's parts
by name: ``encoder`` and ``decoder``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.networks import NETWORKS
from models.networks.convolutions import NetworkError

__all__ = ["NetworkError", "build"]


def build(outputs_shape: Sequence[int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parts of the network that the flags describe, not built yet.

    Args:
        outputs_shape: (height, width, channels) of the decoder's outputs.
        settings: the flags by name.

    Raises:
        NetworkError: if its sizes do not fit each other or the images.
    """
    module = importlib.import_module(f"models.networks.{NETWORKS[settings['network']].module}")
    return module.build(outputs_shape, settings)
