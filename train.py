"""Trains a model: python train.py --latent_dim 10 (python train.py --help lists the flags)."""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from typing import Any

import catalog
import cli
import data
import runs
from data import memory, shares
from training import cluster, device, signals, sweep


def main(argv: list[str]) -> None:
    flags = cli.parse_train(argv)
    root = cli.TRAINED_MODEL_DIR
    if each := cli.parse_each(argv, flags):
        sys.exit(sweep.train_each(argv, each, root, flags.resume, flags.overwrite))
    settings = cli.settings(flags)
    try:
        workers = cluster.read_cluster(flags.strategy)
        cluster.check_even(workers, flags.batch_size, settings["num_validation"])
    except cluster.ClusterError as error:
        raise cli.UsageError(str(error)) from None
    if flags.resume:
        run = runs.find_resumable(root, settings, flags.run_name)
    else:
        run = runs.Run(root / cli.run_name(flags))
        if workers.is_chief:  # another may find the chief's, just started
            runs.check_unlocked(run)
            run.check_startable(flags.overwrite)
    settings["stream"], why = choose_streaming(flags, run, len(workers.workers))
    data.check_available(flags.dataset, flags.data_dir)

    with (
        signals.StopSignals() as stop_signals,
        cluster.lost_worker_in_one_line(workers),
        cluster.locked(run, workers, flags.resume, flags.resume_from),
    ):
        # Where a worker is lost, TensorFlow logs what we say in one line.
        log_level = 3 if len(workers.workers) > 1 else 2
        device_name = device.set_up_tensorflow(log_level, flags.deterministic)
        try:
            strategy = cluster.make_strategy(flags.strategy, flags.num_replicas, flags.batch_size)
            stop_signals.take_back()  # TensorFlow's workers take SIGTERM for themselves
            with (
                device.out_of_memory_in_one_line(),
                cluster.own_folder(run, workers, flags.resume) as folder,
            ):
                share = shares.Share(workers.position, len(workers.workers))
                where = (folder, device_name, stop_signals, strategy, share)
                train(argv, flags, settings, why, *where)
        except cluster.ClusterError as error:
            raise cli.UsageError(str(error)) from None
        except signals.Stopped as stopped:
            how = (flags.resume, flags.overwrite, flags.resume_from != "last")
            print(f"\n{stopped}: saved. Go on with: {signals.command_to_go_on(argv, *how)}")
            sys.exit(stopped.status)


def choose_streaming(flags, run, num_workers) -> tuple[bool, str]:
    """Returns whether to stream, and why: a run goes on as it began."""
    if flags.resume:
        began = run.read_record()["flags"].get("stream", False)
        return began in (True, "1"), "as the run began"
    asked = {None: "auto", True: "1", False: "0"}[flags.stream]
    streamed, why = memory.choose_streaming(flags.dataset, asked, num_workers)
    if streamed and flags.binarize == "static":
        raise data.DataError(
            f"{flags.dataset} is to be streamed ({why}), and --binarize static draws all training "
            "images once, in memory: type --binarize dynamic, or --stream 0 to load them anyway"
        )
    if streamed and flags.strategy == "multi_worker" and flags.stream is None:
        raise data.DataError(
            f"{flags.dataset} is to be streamed ({why}), and all workers must do the same: type "
            "--stream 1 for each of them, or --stream 0"
        )
    return streamed, why


def train(argv, flags, settings, why, run, device_name, stop_signals, strategy, share) -> None:
    """Loads, builds, fits, and says what came of it."""
    import models
    from data import loading
    from training.divergence import Diverged
    from training.fit import fit

    info = data.DATASETS[flags.dataset]
    num_train = info.num_train - settings["num_validation"]
    with strategy.scope() if strategy else contextlib.nullcontext():
        try:
            model = models.build(info.image_shape, settings, len(info.class_names), num_train)
        except models.convolutions.NetworkError as error:
            raise cli.UsageError(f"--network {flags.network}: {error}") from None
    binarize_with = models.noise.uniform if flags.binarize == "dynamic" else None
    training, validation, held_out = loading.load_batches(
        settings, flags.data_dir, binarize_with, model.uses_labels, share
    )
    print_plan(settings, training, validation.num_images, why, model, device_name, run)

    record = run.resume(flags.num_epochs, argv) if flags.resume else {}
    if not flags.resume:
        num_replicas = strategy.num_replicas_in_sync if strategy else 1
        shared = {"strategy": flags.strategy, "num_replicas": num_replicas}
        described = describe(argv, settings, flags, num_train, model, device_name)
        run.start(described | shared)
    execution = cli.execution(flags)
    execution["jit_compile"] = {None: "auto", True: "1", False: "0"}[flags.jit_compile]
    began = time.perf_counter()
    try:
        result = fit(
            model,
            training,
            validation,
            training.num_images,
            held_out.images[:16] / 255,
            run,
            {**settings, **execution},
            stop_signals,
            resume=flags.resume,
            strategy=strategy,
        )
    except Diverged as diverged:
        run.give_up(diverged.step, record.get("seconds", 0.0) + time.perf_counter() - began)
        raise runs.RunError(diverged.describe(run.read_record(), settings)) from None
    best = result.best_row()
    assert best is not None  # as no loss was anything but a number
    seconds = record.get("seconds", 0.0) + time.perf_counter() - began
    run.finish(best, len(result.rows), seconds)

    print(f"\nvalidation, losses in nats an image, of the best epoch ({best['epoch']}):")
    for name in (name for name in model.trackers if f"val_{name}" in best):
        print(f"  {name:<16}{best['val_' + name]:>10.3f}")
    print(f"next: python evaluate.py --run_name {shlex.quote(run.name)} --all 1")
    print("\nwritten:", *run.files(), sep="\n  ")


def print_plan(settings, training, num_validation, why, model, device_name, run) -> None:
    """Says what is about to happen."""
    height, width, channels = data.DATASETS[settings["dataset"]].image_shape
    place = "in memory"
    if settings["stream"]:
        place = f"streamed from the disk, shuffled {training.buffer_size:,} at a time"
    sizes = [
        f"{flag.name} {flag.type.format(settings[flag.name])}"
        for flag in catalog.PARTS["network"][settings["network"]].flags
    ]
    rows = {
        "dataset": f"{settings['dataset']}: {training.num_images:,} training and "
        f"{num_validation:,} validation images, {height}×{width}×{channels}, binarize "
        f"{settings['binarize']}",
        "images": f"{place}: {why}",
        "model": f"{settings['model']}, latent_dim {settings['latent_dim']}, "
        f"{model.count_params():,} parameters",
        "network": f"{settings['network']}: {', '.join(sizes)}",
        "loss": f"{catalog.PARTS["model"][settings['model']].loss.format(**settings)}, in nats an image",
        "objective": str(model.objective or "the loss"),
        "p(x|z)": f"{settings['likelihood']}: {catalog.PARTS["likelihood"][settings['likelihood']].nats}",
        "training": f"{settings['num_epochs']} epochs of {training.steps_per_epoch} batches of "
        f"{settings['batch_size']}, seed {settings['seed']}",
        "optimiser": f"Adam {settings['learning_rate']:g}, {settings['learning_rate_schedule']}",
        "device": device_name,
        "run": str(run.folder),
    }
    if model.uses_labels:
        rows["images"] += f"; {settings['num_labels'] or 'all'} of those to train on are labelled"
    for name, text in rows.items():
        print(f"{name:<10}{text}", flush=True)


def describe(argv, settings, flags, num_train, model, device_name) -> dict[str, Any]:
    """Returns what run.json says from the start: all that is not in the model itself."""
    return {
        "status": "training",
        **runs.describe_origin(argv, cli.ROOT),
        "flags": settings,
        "data_dir": flags.data_dir and str(data.resolve_data_dir(flags.data_dir)),
        "num_train": num_train,
        "num_parameters": model.count_params(),
        "device": device_name,
    }


if __name__ == "__main__":
    cli.run_script(main, (data.DataError, runs.RunError, MemoryError, OSError))
