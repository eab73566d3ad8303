"""Compiled loops: many steps of a model's own ``train_step`` or ``test_step`` in one call.

Keras' ``fit`` calls ``model.train_function`` and reads the returned logs. Here that call takes a
*stack* of batches and runs all their steps in one ``tf.while_loop``, compiled by XLA, so that a
step costs its arithmetic only. Callbacks, validation and history remain Keras'.

While a stack runs, a thread reads the next one and moves it to the device (``training.stacks``).
The dataset that ``fit`` iterates over only counts calls (``count_calls``): Python code must not run
in tf.data's threads. When the interpreter exits it frees the dataset's iterator, which waits for
its threads, while these wait for Python.

The number of steps is an argument of the compiled loop: a stack of any length, up to the capacity
it was compiled for, runs the same instructions, so the division of an epoch into stacks changes no
bit of the result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import models
from training.stacks import Batches, Stack, Stacks

_SECONDS = 0.5  # approximate duration of a call: callbacks and signals wait for its end
_MAX_STEPS = 1000  # per stack
_MAX_BYTES = 64 * 2**20  # per stack, if its elements are images


class BeginEpochs(keras.callbacks.Callback):
    """Notifies the loops when ``fit`` begins an epoch or a validation."""

    def __init__(self, loop: CompiledLoop, test_loop: CompiledLoop):
        super().__init__()
        self.loop = loop
        self.test_loop = test_loop

    def on_epoch_begin(self, epoch, logs=None):
        self.loop.begin_epoch()

    def on_test_begin(self, logs=None):
        self.test_loop.begin_epoch()


class CompiledLoop:
    """Replaces ``model.train_function`` or ``model.test_function``.

    Call ``close`` after the last call: batches are read ahead.

    Args:
        model: compiled; the results of its metrics are the logs.
        step: ``model.train_step`` or ``model.test_step``.
        batches: of the images to train on or to measure.
        mode: ``"xla_loop"``: XLA compiles the loop. ``"xla_step"``: XLA compiles the step.
            ``"graph"``: the loop is a TensorFlow graph. See ``training.modes``.
    """

    def __init__(
        self,
        model: keras.Model,
        step: Callable[[tf.Tensor], Any],
        batches: Batches,
        mode: str = "xla_loop",
    ):
        self.model = model
        self.step = step
        self.batches = batches
        self.mode = mode
        self.steps_per_call = 1
        self.position = 0  # steps run since the beginning of training
        self._find_pause: Callable[[int], float] = lambda position: math.inf
        self._on_pause: Callable[[int], Any] = lambda position: None
        self._steps_run = 0  # in the current call
        self._names: tuple[str, ...] = ()  # of the means that a step returns
        self._finite: list[tf.Tensor] = []  # of the stacks of the last call, see ``_one_step``
        self.epoch_ended = False
        element_bytes = batches.element.dtype.size * int(np.prod(batches.element.shape))
        self.capacity = int(
            np.clip(_MAX_BYTES // element_bytes, 1, min(_MAX_STEPS, batches.steps_per_epoch))
        )
        self._start = (0, 0)  # epoch and step
        self._stacks: Stacks | None = None  # from the first call on
        by_xla, as_graph = models.CompiledFunction, tf.function
        compile_step = as_graph if mode == "graph" else by_xla
        compile_loop = by_xla if mode == "xla_loop" else as_graph
        self._run_one = compile_step(self._one_step, autograph=False)
        self._run_many = compile_loop(self._many_steps, autograph=False)

    # ----------------------------------------------------------------- the loop itself

    def _many_steps(self, stack: tf.Tensor, count: tf.Tensor, first_step: tf.Tensor) -> tf.Tensor:
        def body(index, finite):
            finite += self._one_step(stack[index], first_step + tf.cast(index, tf.int64))
            return index + 1, finite

        first = (tf.constant(0), tf.zeros(len(self.model.metrics), tf.int32))
        _, finite = tf.while_loop(
            lambda index, finite: index < count, body, first, parallel_iterations=1
        )
        return finite

    def _one_step(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Runs a step; returns, for each mean since the epoch began, 1 if it is finite, else 0.

        A mean that is not finite remains so until the epoch ends, so the sum over the steps of a
        call gives the first step after which it was not.
        """
        return self._are_finite(self.step(self.batches.fetch(batch, step)))

    def _are_finite(self, logs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        self._names = tuple(logs)
        return tf.cast(tf.math.is_finite(tf.stack(list(logs.values()))), tf.int32)

    def run(self, stack: Stack) -> list[tf.Tensor]:
        """Runs the steps of a stack; returns the results of ``_one_step``, or sums of them."""
        first_step = tf.constant(stack.first_step, tf.int64)
        finite = []
        if self.mode == "xla_step":
            for index in range(stack.num_full):
                finite.append(self._run_one(stack.batches[index], first_step + index))
        elif stack.num_full:
            finite.append(self._run_many(stack.batches, tf.constant(stack.num_full), first_step))
        if stack.partial is not None:
            finite.append(self._run_one(stack.partial, first_step + stack.num_full))
        return finite

    # ------------------------------------------------------------- what fit and callbacks call

    def __call__(self, counter: Iterator[Any] | None = None) -> dict[str, tf.Tensor]:
        """Runs the next ``steps_per_call`` steps; returns the means since the epoch began, by name.

        The steps are one stack, or several if there are pauses. ``counter`` is ignored.
        """
        self._steps_run = 0
        self._finite = []
        ends_call = False
        # fit counts the steps of a complete epoch, even if the epoch was resumed.
        while not (ends_call or self.epoch_ended):
            stack = self._next_stack()
            self._finite += self.run(stack)
            self.position = stack.first_step + stack.num_steps
            self._steps_run += stack.num_steps
            ends_call, self.epoch_ended = stack.ends_call, stack.ends_epoch
            pauses = self.position == self._find_pause(stack.first_step)
            if pauses and not self._count_nonfinite().any():
                self._on_pause(self.position)
        return {metric.name: metric.result() for metric in self.model.metrics}

    def find_first_nonfinite(self) -> tuple[int, tuple[str, ...]]:
        """Returns the first step after which a mean was not finite, and the names of such means.

        For use after a call whose logs are not finite. The first step of training is 1. If
        several processes train, all must call it.
        """
        counts = self.agree(*self._count_nonfinite())
        first = max(counts)
        names = zip(self._names, counts, strict=True)
        return self.position - int(first) + 1, tuple(name for name, last in names if last == first)

    def _count_nonfinite(self) -> np.ndarray:
        """Returns, for each mean, after how many steps of the last call it was not finite."""
        finite = np.sum([np.asarray(steps) for steps in self._finite], axis=0)
        return self._steps_run - finite

    def seek(self, epoch: int, step: int = 0) -> None:
        """Seeks to an epoch and step."""
        self.close()
        self._start = (epoch, step)

    def close(self) -> None:
        """Stops reading batches ahead."""
        if self._stacks:
            self._stacks.close()
            self._stacks = None
            self._start = divmod(self.position, self.batches.steps_per_epoch)

    def _next_stack(self) -> Stack:
        if not self._stacks:
            ends = (self.capacity, self.steps_per_call, self._find_pause)
            self._stacks = Stacks(self.batches, *ends, *self._start)
        return next(self._stacks)

    def pause_at(self, find_pause: Callable[[int], float], on_pause: Callable[[int], Any]) -> None:
        """Makes the loop call ``on_pause(position)`` after certain numbers of steps.

        It is not called if a loss is not finite. Stacks end at pauses, which does not change the
        result.

        Args:
            find_pause: a function of the steps done so far, which returns the number of steps
                after which the next pause is, or infinity.
            on_pause: called at each pause.
        """
        self._find_pause, self._on_pause = find_pause, on_pause

    def begin_epoch(self) -> None:
        """Lets the next call begin a new epoch."""
        self.epoch_ended = False

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """Returns the numbers; if several processes train, the largest of each."""
        return numbers

    def choose_steps_per_call(self) -> int:
        """Measures a step, and sets the number of steps per call so that it takes about 0.5 s.

        This trains the model for some steps; the caller must restore its variables.
        """
        first = next(self.batches.epoch(0))
        stacked = np.broadcast_to(first, (self.capacity, *first.shape))
        probe = Stack(tf.constant(stacked), 1, None, 0, False, False)
        self.run(probe)  # compiles
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            self.run(probe)
            _ = [metric.result().numpy() for metric in self.model.metrics]
            seconds.append(time.perf_counter() - began)
        most = int(np.clip(_SECONDS / min(seconds), 1, self.capacity))
        calls = -(-self.batches.steps_per_epoch // most)
        self.steps_per_call = -(-self.batches.steps_per_epoch // calls)
        return self.steps_per_call


def count_calls() -> tf.data.Dataset:
    """Returns an infinite dummy dataset that counts calls, for ``fit`` to iterate over."""
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread sleeps, and delays the end of fit by up to 1 s
    return tf.data.Dataset.range(1).repeat().with_options(options)
