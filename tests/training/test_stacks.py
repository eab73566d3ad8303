"""Stacks: which batches they hold, and that they are read ahead."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from training.stacks import Stack, Stacks

FULL, IMAGES_PER_BATCH = 5, 2  # and a last batch of one image


class Numbered:
    """Batches of two numbers: the epoch and the image. Counts those that were read."""

    element = tf.TensorSpec([IMAGES_PER_BATCH, 2], tf.int32)
    batch_size = IMAGES_PER_BATCH
    full_batches = FULL
    num_images = FULL * IMAGES_PER_BATCH + 1
    steps_per_epoch = FULL + 1

    def __init__(self) -> None:
        self.num_read = 0
        self.waits_before: int | None = None  # reads of batches until ``go_on``
        self.go_on = threading.Event()
        self.is_waiting = threading.Event()

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]:
        for step in range(first_step, self.steps_per_epoch):
            if self.num_read == self.waits_before:
                self.is_waiting.set()
                assert self.go_on.wait(60)
            self.num_read += 1
            images = range(IMAGES_PER_BATCH * step, self.num_images)[:IMAGES_PER_BATCH]
            yield np.array([(epoch, image) for image in images], np.int32)

    def fetch(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return batch


def never(done: int) -> float:
    return math.inf


def steps_of(stack: Stack) -> list[list[list[int]]]:
    partial = [] if stack.partial is None else [stack.partial.numpy().tolist()]
    return [*stack.batches.numpy()[: stack.num_full].tolist(), *partial]


@pytest.mark.parametrize("pause_steps", [0, 1, 4, 7])
@pytest.mark.parametrize("steps_per_call", [1, 2, 4, 6])
@pytest.mark.parametrize("start", [0, 3, 5])
def test_stacks_hold_each_batch_once_and_end_at_calls_pauses_and_epochs(
    steps_per_call, pause_steps, start
):
    batches = Numbered()
    expected = [batch.tolist() for epoch in range(3) for batch in batches.epoch(epoch)][start:]
    find_pause = never if not pause_steps else lambda done: (done // pause_steps + 1) * pause_steps
    stacks = Stacks(Numbered(), 6, steps_per_call, find_pause, 0, start)
    position, of_call, found = start, 0, []
    with contextlib.closing(stacks):
        while position < 18:
            stack = next(stacks)
            assert (stack.first_step, stack.batches.shape) == (position, (6, 2, 2))
            assert len(steps_of(stack)) == stack.num_steps > 0
            found += steps_of(stack)
            position += stack.num_steps
            of_call += stack.num_steps
            assert stack.ends_epoch == (position % 6 == 0)
            assert stack.ends_call == (of_call == steps_per_call or stack.ends_epoch)
            pauses = bool(pause_steps) and position % pause_steps == 0
            assert stack.ends_call or pauses
            of_call = 0 if stack.ends_call else of_call
            if pause_steps:
                assert (position - 1) // pause_steps == stack.first_step // pause_steps
    assert found == expected


def test_the_next_stack_is_read_while_one_is_used():
    batches = Numbered()
    batches.waits_before = 3
    with contextlib.closing(Stacks(batches, 6, 2, never, 0, 0)) as stacks:
        stack = next(stacks)
        assert batches.is_waiting.wait(60)  # in the next stack, without being asked for it
        assert steps_of(stack) == [[[0, 0], [0, 1]], [[0, 2], [0, 3]]]
        batches.go_on.set()
        assert steps_of(next(stacks)) == [[[0, 4], [0, 5]], [[0, 6], [0, 7]]]


def test_closing_stops_after_the_batch_that_is_being_read():
    batches = Numbered()
    batches.waits_before = 1
    stacks = Stacks(batches, 6, 5, never, 0, 0)
    assert batches.is_waiting.wait(60)
    closing = threading.Thread(target=stacks.close)
    closing.start()
    assert stacks._is_closed.wait(60)
    batches.go_on.set()
    closing.join(60)
    assert not closing.is_alive()
    assert batches.num_read == 2  # of the five of the stack
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stacks")]


def test_an_error_of_the_batches_is_raised_where_the_stack_is_used(monkeypatch):
    batches = Numbered()

    def epoch(number: int, first_step: int = 0) -> Iterator[np.ndarray]:
        yield from (np.zeros((2, 2), np.int32) for _ in range(3))
        raise OSError("a damaged file")

    monkeypatch.setattr(batches, "epoch", epoch)
    with contextlib.closing(Stacks(batches, 6, 2, never, 0, 0)) as stacks:
        assert next(stacks).num_steps == 2
        with pytest.raises(OSError, match="a damaged file"):
            next(stacks)
