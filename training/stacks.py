"""Stacks of batches: a thread reads the next one while the current one runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf


class Batches(Protocol):
    """Batches of images; implemented in ``data``.

    If several workers train, each has its own share of every batch.
    """

    element: tf.TensorSpec  # of one full batch, or of a worker's share of it
    batch_size: int  # over all workers
    full_batches: int  # per epoch, which may have a smaller batch at its end
    num_images: int

    @property
    def steps_per_epoch(self) -> int: ...
    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]: ...
    def fetch(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor: ...


class Stack(NamedTuple):
    """Successive batches, which run together."""

    batches: tf.Tensor  # (capacity, batch, …), of which the first ``num_full`` are used
    num_full: int
    partial: tf.Tensor | None  # (smaller batch, …): the last of an epoch, if it is not full
    first_step: int  # since the beginning of training
    ends_call: bool
    ends_epoch: bool

    @property
    def num_steps(self) -> int:
        return self.num_full + (self.partial is not None)


class Stacks:
    """An endless iterator over the stacks of a training. Call ``close`` after the last one.

    From the first stack on, a thread reads the next one from the batches and moves it to the
    device. It changes nothing else, so the results do not depend on how far it has come. An error
    of the batches is raised when the stack would be used.

    Args:
        batches: of the images.
        capacity: steps of the largest stack.
        steps_per_call: a stack ends with its call, after this many steps or at the epoch's end.
        find_pause: a function of the steps done so far, which returns the number of steps after
            which the next pause is. A stack also ends at each pause.
        epoch, step: where to begin, from 0.
    """

    def __init__(
        self,
        batches: Batches,
        capacity: int,
        steps_per_call: int,
        find_pause: Callable[[int], float],
        epoch: int,
        step: int,
    ):
        self._batches = batches
        self._capacity = capacity
        self._steps_per_call = steps_per_call
        self._find_pause = find_pause
        self._stacks = self._read(epoch, step)
        self._is_closed = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stacks")
        self._next: Future[Stack] = self._thread.submit(next, self._stacks)

    def __next__(self) -> Stack:
        stack = self._next.result()
        self._next = self._thread.submit(next, self._stacks)
        return stack

    def close(self) -> None:
        """Stops the thread, after the batch that it is reading."""
        self._is_closed.set()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._stacks.close()

    def _read(self, epoch: int, step: int) -> Generator[Stack]:
        element, total = self._batches.element, self._batches.steps_per_epoch
        batches = self._batches.epoch(epoch, step)
        left = self._steps_per_call  # steps of the call
        while True:
            done = epoch * total + step
            num_steps = int(min(left, total - step, self._find_pause(done) - done))
            num_full = min(num_steps, self._batches.full_batches - step)
            stacked = np.zeros((self._capacity, *element.shape), element.dtype.as_numpy_dtype)
            for index in range(num_full):
                if self._is_closed.is_set():
                    return
                stacked[index] = next(batches)
            partial = tf.constant(next(batches)) if num_full < num_steps else None
            step += num_steps
            ends_epoch = step == total
            ends_call = ends_epoch or num_steps == left
            left = self._steps_per_call if ends_call else left - num_steps
            if ends_epoch:  # some batches read ahead: let them begin with the next epoch
                epoch, step = epoch + 1, 0
                batches = self._batches.epoch(epoch)
            yield Stack(tf.constant(stacked), num_full, partial, done, ends_call, ends_epoch)
