"""Who takes part in a training: one process, or the workers that ``TF_CONFIG`` names."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import runs

if TYPE_CHECKING:
    import tensorflow as tf


class ClusterError(Exception):
    """The workers, or the replicas, are not described as they must be; one line for the user."""


class Cluster(NamedTuple):
    """The processes that train together, and which of them this one is."""

    workers: tuple[str, ...] = ("",)  # their addresses, the chief's first
    position: int = 0

    @property
    def is_chief(self) -> bool:
        return self.position == 0


def read_cluster(strategy: str) -> Cluster:
    """Returns what ``TF_CONFIG`` says, for ``multi_worker``; else this process alone.

    Raises:
        ClusterError: if it is missing or not as TensorFlow expects it.
    """
    if strategy != "multi_worker":
        return Cluster()
    accepted = (
        'expected JSON such as {"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}, the index another on each worker'
    )
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ClusterError(f"--strategy multi_worker needs the variable TF_CONFIG: {accepted}")
    try:
        config = json.loads(text)
        jobs, kind, index = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        chief, workers = list(jobs.get("chief", [])), list(jobs.get("worker", []))
        position = index if kind == "chief" else len(chief) + index
        fits = (
            set(jobs) <= {"chief", "worker"}
            and len(chief) <= 1
            and kind in jobs
            and 0 <= index < len(jobs[kind])
            and all(":" in address for address in [*chief, *workers])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise ClusterError(f"TF_CONFIG={' '.join(text.split())}: {accepted}")
    return Cluster((*chief, *workers), position)


def check_even(cluster: Cluster, batch_size: int, num_validation: int) -> None:
    """Raises ClusterError where not all workers get as many images of a batch."""
    workers = len(cluster.workers)
    if batch_size % workers:
        raise ClusterError(
            f"--batch_size {batch_size}: {workers} workers cannot share a batch evenly: type "
            f"--batch_size {-(-batch_size // workers) * workers}"
        )
    if num_validation < workers:
        raise ClusterError(
            f"--num_validation {num_validation}: {workers} workers have an image each at least: "
            f"type --num_validation {workers} or more"
        )


def make_strategy(name: str, num_replicas: int | None, batch_size: int):
    """Returns TensorFlow's strategy of that name, None for ``"none"``.

    To be called before TensorFlow has computed anything. Waits for the other workers.

    Raises:
        ClusterError: if there are fewer GPUs, or images in a batch, than replicas.
    """
    if name == "none":
        return None
    import tensorflow as tf

    strategy: tf.distribute.Strategy
    if name == "multi_worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.MirroredStrategy(_devices(num_replicas))
    replicas = strategy.num_replicas_in_sync
    if batch_size < replicas:
        raise ClusterError(
            f"a batch of {batch_size} images cannot be shared by {replicas} replicas: type "
            f"--batch_size {replicas} or more"
        )
    return strategy


def _devices(num_replicas: int | None) -> list[str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        parts = num_replicas or 2
        (cpu,) = tf.config.list_physical_devices("CPU")
        configuration = [tf.config.LogicalDeviceConfiguration() for _ in range(parts)]
        tf.config.set_logical_device_configuration(cpu, configuration)
        return [f"CPU:{part}" for part in range(parts)]
    if num_replicas and num_replicas > len(gpus):
        raise ClusterError(f"--num_replicas {num_replicas}: there are {len(gpus)} GPUs")
    return [f"GPU:{index}" for index in range(num_replicas or len(gpus))]


@contextlib.contextmanager
def locked(run: runs.Run, cluster: Cluster, resume: bool, resume_from: str) -> Iterator[None]:
    """Holds the run for the chief, who alone writes it, and brings it into order to go on.

    Raises:
        RunError: if another process holds it, or its checkpoint is damaged.
    """
    if not cluster.is_chief:
        yield
        return
    with runs.locked(run):
        if resume:
            runs.settle(run, previous=resume_from == "previous")
        yield


@contextlib.contextmanager
def own_folder(run: runs.Run, cluster: Cluster, resume: bool) -> Iterator[runs.Run]:
    """Gives the chief the run, and any other worker a silent one that is deleted at the end.

    All do the same, since reading a variable that the workers share takes all of them; what
    the chief writes is kept. To go on, each reads the chief's checkpoint: the folder of the
    run must be on a file system that all see.
    """
    if cluster.is_chief:
        yield run
        return
    with contextlib.ExitStack() as stack:
        aside = runs.Run(Path(stack.enter_context(tempfile.TemporaryDirectory())) / run.name)
        if resume:
            aside.folder.mkdir()
            for path in (run.record_path, run.checkpoint_path):
                if path.is_file():  # a run killed before its first checkpoint has none
                    shutil.copy(path, aside.folder)
        number = f"{cluster.position} of 0 to {len(cluster.workers) - 1}"
        print(f"worker {number}: the chief, {cluster.workers[0]}, prints and writes", flush=True)
        nowhere = stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        yield aside


@contextlib.contextmanager
def lost_worker_in_one_line(cluster: Cluster) -> Iterator[None]:
    """Turns TensorFlow's errors where another worker is gone into a RunError for the user."""
    if len(cluster.workers) == 1:
        yield
        return
    try:
        yield
    except Exception as error:
        errors = sys.modules["tensorflow"].errors if "tensorflow" in sys.modules else None
        gone = errors and (
            errors.UnavailableError,
            errors.AbortedError,
            errors.DeadlineExceededError,
            errors.CancelledError,
            errors.InternalError,
        )
        if not gone or not isinstance(error, gone):
            raise
        reason = str(getattr(error, "message", error)).strip().splitlines()[0][:200]
        raise runs.RunError(
            f"another worker ended or cannot be reached ({reason}): start all workers again, "
            "with --resume if the run has a checkpoint"
        ) from error
