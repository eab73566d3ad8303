"""Likelihoods p(x|z): what the decoder's outputs say about the pixels.

There is a module with a function ``build`` for each row of ``catalog.likelihoods``.
docs/likelihoods.md explains each one and when to use it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from models.likelihoods.bernoulli import Bernoulli
from models.likelihoods.continuous_bernoulli import ContinuousBernoulli
from models.likelihoods.discretized_logistic import DiscretizedLogistic
from models.likelihoods.gaussian import Gaussian
from models.likelihoods.gaussian_learned import GaussianLearned
from models.likelihoods.gaussian_per_pixel import GaussianPerPixel
from models.likelihoods.likelihood import Likelihood
from models.likelihoods.logistic_mixture import LogisticMixture

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "GaussianLearned",
    "GaussianPerPixel",
    "Likelihood",
    "LogisticMixture",
    "build",
]


def build(settings: Mapping[str, Any]) -> Likelihood:
    """Returns the likelihood that the flags describe."""
    module = importlib.import_module(f"models.likelihoods.{settings['likelihood']}")
    return module.build(settings)
