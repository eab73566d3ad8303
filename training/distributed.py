"""The compiled loop for replicas that share each batch, with ``tf.distribute``.

Every replica runs the model's own step on its part of the batch, in ``strategy.run``: each process
has the share of its replicas (``data.shares``), and each replica takes its part of it. The Keras
optimizer sums the gradients over replicas, and the metrics are sums over replicas. All processes
must make these exchanges in the same order, so they make the same calls; what only one of them
knows (a signal, the time) they agree on.
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
        batches: the share of this process in the global batches.
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
        self._num_local_replicas = len(strategy.extended.worker_devices)
        self._largest = tf.function(
            lambda numbers: strategy.run(self._largest_of_replicas, args=(numbers,)),
            autograph=False,
        )

    def _one_step(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        finite = self.strategy.run(self._step_of_replica, args=(batch, step))
        return tf.reduce_min(tf.stack(self.strategy.experimental_local_results(finite)), axis=0)

    def _step_of_replica(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group % self._num_local_replicas
        share = take_share(batch, replica, self._num_local_replicas)
        return super()._one_step(share, step)

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """Returns the largest of each number over all processes; all must call it."""
        of_replicas = self._largest(tf.constant(numbers, tf.float32))
        return tuple(self.strategy.experimental_local_results(of_replicas)[0].numpy().tolist())

    def _largest_of_replicas(self, numbers: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        row = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
        table = context.all_reduce(tf.distribute.ReduceOp.SUM, row[:, tf.newaxis] * numbers)
        return tf.reduce_max(table, axis=0)  # over the rows, one per replica

    def choose_steps_per_call(self) -> int:
        """Measures a step, and sets the number of steps per call, the same in all processes."""
        (steps,) = self.agree(super().choose_steps_per_call())
        self.steps_per_call = int(steps)
        return self.steps_per_call


def take_share(batch: tf.Tensor, replica: tf.Tensor, num_replicas: int) -> tf.Tensor:
    """Returns a replica's part of a batch; the sizes of the parts differ by one at most."""
    size = tf.shape(batch)[0]
    return batch[size * replica // num_replicas : size * (replica + 1) // num_replicas]
