"""Trains for four epochs without noise, shared as told; run in processes of its own.

python steps_of_replicas.py none|mirrored|multi_worker FILE.npz [MODEL]
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from training import cluster, device

if __name__ == "__main__":
    name, path, *others = sys.argv[1:]
    model_name = others[0] if others else "vae"
    device.set_up_tensorflow()
    strategy = cluster.make_strategy(name, None, 100)

    import keras
    import numpy as np
    import tensorflow as tf

    import models
    from data import batches, labels, splits
    from tests.settings import make_settings
    from training import checkpoint
    from training.distributed import DistributedLoop
    from training.loop import CompiledLoop

    extra = {}
    if strategy:

        def draw():
            return models.noise.normal((50,), [7, 0]), models.noise.uniform((50,), [-7, 0])

        # Compiled, as in the loop: a replica's number is known only inside.
        drawn = tf.function(lambda: strategy.run(draw), autograph=False)()
        for kind, values in zip(("normal", "uniform"), drawn, strict=True):
            extra[f"drawn {kind}"] = np.stack(strategy.experimental_local_results(values))

    models.noise.normal = lambda shape, seed: tf.zeros(shape)
    settings = make_settings(
        model=model_name,
        hidden_dim=24,
        latent_dim=3,
        beta_schedule="linear",
        beta_start=0.1,
        beta_steps=30,
        free_bits=0.3,
        l2=0.001,
    )
    # 1,201 images: the last batch is of one, and a replica's share of it of none.
    train = splits.load_train_and_validation("digits")[0].subset(np.arange(1201))
    some_labels = labels.hide(train.labels, 30, seed=0) if model_name == "classifier_vae" else None
    resident = batches.ResidentBatches(train.images, 100, 0, labels=some_labels)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = models.build((8, 8, 1), settings)
        model.compile(optimizer=keras.optimizers.Adam(0.003))
        model.optimizer.build(model.trainable_variables)
    loop: CompiledLoop
    if strategy:
        loop = DistributedLoop(model, model.train_step, resident, strategy)
    else:
        loop = CompiledLoop(model, model.train_step, resident, "graph")
    loop.steps_per_call = 5
    for _ in range(4):
        loop.begin_epoch()
        while not loop.epoch_ended:
            loop()
    variables = checkpoint.capture(model)
    checkpoint.restore(model, variables)
    for variable, value in checkpoint.capture(model).items():
        np.testing.assert_allclose(value, variables[variable], rtol=1e-6, err_msg=variable)
    index = cluster.read_cluster(name).position
    extra["agreed"] = np.array(loop.agree(index, -index, loop.position))
    arrays: dict[str, Any] = {**variables, **extra}
    np.savez(path, **arrays)
