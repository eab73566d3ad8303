"""One training run, from an untrained model to the files of its run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import models
import runs
from training import checkpoint, modes
from training.callbacks import ForgetNumbers, ReconstructionImages, RunWriter
from training.distributed import DistributedLoop
from training.divergence import StopAtDivergence
from training.loop import Batches, BeginEpochs, CompiledLoop, ticks
from training.signals import StopSignals
from training.snapshots import Snapshots


def fit(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    num_images: int,
    shown_images: np.ndarray,
    run: runs.Run,
    settings: Mapping[str, Any],
    signals: StopSignals,
    resume: bool = False,
    strategy: tf.distribute.Strategy | None = None,
) -> RunWriter:
    """Trains a model with Adam and writes its run.

    Args:
        model: built, not compiled.
        batches: training batches.
        validation: batches of the images to choose by.
        num_images: training images.
        shown_images: float32 images in [0, 1], reconstructed for TensorBoard and snapshots.
        run: already started.
        settings: flags by name; of them ``learning_rate``, ``learning_rate_schedule``,
            ``num_epochs``, ``steps_per_execution``, ``jit_compile``, ``deterministic``,
            ``checkpoint_minutes`` and ``snapshot_every``, with which ``latent_dim`` and ``seed``
            are read too.
        signals: entered; a signal saves a checkpoint and raises ``Stopped``.
        resume: whether to go on from the run's checkpoint.
        strategy: in whose scope the model was built; None for one device alone.

    Returns:
        the history and the best epoch.

    Raises:
        Diverged: if the loss, or a weight, is not a finite number any more.
        Stopped: after a signal.
    """
    with strategy.scope() if strategy else contextlib.nullcontext():
        rate = choose_learning_rate(settings, batches.steps_per_epoch)
        compile_with_adam(model, rate)
    loop: CompiledLoop
    test_loop: CompiledLoop
    if strategy:
        mode = modes.shared(strategy.num_replicas_in_sync)
        loop = DistributedLoop(model, model.train_step, batches, strategy)
        test_loop = DistributedLoop(model, model.test_step, validation, strategy)
    else:
        how = settings["jit_compile"], settings["deterministic"]
        mode = modes.choose_mode(model, batches.batch_size, *how)
        loop = CompiledLoop(model, model.train_step, batches, mode.loop)
        test_loop = CompiledLoop(model, model.test_step, validation, mode.loop)

    untouched = checkpoint.capture(model)
    steps = settings["steps_per_execution"]
    loop.steps_per_call = min(steps, loop.room) if steps else loop.choose_steps_per_call()
    checkpoint.restore(model, untouched)
    test_loop.steps_per_call = min(loop.steps_per_call, test_loop.room)
    print(f"loop      {mode.why}; {loop.steps_per_call} steps a call", flush=True)

    resumed = checkpoint.resume(model, run, batches.steps_per_epoch) if resume else None
    progress: dict[str, Any] = {"position": 0, "history": [], "seconds": 0.0}
    if resumed:
        progress = resumed[1]
    epoch, step = divmod(progress["position"], batches.steps_per_epoch)
    record = run.read_record()
    repeats, because = modes.say_whether_it_repeats(mode, record if resumed else None)
    run.write_record({**record, "loop": mode.loop, "repeats": repeats, "repeats_because": because})
    print(f"repeats   {repeats}: {because}", flush=True)
    if resume:
        print(f"resume    after {epoch} epochs and {step} steps", flush=True)
    print(flush=True)
    writer = RunWriter(run, num_images, progress["history"], progress["seconds"] if step else 0.0)
    writer.set_model(model)
    if resumed:
        writer.catch_up(in_epoch=step > 0)

    model.steps_per_execution = loop.steps_per_call
    model.train_function = loop  # fit finds it made, and calls it for each stack
    model.test_function = test_loop
    loop.go_to(epoch, step)
    snapshots = None
    if settings["snapshot_every"]:
        snapshots = Snapshots(
            model,
            run,
            shown_images,
            settings["latent_dim"],
            settings["seed"],
            batches.steps_per_epoch,
            jit_compile=strategy is None,
        )
        loop.pause_every(settings["snapshot_every"], snapshots.take)
        if not progress["position"]:
            snapshots.take(0)
    with contextlib.closing(loop), contextlib.closing(test_loop):
        model.fit(
            ticks(),
            steps_per_epoch=batches.steps_per_epoch,
            initial_epoch=epoch,
            epochs=settings["num_epochs"],
            validation_data=ticks(),
            validation_steps=validation.steps_per_epoch,
            shuffle=False,  # the batches are shuffled
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                BeginEpochs(loop, test_loop),
                StopAtDivergence(loop, test_loop),
                writer,
                keras.callbacks.TensorBoard(run.logs_dir, write_graph=False),
                ReconstructionImages(run.logs_dir, shown_images, settings["num_epochs"]),
                ForgetNumbers(),
                checkpoint.Checkpointer(
                    run,
                    loop,
                    writer,
                    signals,
                    settings["checkpoint_minutes"],
                    resumed if step else None,
                ),
            ],
        )
    if snapshots:
        snapshots.animate()
    return writer


def choose_learning_rate(settings: Mapping[str, Any], steps_per_epoch: int) -> Any:
    """Returns Adam's learning rate, or what it follows from the optimiser's steps.

    ``cosine``: half a cosine from the rate to 0 over all steps of the run (Loshchilov and
    Hutter, 2017, without restarts).
    """
    rate = settings["learning_rate"]
    if settings["learning_rate_schedule"] == "constant":
        return rate
    steps = settings["num_epochs"] * steps_per_epoch
    return keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)


def compile_with_adam(
    model: keras.Model, rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> None:
    """Compiles a model; in half precision, its losses are scaled."""
    optimizer = keras.optimizers.Adam(rate)
    if model.dtype_policy.name == "mixed_float16":
        optimizer = models.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
    model.compile(optimizer=optimizer)
    model.optimizer.build(model.trainable_variables)
