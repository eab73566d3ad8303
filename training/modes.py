"""How the steps of a training are computed, and whether that repeats bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

import runs
from training import device

_LARGE_BATCH = 256  # from which on bfloat16 is quicker in a graph: at 100 it is not, at 400 it is


class Mode(NamedTuple):
    """A way to compute the steps.

    Attributes:
        loop: ``"xla_loop"``, ``"xla_step"`` or ``"graph"``, of ``training.loop``.
        reason: why it was chosen, in words.
        unordered: why its sums have no fixed order, in words; empty where they have one.
    """

    loop: str
    reason: str
    unordered: str


def choose_mode(
    model: keras.Model, batch_size: int, jit_compile: bool | None, deterministic: bool = False
) -> Mode:
    """Returns how the steps of one device are compiled.

    On a CPU, two cores, steps of ``--network conv`` took 1.9 times as long compiled one by
    one, and 15 times as long in a compiled loop, as in a TensorFlow graph; those of
    ``--network mlp`` are quickest in the loop, but for bfloat16: XLA widens it to float32,
    and TensorFlow's own products use the processor's instructions for it. At 1,024 images
    in a batch a graph took 0.69 times as long; at 100 the loop is quicker (docs/speed.md).

    A graph's products on a CPU are added up by several threads, in the order in which they
    come; what XLA compiles for a CPU has one order. On a GPU either has one only where
    TensorFlow's operations are deterministic, which ``device.set_up_tensorflow`` sees to.

    Args:
        model: built.
        batch_size: images in a batch.
        jit_compile: whether XLA compiles the steps; None to choose what is faster.
        deterministic: choose what repeats; ``jit_compile`` is not False then.
    """
    on_cpu = not tf.config.list_physical_devices("GPU")
    loop, why = _choose_loop(model, batch_size, jit_compile, deterministic, on_cpu)
    if on_cpu:
        unordered = "a graph's threads add up in any order" if loop == "graph" else ""
    else:
        unordered = "" if deterministic else "a GPU adds up in any order"
    return Mode(loop, why, unordered)


def _choose_loop(
    model: keras.Model, batch_size: int, jit_compile: bool | None, deterministic: bool, on_cpu: bool
) -> tuple[str, str]:
    convolves = any("Conv" in type(layer).__name__ for layer in model._flatten_layers())
    if jit_compile is False:
        return "graph", "TensorFlow graph, as --jit_compile 0 asks"
    if convolves and on_cpu and (jit_compile or deterministic):
        return "xla_step", "each step compiled by XLA: convolutions in a compiled loop are slow"
    if convolves and on_cpu:
        return "graph", "TensorFlow graph: on a CPU, convolutions are faster so than with XLA"
    in_bfloat16 = model.dtype_policy.compute_dtype == "bfloat16" and batch_size >= _LARGE_BATCH
    free = jit_compile is None and not deterministic
    if free and on_cpu and in_bfloat16 and device.has_bfloat16_products():
        why = "on this CPU, large batches in bfloat16 are faster so than with XLA"
        return "graph", f"TensorFlow graph: {why}"
    return "xla_loop", "compiled by XLA, many steps in one computation"


def shared(num_replicas: int) -> Mode:
    """Returns how replicas that share each batch compute."""
    why = f"TensorFlow graph, each batch shared by {num_replicas} replicas"
    return Mode("graph", why, "a graph's threads, and its replicas, add up in any order")


def judge_repeatability(mode: Mode, begun: Mapping[str, Any] | None) -> tuple[str, str]:
    """Returns whether a run repeats, as run.json has it, and the reason in words.

    Args:
        mode: in which it goes on from here.
        begun: the run.json of what has been trained already; None for nothing.
    """
    if mode.unordered:
        return runs.UP_TO_ROUNDING, mode.unordered
    if begun is None:
        return runs.BIT_FOR_BIT, "its sums have one order"
    if begun.get("repeats") != runs.BIT_FOR_BIT:
        reason = begun.get("repeats_because", "it began in a version that did not note it")
        return runs.UP_TO_ROUNDING, reason
    if begun.get("loop") != mode.loop:
        return runs.UP_TO_ROUNDING, f"it began as {begun.get('loop')} and went on as {mode.loop}"
    return runs.BIT_FOR_BIT, begun.get("repeats_because", "its sums have one order")
