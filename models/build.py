"""A model from the flags of a run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import keras

from catalog.values import to_levels
from models import likelihoods, networks, objectives, priors, schedules
from models.corruption import Corruption


def build(
    image_shape: tuple[int, int, int],
    settings: Mapping[str, Any],
    num_classes: int | None = None,
    num_train: int | None = None,
) -> keras.Model:
    """Builds an untrained model, its weights drawn from ``settings["seed"]``.

    Args:
        image_shape: (height, width, channels).
        settings: the flags of the run by name; ``model``, ``network``, ``likelihood``, ``prior``
            and ``objective`` choose the modules, which read the other flags that they need.
        num_classes: number of classes; not needed by models that use no labels.
        num_train: number of training images; needed if only some of them are labeled, and by
            ``objectives.TotalCorrelation``.

    Raises:
        NetworkError: if the network's sizes do not fit each other or the images.
    """
    keras.utils.set_random_seed(settings["seed"])  # for the layers' initializers
    keras.config.set_dtype_policy(settings["precision"])
    settings = {**settings, "num_classes": num_classes, "num_train": num_train}
    parts = build_parts(image_shape, settings)
    module = importlib.import_module(f"models.{settings['model']}")
    model = module.build(parts, settings)
    model.build((None, *image_shape))
    return model


def build_parts(image_shape: tuple[int, int, int], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parts of a model, and the numbers whose flags its row in the catalog lists."""
    levels = to_levels(settings["latent_dim"])  # the encoder's is the last
    likelihood = likelihoods.build(settings)
    height, width, channels = image_shape
    outputs_shape = (height, width, likelihood.num_outputs(channels))
    rate, seed = settings["corruption"], settings["seed"]
    parts = {
        **networks.build(outputs_shape, {**settings, "latent_dim": levels[-1]}),
        "likelihood": likelihood,
        "seed": seed,
        "corruption": Corruption(rate, seed) if rate else None,
    }
    if "prior" in settings:
        parts["prior"] = priors.build(settings)
    if "objective" in settings:
        parts["objective"] = objectives.build(settings)
        parts["beta_schedule"] = schedules.build(settings)
        parts["beta"] = settings["beta"]
    return parts
