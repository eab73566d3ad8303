"""Modes: how training steps are compiled, and whether their results repeat bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

import models
import runs
from training import device

_ORDERED = "the order of its sums is fixed"
_LARGE_BATCH = 256  # bfloat16 is faster in a graph at 400 images, but not at 100


class Mode(NamedTuple):
    """A way to compile training steps.

    Attributes:
        loop: ``"xla_loop"``, ``"xla_step"`` or ``"graph"``, see ``CompiledLoop``; or
            ``"xla_replicas"``, see ``CompiledReplicas``.
        reason: why it was chosen, in words.
        unordered: why the order of its sums varies, in words; empty if the order is fixed.
    """

    loop: str
    reason: str
    unordered: str


def choose_mode(
    model: keras.Model,
    batch_size: int,
    jit_compile: bool | None,
    deterministic: bool = False,
    has_convolutions: bool = False,
) -> Mode:
    """Returns how the steps are compiled on a single device.

    On a CPU with two cores, steps of ``--network conv`` took 1.9 times as long compiled one by
    one as in a TensorFlow graph, and 15 times as long in a compiled loop. Those of ``--network
    mlp`` are fastest in the compiled loop, except for large batches in bfloat16: XLA widens
    bfloat16 to float32, whereas TensorFlow's matrix products use the processor's bfloat16
    instructions. With 1,024 images per batch a graph took 0.69 times as long; with 100, the loop
    is faster (docs/speed.md).

    On a CPU, several threads add up a graph's matrix products in varying order, whereas code
    compiled by XLA has a fixed order. On a GPU, the order is fixed only with TensorFlow's
    deterministic operations, which ``device.set_up_tensorflow`` enables.

    Args:
        model: built.
        batch_size: number of images per batch.
        jit_compile: whether XLA compiles the steps; None to choose what is faster.
        deterministic: whether to choose a mode that repeats; ``jit_compile`` is not False then.
        has_convolutions: whether the network has convolutions, as its row in the catalog says.
    """
    on_cpu = not tf.config.list_physical_devices("GPU")
    flags = (jit_compile, deterministic)
    loop, reason = _choose_loop(model, batch_size, *flags, has_convolutions, on_cpu)
    if on_cpu:
        unordered = "the threads of a graph add up in any order" if loop == "graph" else ""
    else:
        unordered = "" if deterministic else "a GPU adds up in any order"
    return Mode(loop, reason, unordered)


def _choose_loop(
    model: keras.Model,
    batch_size: int,
    jit_compile: bool | None,
    deterministic: bool,
    has_convolutions: bool,
    on_cpu: bool,
) -> tuple[str, str]:
    if jit_compile is False:
        return "graph", "TensorFlow graph, as requested by --jit_compile 0"
    if on_cpu and has_convolutions:
        if jit_compile or deterministic:
            return "xla_step", "each step compiled by XLA: convolutions in a compiled loop are slow"
        return "graph", "TensorFlow graph: on a CPU, convolutions are slower with XLA"
    in_bfloat16 = model.dtype_policy.compute_dtype == "bfloat16" and batch_size >= _LARGE_BATCH
    is_free = jit_compile is None and not deterministic
    if is_free and on_cpu and in_bfloat16 and device.has_bfloat16_products():
        return "graph", "TensorFlow graph: on this CPU, large bfloat16 batches are slower with XLA"
    return "xla_loop", "compiled by XLA, many steps in one computation"


def choose_shared_mode(
    model: models.VAE,
    batch_size: int,
    num_replicas: int,
    jit_compile: bool | None,
    has_convolutions: bool = False,
) -> Mode:
    """Returns how the steps of replicas that share each batch are compiled.

    XLA compiles what a replica computes where it compiles the steps on a single device, except
    for an objective or a prior that compares images, such as free bits by their mean KL: the
    replicas exchange what it compares in the middle of the step, and XLA cannot compile that
    exchange.

    Args:
        model: built.
        batch_size: number of images per batch, of all replicas.
        num_replicas: at least two.
        jit_compile: whether XLA compiles; None to choose what is faster.
        has_convolutions: whether the network has convolutions.
    """
    on_cpu = not tf.config.list_physical_devices("GPU")
    flags = (jit_compile, False, has_convolutions, on_cpu)
    loop, reason = _choose_loop(model, batch_size // num_replicas, *flags)
    shared = f"each batch shared by {num_replicas} replicas"
    unordered = "the threads of a graph, and replicas, add up in any order"
    if loop == "graph":
        return Mode("graph", f"{reason}; {shared}", unordered)
    if model.compares_images:
        reason = "TensorFlow graph: in the middle of a step, the replicas exchange their images"
        return Mode("graph", f"{reason}; {shared}", unordered)
    reason = "compiled by XLA on each replica, a TensorFlow graph between replicas"
    return Mode("xla_replicas", f"{reason}; {shared}", "replicas add up in any order")


def judge_repeatability(mode: Mode, record: Mapping[str, Any] | None) -> tuple[str, str]:
    """Returns whether the result of a run repeats, as run.json states it, and the reason.

    Args:
        mode: of the steps to come.
        record: run.json of a run that is resumed; None for a new run.
    """
    if mode.unordered:
        return runs.UP_TO_ROUNDING, mode.unordered
    if record is None:
        return runs.BIT_FOR_BIT, _ORDERED
    reason = record.get("repeats_because", "it began in a version that did not record it")
    if record.get("repeats") != runs.BIT_FOR_BIT:
        return runs.UP_TO_ROUNDING, reason
    if record.get("loop") != mode.loop:
        reason = f"it began as {record.get('loop')} and was resumed as {mode.loop}"
        return runs.UP_TO_ROUNDING, reason
    return runs.BIT_FOR_BIT, reason
