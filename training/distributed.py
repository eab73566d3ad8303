"""The loop over ``train_step`` where replicas share each batch: ``tf.distribute``, unadorned.

Every replica runs the model's own step on its share of the global batch, in
``strategy.run``: a process has the share of its replicas (``data.shares``), each of which
takes its part. The Keras optimizer sums the gradients, and the metrics add up what the
replicas counted. Between processes the order of these exchanges must be the same: all
processes make the same calls, and what only one can know (a signal, the time) is agreed on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from training.loop import Batches, CompiledLoop


class DistributedLoop(CompiledLoop):
    """A ``CompiledLoop`` whose steps run on all replicas of a strategy, as a TensorFlow graph.

    Args:
        model: built and compiled in the strategy's scope.
        step: ``model.train_step`` or ``model.test_step``.
        batches: this process' share of the global batches.
        strategy: mirrored or multi-worker.
    """

    def __init__(
        self,
        model: keras.Model,
        step: Callable[[tf.Tensor], Any],
        batches: Batches,
        strategy: tf.distribute.Strategy,
    ):
        super().__init__(model, step, batches, "graph")  # XLA cannot compile the exchange
        self.strategy = strategy
        self._replicas_here = len(strategy.extended.worker_devices)
        self._largest = tf.function(
            lambda numbers: strategy.run(self._largest_of_replicas, args=(numbers,)),
            autograph=False,
        )
        # fit would cut our stacks up for the replicas, and refuses several workers; what is
        # shared is each batch, here. A test holds that Keras still knows the attribute.
        model._distribute_strategy = None

    def _one_step(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        of_replicas = self.strategy.run(self._step_of_replica, args=(batch, step))
        here = self.strategy.experimental_local_results(of_replicas)
        return tf.reduce_min(tf.stack(here), axis=0)

    def _step_of_replica(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group % self._replicas_here
        share = take_share(batch, replica, self._replicas_here)
        return super()._one_step(share, step)

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """Returns the largest of each number that any process has; all must call it."""
        of_replicas = self._largest(tf.constant(numbers, tf.float32))
        return tuple(self.strategy.experimental_local_results(of_replicas)[0].numpy().tolist())

    def _largest_of_replicas(self, numbers: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        row = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
        table = context.all_reduce(tf.distribute.ReduceOp.SUM, row[:, tf.newaxis] * numbers)
        return tf.reduce_max(table, axis=0)  # of a row for each replica

    def choose_steps_per_call(self) -> int:
        """Sets how many steps a call runs: what all processes agree on."""
        (steps,) = self.agree(super().choose_steps_per_call())
        self.steps_per_call = int(steps)
        return self.steps_per_call


def take_share(batch: tf.Tensor, replica: tf.Tensor, num_replicas: int) -> tf.Tensor:
    """Returns a replica's part of a batch: the parts are the batch, and differ by one at most."""
    size = tf.shape(batch)[0]
    return batch[size * replica // num_replicas : size * (replica + 1) // num_replicas]
