"""Many steps in one call: a model's own ``train_step`` in a loop compiled by XLA.

Keras' ``fit`` calls ``model.train_function`` and gets the logs back; what happens in that
call is its own business. Here it takes a *stack* of batches and runs them all inside one
``tf.while_loop``, so that of each step only the arithmetic is left. Callbacks, progress bar,
validation and history are Keras' as usual.

The batches come from a plain Python generator that the call itself asks, and not through
the dataset that ``fit`` iterates over, which only counts (``count_calls``). Python must not run in
tf.data's threads: when the interpreter ends it frees the dataset's iterator, which waits for
its threads to end, while these wait for Python.

The trip count is an argument of the compiled loop: stacks of any length, up to the room
they were compiled for, run the same instructions, and how steps are stacked changes no bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf

_SECONDS = 0.5  # that a stack should take: callbacks and signals wait for its end
_MAX_STEPS = 1000  # in a stack
_MAX_BYTES = 64 * 2**20  # of a stack, where its elements are images


class Batches(Protocol):
    """Where batches come from; ``data.batches`` has them.

    Of several workers each has its own share of every batch, and as many batches.
    """

    element: tf.TensorSpec  # of one full batch, or a worker's share of it
    batch_size: int  # of all workers
    full_batches: int  # of an epoch, which may have a smaller one more

    @property
    def steps_per_epoch(self) -> int: ...
    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]: ...
    def fetch(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor: ...


class Stack(NamedTuple):
    """Batches that follow each other, for one call."""

    batches: tf.Tensor  # (room, batch, …), of which the first ``num_full`` count
    num_full: int
    rest: tf.Tensor | None  # (smaller batch, …): an epoch's last, if it is not full
    first_step: int  # counted from the beginning of training
    ends_epoch: bool


class BeginEpochs(keras.callbacks.Callback):
    """Tells the loops where fit begins an epoch, and where it begins to validate."""

    def __init__(self, loop: CompiledLoop, test_loop: CompiledLoop):
        super().__init__()
        self.loop = loop
        self.test_loop = test_loop

    def on_epoch_begin(self, epoch, logs=None):
        self.loop.begin_epoch()

    def on_test_begin(self, logs=None):
        self.test_loop.begin_epoch()


class CompiledLoop:
    """Stands in for ``model.train_function`` or ``model.test_function``.

    To be closed when it is no longer called: it reads ahead.

    Args:
        model: compiled; its metrics' results are the logs.
        step: ``model.train_step`` or ``model.test_step``.
        batches: where the stacks' batches come from.
        mode: ``loop`` of ``training.modes``. ``"xla_loop"``: the loop is one XLA computation.
            ``"xla_step"``: each step is.
            ``"graph"``: a TensorFlow graph runs the loop, for what XLA is slow at.
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
        self._pause_steps = 0
        self._at_pause: Callable[[int], Any] = lambda position: None
        self._steps_left = 1  # in the call that is under way
        self._names: tuple[str, ...] = ()  # of the means that a step gives
        self._finite: list[tf.Tensor] = []  # by stack of the last call, see ``_one_step``
        self.epoch_ended = False
        element_bytes = batches.element.dtype.size * int(np.prod(batches.element.shape))
        self.room = int(
            np.clip(_MAX_BYTES // element_bytes, 1, min(_MAX_STEPS, batches.steps_per_epoch))
        )
        compiled = {"autograph": False, "jit_compile": mode != "graph"}
        self._stacks = self._generate(0, 0)
        self._run_one = tf.function(self._one_step, reduce_retracing=False, **compiled)
        self._run_many = tf.function(
            self._many_steps, autograph=False, jit_compile=mode == "xla_loop"
        )

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
        """Returns 1 for each mean since the epoch began that is finite after the step, else 0.

        Which it stays until the epoch ends: added up over steps, it says which was the first.
        """
        return self._are_finite(self.step(self.batches.fetch(batch, step)))

    def _are_finite(self, logs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        self._names = tuple(logs)
        return tf.cast(tf.math.is_finite(tf.stack(list(logs.values()))), tf.int32)

    def run(self, stack: Stack) -> list[tf.Tensor]:
        """Runs the steps of a stack; returns what ``_one_step`` does, in parts to add up."""
        first_step = tf.constant(stack.first_step, tf.int64)
        finite = []
        if self.mode == "xla_step":
            for index in range(stack.num_full):
                finite.append(self._run_one(stack.batches[index], first_step + index))
        elif stack.num_full:
            finite.append(self._run_many(stack.batches, tf.constant(stack.num_full), first_step))
        if stack.rest is not None:
            finite.append(self._run_one(stack.rest, first_step + stack.num_full))
        return finite

    # ------------------------------------------------------------------- Keras' side

    def __call__(self, ticks: Iterator[Any] | None = None) -> dict[str, tf.Tensor]:
        """Runs the next steps; returns the means since the epoch began, by name.

        As many as a call has, in one stack, or in several with a pause after each.
        """
        self._steps_left = self.steps_per_call
        self._finite = []
        # An epoch that was resumed in its middle has fewer steps than fit calls for.
        while self._steps_left and not self.epoch_ended:
            stack = next(self._stacks)
            self._finite += self.run(stack)
            self.position = stack.first_step + stack.num_full + (stack.rest is not None)
            self._steps_left -= self.position - stack.first_step
            self.epoch_ended = stack.ends_epoch
            pauses = self._pause_steps and self.position % self._pause_steps == 0
            if pauses and not self._count_not_finite().any():
                self._at_pause(self.position)
        return {metric.name: metric.result() for metric in self.model.metrics}

    def find_first_not_finite(self) -> tuple[int, tuple[str, ...]]:
        """Returns the first step after which a mean was not finite, and the names of those that
        were none after it; for after a call whose logs have one.

        The first step of training is 1. Of several processes all must call it.
        """
        not_finite = self.agree(*self._count_not_finite())
        first = max(not_finite)
        names = zip(self._names, not_finite, strict=True)
        return self.position - int(first) + 1, tuple(name for name, last in names if last == first)

    def _count_not_finite(self) -> np.ndarray:
        """Returns after how many steps of the last call each mean was not finite."""
        finite = np.sum([np.asarray(steps) for steps in self._finite], axis=0)
        return self.steps_per_call - self._steps_left - finite

    def seek(self, epoch: int, step: int = 0) -> None:
        """Seeks to an epoch and step."""
        self.close()
        self._stacks = self._generate(epoch, step)

    def close(self) -> None:
        """Ends what reads ahead."""
        self._stacks.close()

    def pause_every(self, steps: int, at_pause: Callable[[int], Any]) -> None:
        """Has the loop call ``at_pause(position)`` wherever the position is a multiple of
        ``steps``, and the losses are numbers; stacks end there, which changes no bit of what
        is trained."""
        self._pause_steps, self._at_pause = steps, at_pause

    def begin_epoch(self) -> None:
        """Lets the next call take the stacks of a new epoch."""
        self.epoch_ended = False

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """Returns the numbers: where several processes train, the largest that any has."""
        return numbers

    def _generate(self, epoch: int, step: int) -> Generator[Stack]:
        total = self.batches.steps_per_epoch
        batches = self.batches.epoch(epoch, step)
        while True:
            num_steps = min(self._steps_left, total - step)
            if self._pause_steps:
                place = (epoch * total + step) % self._pause_steps
                num_steps = min(num_steps, self._pause_steps - place)
            num_full = min(num_steps, self.batches.full_batches - step)
            stacked = np.zeros(
                (self.room, *self.batches.element.shape),
                self.batches.element.dtype.as_numpy_dtype,
            )
            for index in range(num_full):
                stacked[index] = next(batches)
            rest = tf.constant(next(batches)) if num_full < num_steps else None
            first, step = epoch * total + step, step + num_steps
            ends_epoch = step == total
            if ends_epoch:  # the next one's batches are read while this stack is run
                epoch, step = epoch + 1, 0
                batches = self.batches.epoch(epoch)
            yield Stack(tf.constant(stacked), num_full, rest, first, ends_epoch)

    def choose_steps_per_call(self) -> int:
        """Sets how many steps a call runs, from a measurement: about half a second's worth.

        Trains for some steps to measure them; the caller puts the model back as it was.
        """
        first = next(self.batches.epoch(0))
        stacked = np.broadcast_to(first, (self.room, *first.shape))
        probe = Stack(tf.constant(stacked), 1, None, 0, False)
        self.run(probe)  # compiles
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            self.run(probe)
            _ = [metric.result().numpy() for metric in self.model.metrics]
            seconds.append(time.perf_counter() - began)
        most = int(np.clip(_SECONDS / min(seconds), 1, self.room))
        calls = -(-self.batches.steps_per_epoch // most)
        self.steps_per_call = -(-self.batches.steps_per_epoch // calls)
        return self.steps_per_call


def count_calls() -> tf.data.Dataset:
    """Returns an infinite dummy dataset that counts calls, for ``fit`` to iterate over."""
    settings = tf.data.Options()
    settings.autotune.enabled = False  # its thread sleeps for seconds, and the end waits for it
    return tf.data.Dataset.range(1).repeat().with_options(settings)
