"""Priors p(z): a module for each row of ``catalog.priors``, with a function ``build``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from models.priors.exemplar import Exemplar
from models.priors.mixture import Mixture
from models.priors.prior import Prior
from models.priors.realnvp import RealNVP
from models.priors.standard_normal import StandardNormal
from models.priors.vamp import VampPrior

__all__ = ["Exemplar", "Mixture", "Prior", "RealNVP", "StandardNormal", "VampPrior", "build"]


def build(settings: Mapping[str, Any]) -> Prior:
    """Returns the prior that the flags describe."""
    return importlib.import_module(f"models.priors.{settings['prior']}").build(settings)
