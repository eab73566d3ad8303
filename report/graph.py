"""Functional Keras models as data that the page's script runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def describe(model: keras.Model) -> dict[str, Any]:
    """Returns the operations of a functional model, for ``engine.js``.

    Args:
        model: of Keras' own layers and operations only, with named inputs and outputs.

    Returns:
        ``inputs`` and ``outputs``: name → tensor. ``nodes``: name of a tensor → the class of
        the operation that returns it, its inputs (names of tensors, numbers, or arrays), its
        configuration, and its weights (arrays).
    """
    config = model.get_config()
    weights_of = {layer.name: layer.weights for layer in model.layers}
    nodes: dict[str, Any] = {}
    for layer in config["layers"]:
        weights = [np.asarray(each) for each in weights_of.get(layer["name"], [])]
        for index, call in enumerate(layer["inbound_nodes"]):
            nodes |= _describe_call(layer, index, call, weights)
    return {
        "inputs": {name: _name(*layer) for name, layer in config["input_layers"].items()},
        "outputs": {name: _name(*layer) for name, layer in config["output_layers"].items()},
        "nodes": nodes,
    }


def _describe_call(
    layer: Mapping[str, Any], index: int, call: Mapping[str, Any], weights: list[np.ndarray]
) -> dict[str, Any]:
    """Returns the nodes of the tensors that one call of a layer or an operation returns."""
    inputs: list[Any] = []
    config = dict(layer["config"])
    for value in call["args"]:
        values = value if isinstance(value, list) else [value]
        if layer["class_name"] == "GetItem" and inputs:
            config["key"] = value
        else:
            inputs += [_source(each) for each in values]
    node = {
        "operation": layer["class_name"],
        "inputs": inputs,
        "config": config,
        "weights": weights,
    }
    if layer["class_name"] != "Split":
        return {_name(layer["name"], index, 0): node}
    return {
        _name(layer["name"], index, part): {**node, "config": {**config, "part": part}}
        for part in range(config["indices_or_sections"])
    }


def _source(value: Any) -> Any:
    """Returns the name of a tensor, or the number or array that stands in its place."""
    if not isinstance(value, dict):
        return value
    if value["class_name"] == "__keras_tensor__":
        return _name(*value["config"]["keras_history"])
    return np.asarray(value["config"]["value"], value["config"]["dtype"])


def _name(layer: str, call: int, output: int) -> str:
    return f"{layer}/{call}/{output}"
