"""A model from the names and sizes given on the command line."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras

from models import likelihoods, objectives
from models.corruption import Corruption
from models.table import NETWORKS


def build(
    image_shape: tuple[int, int, int],
    settings: Mapping[str, Any],
    num_classes: int = 10,
    num_train: int | None = None,
) -> keras.Model:
    """Builds an untrained model, its weights drawn from ``settings["seed"]``.

    Args:
        image_shape: (height, width, channels).
        settings: the flags of the run by name; ``model`` and ``network`` choose the modules,
            which take what they need from the others.
        num_classes: of the labels; a model that uses none does without.
        num_train: training images; needed where only some of them are labelled.
    """
    keras.utils.set_random_seed(settings["seed"])  # for the layers' initialisers
    keras.config.set_dtype_policy(settings["precision"])
    network = importlib.import_module(f"models.{NETWORKS[settings['network']].module}")
    model = importlib.import_module(f"models.{settings['model']}")
    facts = {"num_classes": num_classes, "num_train": num_train}
    built = model.build(network, image_shape, {**settings, **facts})
    built.build((None, *image_shape))
    return built


def build_parts(
    network: ModuleType, image_shape: tuple[int, int, int], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what every model is made of, by the name of its argument."""
    likelihood = likelihoods.build(settings)
    height, width, channels = image_shape
    outputs_shape = (height, width, channels * likelihood.outputs_per_channel)
    encoder, decoder = network.build(outputs_shape, settings)
    rate = settings["corruption"]
    return {
        "encoder": encoder,
        "decoder": decoder,
        "likelihood": likelihood,
        "objective": objectives.choose(settings),
        "seed": settings["seed"],
        "corruption": Corruption(rate, settings["seed"]) if rate else None,
    }
