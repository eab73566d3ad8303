"""Trains a model: python train.py --latent_dim 10 (python train.py --help lists the flags)."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # missing with python -P

import cli
import data
import runs
from catalog.networks import AUTO, NETWORKS, choose
from catalog.values import counted
from data import shares
from training import cluster, device, plan, signals, sweep
from training.job import Job


def main(argv: list[str]) -> None:
    flags = cli.parse_train(argv)
    if members := cli.parse_each(argv, flags):
        root, read = cli.TRAINED_MODEL_DIR, cli.reader_of(flags.dataset, is_named=False)
        status = sweep.train_each(argv, members, root, flags.resume, flags.overwrite, read)
        sys.exit(status)
    try:
        workers = cluster.read_cluster(flags.strategy)
        prepare_and_train(argv, flags, workers)
    except cluster.ClusterError as error:
        raise cli.UsageError(str(error)) from None
    except signals.Stopped as stopped:
        print(f"\n{stopped}: saved. Resume with: {command_to_resume(argv, flags)}")
        sys.exit(stopped.status)


def command_to_resume(argv: list[str], flags) -> str:
    """Returns the command that resumes the run of this command line."""
    given = (flags.resume, flags.overwrite, flags.resume_from != "last")
    return signals.command_to_resume(argv, *given)


def prepare_and_train(argv, flags, workers: cluster.Cluster) -> None:
    """Chooses the run, checks what it needs, and trains it on the devices."""
    settings = cli.settings(flags)
    cluster.check_even(workers, flags.batch_size, settings["num_validation"])
    read = cli.reader_of(flags.dataset, bool(flags.run_name))
    run = choose_run(flags, settings, workers, read)
    recorded = None
    info = data.describe(flags.dataset, flags.data_dir, settings)
    if flags.resume:
        record = read(run)
        recorded = record["flags"]
        info = data.from_record(record, flags.dataset, flags.data_dir)
    settings["stream"], reason = plan.choose_streaming(
        info, settings, flags.strategy, len(workers.workers), recorded
    )
    data.check_available(info, flags.data_dir)
    with (
        signals.StopSignals() as stop_signals,
        cluster.lost_worker_in_one_line(workers),
        cluster.locked(run, workers, flags.resume, flags.resume_from),
    ):
        has_convolutions = NETWORKS[settings["network"]].has_convolutions
        device_name = device.set_up_tensorflow(flags.deterministic, has_convolutions, trains=True)
        strategy = cluster.make_strategy(flags.strategy, flags.num_replicas, flags.batch_size)
        stop_signals.reinstall()  # TensorFlow's workers install their own handler of SIGTERM
        without_xla = ["--deterministic=0"] * flags.deterministic + ["--jit_compile=0"]
        command = " ".join([command_to_resume(argv, flags), *without_xla])
        with (
            device.out_of_memory_in_one_line(),
            device.failed_compilation_in_one_line(command),
            cluster.own_folder(run, workers, flags.resume) as folder,
        ):
            job = Job(folder, settings, cli.execution(flags), stop_signals, strategy)
            share = shares.Share(workers.position, len(workers.workers))
            rows = {"images": reason, "device": device_name, "run": str(folder.folder)}
            if flags.network == AUTO:
                rows["network"] = choose(info.image_shape).reason
            train(argv, info, flags.data_dir, job, share, rows)


def choose_run(flags, settings, workers: cluster.Cluster, read) -> runs.Run:
    """Returns the run to start or to resume; raises RunError if it cannot be."""
    if flags.resume:
        root = cli.TRAINED_MODEL_DIR
        return runs.find_resumable(root, settings, flags.run_name, read)
    run = runs.Run(cli.TRAINED_MODEL_DIR / cli.run_name(flags))
    if workers.is_chief:  # another worker may find the chief's run, just started
        runs.check_unlocked(run)
        run.check_startable(flags.overwrite)
    return run


def train(argv, info: data.DatasetInfo, data_dir, job: Job, share: shares.Share, rows) -> None:
    """Loads the data, builds the model, fits it, and prints the outcome."""
    import models
    from data import labels, loading
    from training.divergence import Diverged
    from training.fit import fit

    settings, run, resume = job.settings, job.run, job.execution["resume"]
    num_train = info.num_train - settings["num_validation"]
    num_classes = None if info.class_names is None else len(info.class_names)
    with job.scope():
        try:
            model = models.build(info.image_shape, settings, num_classes, num_train)
        except models.NetworkError as error:
            raise cli.UsageError(f"--network {settings['network']}: {error}") from None
    binarize_with = models.noise.uniform if settings["binarize"] == "dynamic" else None
    training, validation, held_out = loading.load_batches(
        settings, data_dir, binarize_with, model.uses_labels, share, info
    )
    plan.print_plan(info, settings, model, (training, validation), rows)

    began = time.perf_counter()
    dataset = data.to_record(info, run.folder)
    if resume:
        images = (settings["dataset"], dataset)
        began -= run.resume(settings["num_epochs"], argv, images).get("seconds", 0.0)
    else:
        record = {
            "status": "training",
            **runs.describe_origin(argv, cli.ROOT),
            "flags": settings,
            "dataset": dataset,
            "data_dir": data_dir and str(data.resolve_data_dir(data_dir)),
            "num_train": num_train,
            "num_parameters": model.count_params(),
            "device": rows["device"],
            "strategy": job.execution["strategy"],
            "num_replicas": job.num_replicas,
        }
        run.start(record)
        run.write_skipped(info.skipped)
    callbacks = []
    if job.execution["tensorboard"]:
        from training.board import Board

        callbacks = [Board(run, settings, held_out.images, held_out.labels, info.class_names)]
    shown = labels.choose_by_class(len(held_out), held_out.labels, 10)
    try:
        result = fit(model, training, validation, held_out.images[shown] / 255, job, callbacks)
    except Diverged as diverged:
        run.give_up(diverged.step, time.perf_counter() - began)
        raise runs.RunError(diverged.describe(run.read_record(), settings)) from None
    best = result.best_row()
    assert best is not None  # every loss was finite
    run.finish(best, len(result.rows), time.perf_counter() - began)

    if len(result.rows) < settings["num_epochs"]:
        print(
            f"\nended early: no lower validation loss in {counted(settings['patience'], 'epoch')}"
        )
    print(f"\nvalidation, best epoch ({best['epoch']}), losses in nats per image:")
    for name in (name for name in model.trackers if f"val_{name}" in best):
        print(f"  {name:<16}{best['val_' + name]:>10.3f}")
    print(f"next: python evaluate.py --run_name {shlex.quote(run.name)} --all 1")
    print("\nwritten:", *run.files(), sep="\n  ")


if __name__ == "__main__":
    cli.run_script(main, (data.DataError, runs.RunError, MemoryError, OSError))
