"""Trains a model and writes its run."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

import models
from catalog.networks import NETWORKS
from catalog.values import counted
from training import checkpoint, modes, private_apis
from training.callbacks import ClearScalars, RunHistory, StopEarly, UseAverages
from training.checkpointer import Checkpointer
from training.distributed import CompiledReplicas, DistributedLoop
from training.divergence import Diverged, StopAtDivergence
from training.job import Job
from training.loop import Batches, BeginEpochs, CompiledLoop, count_calls
from training.progress import Progress
from training.snapshots import Snapshots, find_next


def fit(
    model: keras.Model,
    training: Batches,
    validation: Batches,
    shown_images: np.ndarray,
    job: Job,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> RunHistory:
    """Trains a model with Adam and writes its run.

    Args:
        model: built in the scope of the job, not compiled.
        training, validation: batches.
        shown_images: float32 in [0, 1], reconstructed for snapshots.
        job: its run is started.
        callbacks: called after the history, before files are written.

    Returns:
        the history and the best epoch.

    Raises:
        CompilationError: if XLA cannot compile the steps.
        Diverged: if the loss or a weight is no longer finite.
        Stopped: after a signal.
    """
    run, settings, execution = job.run, job.settings, job.execution
    with job.scope():
        compile_with_adam(model, settings, training.steps_per_epoch)
    loop, test_loop, mode = make_loops(model, training, validation, job)
    choose_steps_per_call(model, loop, test_loop, execution["steps_per_execution"])
    print(f"loop      {mode.reason}; {loop.steps_per_call} steps per call", flush=True)

    resumed = None
    if execution["resume"]:
        resumed = checkpoint.resume(model, run, training.steps_per_epoch)
    progress: dict[str, Any] = {"position": 0, "history": [], "seconds": 0.0}
    if resumed:
        progress = resumed[1]
    epoch, step = divmod(progress["position"], training.steps_per_epoch)
    record = run.read_record()
    repeats, reason = modes.judge_repeatability(mode, record if resumed else None)
    run.write_record({**record, "loop": mode.loop, "repeats": repeats, "repeats_because": reason})
    print(f"repeats   {repeats}: {reason}", flush=True)
    if execution["resume"]:
        print(f"resume    after {counted(epoch, 'epoch')} and {counted(step, 'step')}", flush=True)
    print(flush=True)
    seconds = progress["seconds"] if step else 0.0
    history = RunHistory(run, training.num_images, progress["history"], seconds)
    checkpointer = Checkpointer(
        run,
        loop,
        history,
        job.signals,
        execution["checkpoint_minutes"],
        resumed if step else None,
    )
    checkpointer.set_model(model)
    if resumed:
        checkpointer.catch_up(in_epoch=step > 0)

    stop_early = StopEarly(
        history,
        settings["patience"],
        math.ceil(model.beta_schedule.last_change / training.steps_per_epoch),
    )
    private_apis.use_loops(model, loop, test_loop, loop.steps_per_call)
    loop.seek(epoch, step)
    snapshots = None
    if execution["snapshot_every"]:
        snapshots = Snapshots(
            model,
            run,
            shown_images,
            settings["seed"],
            training.steps_per_epoch,
            jit_compile=job.strategy is None and execution["jit_compile"] is not False,
        )
        last = settings["num_epochs"] * training.steps_per_epoch
        next_step = functools.partial(find_next, execution["snapshot_every"], last)
        loop.pause_at(next_step, snapshots.take)
        if not progress["position"]:
            snapshots.take(0)
    verbose = execution["verbose"]
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    progress_rows = Progress(history, loop, progress["position"], live=verbose == 1)
    with (
        contextlib.closing(loop),
        contextlib.closing(test_loop),
        contextlib.closing(progress_rows),
    ):
        try:
            keras.Model.fit(  # model.fit would look for images in the dummy dataset
                model,
                count_calls(),
                steps_per_epoch=training.steps_per_epoch,
                initial_epoch=epoch,
                epochs=epoch if stop_early.is_due() else settings["num_epochs"],
                validation_data=count_calls(),
                validation_steps=validation.steps_per_epoch,
                shuffle=False,  # the loop's batches are shuffled
                verbose=0,
                callbacks=[
                    BeginEpochs(loop, test_loop),
                    StopAtDivergence(loop, test_loop),
                    history,
                    *([progress_rows] if verbose else []),
                    *callbacks,
                    *([UseAverages()] if settings["ema"] else []),
                    stop_early,
                    ClearScalars(),
                    checkpointer,
                ],
            )
        except Diverged:
            checkpointer.write_epochs()
            raise
    if snapshots:
        snapshots.animate()
    return history


def make_loops(
    model: keras.Model, training: Batches, validation: Batches, job: Job
) -> tuple[CompiledLoop, CompiledLoop, modes.Mode]:
    """Returns the loops over training and test steps, and how they compute."""
    steps = ((model.train_step, training), (model.test_step, validation))
    jit_compile, deterministic = job.execution["jit_compile"], job.execution["deterministic"]
    has_convolutions = NETWORKS[job.settings["network"]].has_convolutions
    loops: list[CompiledLoop]
    if job.strategy:
        shared = (training.batch_size, job.num_replicas, jit_compile, has_convolutions)
        mode = modes.choose_shared_mode(model, *shared)
        kind = CompiledReplicas if mode.loop == "xla_replicas" else DistributedLoop
        loops = [kind(model, *step, job.strategy) for step in steps]
    else:
        flags = (jit_compile, deterministic, has_convolutions)
        mode = modes.choose_mode(model, training.batch_size, *flags)
        loops = [CompiledLoop(model, *step, mode.loop) for step in steps]
        if job.execution["strategy"] != "none":
            mode = mode._replace(reason=f"a single replica, as on one device: {mode.reason}")
    return loops[0], loops[1], mode


def choose_steps_per_call(
    model: keras.Model, loop: CompiledLoop, test_loop: CompiledLoop, steps: int | None
) -> None:
    """Sets how many steps a call of each loop runs; measured if ``steps`` is None."""
    before = checkpoint.capture(model)
    loop.steps_per_call = min(steps, loop.capacity) if steps else loop.choose_steps_per_call()
    checkpoint.restore(model, before)
    test_loop.steps_per_call = min(loop.steps_per_call, test_loop.capacity)


def choose_learning_rate(settings: Mapping[str, Any], steps_per_epoch: int) -> Any:
    """Returns Adam's learning rate, or its schedule.

    ``cosine``: half a cosine from the rate to 0 over all steps of the run (Loshchilov and
    Hutter, 2017, without restarts). ``steps``: 10^(−i/7) times the rate for 3^i of 3,280 equal
    parts of the run, i = 0 … 7 (Burda et al., 2016, section 5: 3,280 epochs).
    """
    rate = settings["learning_rate"]
    if settings["learning_rate_schedule"] == "constant":
        return rate
    steps = settings["num_epochs"] * steps_per_epoch
    if settings["learning_rate_schedule"] == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
    ends = [round(steps * (3**i - 1) / 2 / 3280) for i in range(1, 8)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [end - 1 for end in ends],  # Keras counts steps from 0, and includes the boundary
        [rate * 10 ** (-i / 7) for i in range(8)],
    )


def compile_with_adam(
    model: keras.Model, settings: Mapping[str, Any], steps_per_epoch: int
) -> None:
    """Compiles a model; in half precision, its losses are scaled.

    Args:
        model: built.
        settings: ``learning_rate``, ``learning_rate_schedule``, ``num_epochs``, ``l2``,
            ``clip_norm`` and ``ema`` are read.
        steps_per_epoch: of the schedule.
    """
    rate = choose_learning_rate(settings, steps_per_epoch)
    average = {"use_ema": True, "ema_momentum": settings["ema"]} if settings["ema"] else {}
    if settings["l2"] or settings["clip_norm"]:
        optimizer = models.Adam(rate, settings["l2"], settings["clip_norm"], **average)
    else:
        optimizer = keras.optimizers.Adam(rate, **average)
    if model.dtype_policy.name == "mixed_float16":
        optimizer = models.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
    model.compile(optimizer=optimizer)
    model.optimizer.build(model.trainable_variables)
