"""Trains for four epochs without noise, on one device or replicas; run in its own process.

python steps_of_replicas.py none|mirrored|multi_worker FILE.npz
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from training import cluster, device

OF_KINDS: dict[str, dict[str, Any]] = {
    "resident": {"ema": 0.9, "clip_norm": 0.5},
    "streamed": {},
    "labeled": {"model": "classifier_vae"},
    "bfloat16": {"precision": "mixed_bfloat16"},
    "float16": {"precision": "mixed_float16"},
}
# Free bits, tc and exemplars need an exchange in the middle of a step; else XLA compiles each
# replica.
KINDS = {kind: {"free_bits": 0.3, **flags} for kind, flags in OF_KINDS.items()}
KINDS["total correlation"] = {"objective": "tc", "tc_weight": 3.0}
KINDS["exemplars"] = {"prior": "exemplar", "num_components": 250}
KINDS |= {f"xla {kind}": OF_KINDS[kind] for kind in ("resident", "labeled", "float16")}
NOISY = {"binarize": "dynamic", "dropout": 0.2, "corruption": 0.1}
ADAM_RATE, ADAM_L2 = 0.1, 0.3
ADAM_START = [1.0, -2.0, 0.01]
ADAM_GRADIENTS = [[0.5, -1.0, 0.0], [0.0, 3.0, 0.0], [-2.0, 0.1, 0.0], [0.3, 0.3, 0.0]]
NUM_IMAGES = 1201  # the last batch has one image, so that a replica's share of it is empty

if __name__ == "__main__":
    name, path = sys.argv[1:]
    device.set_up_tensorflow()
    strategy = cluster.make_strategy(name, None, 100)

    import keras
    import numpy as np
    import pytest
    import tensorflow as tf

    import models
    from data import batches, labels, splits, streaming
    from data.shares import Share
    from tests.models import test_every_model
    from tests.settings import make_settings
    from training import checkpoint
    from training.distributed import CompiledReplicas, DistributedLoop
    from training.fit import compile_with_adam
    from training.loop import CompiledLoop

    TRAIN = splits.load_train_and_validation("digits")[0]
    IMAGES = TRAIN.images[:NUM_IMAGES]
    # With 30 labels, many batches and shares of replicas have none.
    SOME_LABELS = labels.hide(np.array(TRAIN.labels)[:NUM_IMAGES], 30, seed=0)

    def read(first: int, stop: int) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices({"image": IMAGES[first:stop]})

    def make_batches(kind: str, share: Share) -> Any:
        some_labels = share.of(SOME_LABELS) if "labeled" in kind else None
        arguments = (100, 0, None, some_labels, share, NUM_IMAGES)
        if "streamed" not in kind:
            return batches.ResidentBatches(share.of(IMAGES), *arguments)
        encoded = streaming.Encoded(read, lambda image: image, (8, 8, 1), NUM_IMAGES)
        positions = share.of(np.arange(NUM_IMAGES))
        return streaming.StreamedBatches(encoded, positions, *arguments, buffer_size=200)

    class BatchesOfTwo:
        """The batches of two workers, for one worker that has all images."""

        def __init__(self, kind: str):
            self.of_each = [make_batches(kind, Share(worker, 2)) for worker in range(2)]
            self.of_one = make_batches(kind, Share())
            self.element = self.of_one.element
            self.full_batches = self.of_one.full_batches
            self.steps_per_epoch = self.of_one.steps_per_epoch
            self.fetch = self.of_one.fetch
            # Positions are relative to each worker's first image; streamed batches have none.
            self.second = 0 if "streamed" in kind else len(Share(0, 2).of(IMAGES))

        def epoch(self, epoch: int, first_step: int = 0) -> Iterator[np.ndarray]:
            for ours, theirs in zip(
                *(worker.epoch(epoch, first_step) for worker in self.of_each), strict=True
            ):
                yield np.concatenate([ours, theirs + ours.dtype.type(self.second)])

    def train(kind: str, taken: Any, flags: Any = None) -> dict[str, np.ndarray]:
        """Returns all variables after four epochs."""
        keras.utils.clear_session()
        settings = make_settings(
            hidden_dim=(24,),
            latent_dim=3,
            beta_schedule="linear",
            beta_start=0.1,
            beta_steps=30,
            l2=0.001,
            **(flags or KINDS[kind]),
        )
        with strategy.scope() if strategy else contextlib.nullcontext():
            model = models.build((8, 8, 1), settings, 10, NUM_IMAGES)
            compile_with_adam(model, {**settings, "learning_rate": 0.003}, 13)
        loop: CompiledLoop
        if strategy:
            loop_type = CompiledReplicas if kind.startswith("xla") else DistributedLoop
            loop = loop_type(model, model.train_step, taken, strategy)
        else:
            loop = CompiledLoop(model, model.train_step, taken, "graph")
        loop.steps_per_call = 5
        with contextlib.closing(loop):
            for _ in range(4):
                loop.begin_epoch()
                while not loop.epoch_ended:
                    loop()
        variables = checkpoint.capture(model)
        checkpoint.restore(model, variables)
        for variable, value in checkpoint.capture(model).items():
            np.testing.assert_allclose(value, variables[variable], rtol=1e-6, err_msg=variable)
        return variables

    def train_with_adam(is_scaled: bool) -> np.ndarray:
        """Returns the weights after each step, for gradients that the replicas add up."""
        with strategy.scope() if strategy else contextlib.nullcontext():
            weight = keras.Variable(np.array(ADAM_START, np.float32))
            optimizer: Any = models.Adam(ADAM_RATE, l2=ADAM_L2)
            if is_scaled:
                optimizer = models.LossScaleOptimizer(optimizer)
            optimizer.build([weight])

        def step(gradient):
            context = tf.distribute.get_replica_context()
            replicas = context.num_replicas_in_sync
            part = tf.cast(1 + context.replica_id_in_sync_group, tf.float32)  # 1, 2, …
            part /= replicas * (replicas + 1) / 2
            optimizer.apply([optimizer.scale_loss(part * gradient)], [weight])

        runner = strategy or tf.distribute.get_strategy()
        run = tf.function(lambda gradient: runner.run(step, (gradient,)), autograph=False)
        weights = []
        for gradient in ADAM_GRADIENTS:
            run(tf.constant(gradient))
            weights.append(weight.numpy())
        return np.array(weights)

    arrays: dict[str, Any] = {}
    if strategy:

        def draw():
            return models.noise.normal((50,), [7, 0]), models.noise.uniform((50,), [-7, 0])

        # Compiled, as in the loop: the number of a replica is known only there.
        drawn = tf.function(lambda: strategy.run(draw), autograph=False)()
        for drawn_kind, values in zip(("normal", "uniform"), drawn, strict=True):
            of_each = strategy.experimental_local_results(values)
            arrays[f"drawn {drawn_kind}"] = np.stack(of_each)

        with strategy.scope():
            weight = keras.Variable(1.0)
            optimizer = models.LossScaleOptimizer(keras.optimizers.SGD(1.0))
            optimizer.build([weight])

        def step(overflows):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            gradient = tf.where(overflows & (replica == 1), float("inf"), 2.0**15)  # scaled
            optimizer.apply([gradient], [weight])

        run = tf.function(lambda overflows: strategy.run(step, (overflows,)), autograph=False)
        weights = []
        for overflows in (True, False):
            run(tf.constant(overflows))
            weights.append(float(weight.numpy()))
        arrays["weight"] = np.array(weights)

    if name == "mirrored":
        for kind in ("graph", "xla"):
            white = batches.ResidentBatches(IMAGES, 100, 0, models.noise.uniform)
            for variable, value in train(kind, white, NOISY).items():
                arrays[f"noisy {kind}: {variable}"] = value

    def take_step(names: tuple[str, ...], step: str, shares: bool) -> dict[str, np.ndarray]:
        """Returns all variables after a step on 15 images, 7 and 8 of which replicas have."""
        keras.utils.clear_session()
        with strategy.scope() if shares else contextlib.nullcontext():
            model = test_every_model.build(*names)
            model.compile(optimizer=keras.optimizers.SGD(0.01))
            model.optimizer.build(model.trainable_variables)
        some_labels = SOME_LABELS[:15] if model.uses_labels else None
        taken = batches.ResidentBatches(IMAGES[:15], 15, None, None, some_labels)
        if shares:
            with contextlib.closing(
                CompiledReplicas(model, getattr(model, step), taken, strategy)
            ) as loop:
                loop()
        else:
            getattr(model, step)(taken.fetch(tf.range(15), 0))
        return checkpoint.capture(model)

    for kind in ("adam", "scaled adam"):
        arrays[kind] = train_with_adam(is_scaled=kind == "scaled adam")

    models.noise.normal = lambda shape, seed: tf.zeros(shape)
    this = cluster.read_cluster(name)
    share = Share(this.position, len(this.workers))
    for kind in KINDS:
        trained = {share.workers: make_batches(kind, share)}
        if name == "none":
            trained[2] = BatchesOfTwo(kind)
        for workers, taken in trained.items():
            for variable, value in train(kind, taken).items():
                arrays[f"{kind}, {workers}: {variable}"] = value
    if name == "mirrored":
        usual = test_every_model.FIRST
        for names in test_every_model.CORNERS:
            if names[1:3] != usual[1:3]:
                continue
            if test_every_model.build(*names).compares_images:
                continue  # XLA does not compile it on replicas
            methods = ("train_step", *(["test_step"] if names[3:] == usual[3:] else []))
            for method in methods:
                expected = take_step(names, method, shares=False)
                for variable, value in take_step(names, method, shares=True).items():
                    np.testing.assert_allclose(
                        value, expected[variable], 1e-4, 1e-6, err_msg=f"{names} {variable}"
                    )
        # Fails once Keras' step can be compiled as it is: variables_of_replica is not needed then.
        with strategy.scope():
            model = models.build((8, 8, 1), make_settings(hidden_dim=(3,)))
            compile_with_adam(model, {**make_settings(), "num_epochs": 1}, 1)
        step = tf.function(model.train_step, jit_compile=True, autograph=False)
        run = tf.function(lambda images: strategy.run(step, (images,)), autograph=False)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Trying to access resource"):
            run(tf.ones((4, 8, 8, 1)))
    if strategy:
        model = models.build((8, 8, 1), make_settings())
        loop = DistributedLoop(model, model.train_step, taken, strategy)
        arrays["agreed"] = np.array(loop.agree(this.position, -this.position, 52))
    np.savez(path, **arrays)
