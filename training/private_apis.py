"""Every use of Keras' and TensorFlow's private APIs, which an upgrade may change or remove.

Each function states the reason and the version it was written for; its test in
tests/training/test_private_apis.py fails when the API changes, or is no longer needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.saving import saving_lib
from tensorflow.python import pywrap_tfe

_KINDS = ("Layer", "Metric", "Optimizer")  # of the objects in a model


def save_model(model: keras.Model, path: Path) -> None:
    """Saves a model as ``model.save`` does, without leaking memory (Keras 3.15).

    Keras finds out which attributes of an object are not saved by creating another object of
    its kind. It stores the result under one name and looks for it under another, so that each
    save creates an optimizer and leaks 70 KB of it: 70 MiB in 1,000 epochs, measured by
    ``benchmarks.soak``. This stores the result under the name that Keras looks for.
    """
    for kind in _KINDS:
        name = f"saving_attr_skiplist_{kind}"
        if global_state.get_global_attribute(name) is None:
            global_state.set_global_attribute(name, saving_lib.get_attr_skipset(kind))
    model.save(path)


def clear_scalars() -> None:
    """Clears TensorFlow's cache of Python numbers that became tensors (TensorFlow 2.21).

    TensorFlow never clears it: 0.7 KB for each number, such as a loss for TensorBoard, or
    18 MiB in 1,000 epochs, measured by ``benchmarks.soak``.
    """
    pywrap_tfe.TFE_ClearScalarCache()


def use_loops(
    model: keras.Model, train: Callable[..., Any], test: Callable[..., Any], steps_per_call: int
) -> None:
    """Makes ``model.fit`` call these functions instead of compiling its own (Keras 3.15).

    ``fit`` keeps a ``train_function`` and a ``test_function`` that exist, and calls each with an
    iterator over its dataset once per ``steps_per_execution`` steps.

    A model that was built in the scope of a tf.distribute strategy would make ``fit`` distribute
    its dataset as well, and refuse several workers; the loops share each batch themselves.
    """
    model.steps_per_execution = steps_per_call
    model.train_function = train
    model.test_function = test
    model._distribute_strategy = None


@contextlib.contextmanager
def variables_of_replica(
    model: keras.Model, strategy: tf.distribute.Strategy, replica: int
) -> Iterator[None]:
    """Makes a model's variables those of one replica, as if it trained alone (Keras 3.15).

    A function that is traced in this context computes on one device only, so XLA can compile it.
    Otherwise Keras' optimizer and metrics involve all replicas in each assignment, which a
    function inside ``strategy.run`` cannot do (keras#18145). The variables of all replicas stay
    equal if each replica makes the same assignments.

    Args:
        model: built and compiled in the strategy's scope.
        strategy: mirrored or multi-worker.
        replica: number of the replica among those of this process.
    """
    optimizers = [model.optimizer]
    if hasattr(model.optimizer, "inner_optimizer"):
        optimizers.append(model.optimizer.inner_optimizer)
    variables = [*model.variables, *model.optimizer.variables]
    variables += [variable for metric in model.metrics for variable in metric.variables]
    shared = [(variable, variable._value) for variable in variables]
    try:
        for variable, value in shared:
            variable._value = strategy.experimental_local_results(value)[replica]
        for optimizer in optimizers:
            optimizer._distribution_strategy = tf.distribute.get_strategy()  # none
        yield
    finally:
        for variable, value in shared:
            variable._value = value
        for optimizer in optimizers:
            optimizer._distribution_strategy = strategy
