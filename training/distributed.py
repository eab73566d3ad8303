"""The loops for replicas that share each batch, with ``tf.distribute``.

Each process has the share of its replicas (``data.shares``), and each replica takes its part of
it. Gradients and metrics are summed over replicas: by the Keras optimizer, if each replica runs the
model's own step in ``strategy.run`` (``DistributedLoop``), or between two parts of the step that
XLA compiles (``CompiledReplicas``). All processes must make these exchanges in the same order, so
they make the same calls; what only one of them knows (a signal, the time) they agree on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

import models
from models import VAE, replicas
from training import private_apis
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
        super().__init__(model, step, batches, "graph")  # XLA cannot compile an exchange
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


class CompiledReplicas(DistributedLoop):
    """A ``DistributedLoop`` in which XLA compiles all that a replica computes on its own.

    A training step has three parts: each replica computes its gradients and adds its images to
    its metrics; ``tf.distribute`` adds up the gradients; each replica makes the same update of its
    copy of the variables. XLA compiles the first and the last part, for each replica separately.

    Args:
        model: built and compiled in the strategy's scope. Its steps must not compare images
            (``VAE.compares_images``), which needs an exchange within the first part.
        step: ``model.train_step`` or ``model.test_step``.
        batches: the share of this process in the global batches.
        strategy: mirrored or multi-worker.
    """

    model: VAE

    def __init__(
        self,
        model: VAE,
        step: Callable[[tf.Tensor], Any],
        batches: Batches,
        strategy: tf.distribute.Strategy,
    ):
        super().__init__(model, step, batches, strategy)
        self._trains = step == model.train_step
        self._numbers = _number_replicas(strategy)
        local = range(self._num_local_replicas)
        compiled = {"autograph": False, "jit_compile": True}
        self._compute = [tf.function(partial(self._compute_on, i), **compiled) for i in local]
        self._update = [tf.function(partial(self._update_on, i), **compiled) for i in local]
        if isinstance(strategy, tf.distribute.MirroredStrategy):  # no other worker can fail
            parts = {"autograph": False, "jit_compile": False}
            self._run_one = models.CompiledFunction(self._one_step, **parts)
            self._run_many = models.CompiledFunction(self._many_steps, **parts)

    def _one_step(self, batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        is_full = batch.shape[0] == self.batches.element.shape[0]
        in_full = self.batches.full_batches * self.batches.batch_size
        num_images = self.batches.batch_size if is_full else self.batches.num_images - in_full
        devices = self.strategy.extended.worker_devices
        gradients, finite = [], []
        for i, device in enumerate(devices):
            of_all = tf.constant(num_images, tf.float32)
            with tf.device(device), replicas.alone(self._numbers[i], of_all):
                images = self.batches.fetch(take_share(batch, i, len(devices)), step)
                of_replica, are_finite = self._compute[i](images, of_all)
            gradients.append(of_replica)
            finite.append(are_finite)
        if self._trains:
            for i, sums in enumerate(self._add_up(gradients)):
                with tf.device(devices[i]):
                    self._update[i](sums)
        return tf.reduce_min(tf.stack(finite), axis=0)

    def _compute_on(self, i: int, batch: Any, num_images: tf.Tensor) -> Any:
        """Returns a replica's gradients, none in a test step, and whether its means are finite."""
        with (
            private_apis.variables_of_replica(self.model, self.strategy, i),
            replicas.alone(self._numbers[i], num_images),
        ):
            if not self._trains:
                return [], self._are_finite(self.step(batch))
            gradients, terms, objective = self.model.differentiate(batch)
            return gradients, self._are_finite(self.model.track(terms, objective))

    def _add_up(self, gradients: list[Any]) -> list[Any]:
        """Returns the sums of the gradients over all replicas, on each replica of this process."""
        strategy = self.strategy
        of_each = strategy.experimental_distribute_values_from_function(
            lambda context: gradients[context.replica_id_in_sync_group % len(gradients)]
        )

        def exchange(of_replica: list[tf.Tensor]) -> list[tf.Tensor]:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, of_replica)

        sums = strategy.run(exchange, args=(of_each,))
        return list(zip(*map(strategy.experimental_local_results, sums), strict=True))

    def _update_on(self, i: int, gradients: list[tf.Tensor]) -> None:
        with private_apis.variables_of_replica(self.model, self.strategy, i):
            self.model.optimizer.apply(gradients, self.model.trainable_variables)


def _number_replicas(strategy: tf.distribute.Strategy) -> list[int]:
    """Returns the numbers of the replicas of this process, among all."""
    numbers: list[int] = []

    def note(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        numbers.append(context.replica_id_in_sync_group)
        return tf.constant(0)

    strategy.experimental_distribute_values_from_function(note)
    return numbers


def take_share(batch: tf.Tensor, replica: tf.Tensor | int, num_replicas: int) -> tf.Tensor:
    """Returns a replica's part of a batch; the sizes of the parts differ by one at most."""
    size = tf.shape(batch)[0] if batch.shape[0] is None else batch.shape[0]
    return batch[size * replica // num_replicas : size * (replica + 1) // num_replicas]
