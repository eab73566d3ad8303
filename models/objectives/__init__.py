"""Training objectives: a module for each row of ``catalog.objectives``, with a ``build``.

An objective is called with the terms of a batch and the current β, and returns what the optimizer
lowers, for each image.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from models.objectives.dreg import DoublyReparameterized
from models.objectives.elbo import Elbo
from models.objectives.iwae import Iwae
from models.objectives.objective import Objective
from models.objectives.stl import StickingTheLanding
from models.objectives.tc import TotalCorrelation

__all__ = [
    "DoublyReparameterized",
    "Elbo",
    "Iwae",
    "Objective",
    "StickingTheLanding",
    "TotalCorrelation",
    "build",
]


def build(settings: Mapping[str, Any]) -> Objective:
    """Returns the objective that the flags describe."""
    return importlib.import_module(f"models.objectives.{settings['objective']}").build(settings)
