"""Clusters: the processes that train together, one or the workers in ``TF_CONFIG``."""

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
    """TF_CONFIG or a flag about replicas is invalid; the message is one line for the user."""


class Cluster(NamedTuple):
    """The processes that train together, and the position of this process among them."""

    workers: tuple[str, ...] = ("",)  # addresses, the chief's first
    position: int = 0

    @property
    def is_chief(self) -> bool:
        return self.position == 0


def read_cluster(strategy: str) -> Cluster:
    """Returns the cluster in ``TF_CONFIG`` for ``multi_worker``; else this process alone.

    Raises:
        ClusterError: if ``TF_CONFIG`` is missing or invalid.
    """
    if strategy != "multi_worker":
        return Cluster()
    accepted = (
        'expected JSON such as {"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}, with a different index on each worker'
    )
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ClusterError(f"--strategy multi_worker needs the variable TF_CONFIG: {accepted}")
    try:
        config = json.loads(text)
        jobs, kind, index = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        chief, workers = list(jobs.get("chief", [])), list(jobs.get("worker", []))
        position = index if kind == "chief" else len(chief) + index
        is_valid = (
            set(jobs) <= {"chief", "worker"}
            and len(chief) <= 1
            and kind in jobs
            and 0 <= index < len(jobs[kind])
            and all(":" in address for address in [*chief, *workers])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        is_valid = False
    if not is_valid:
        raise ClusterError(f"TF_CONFIG={' '.join(text.split())}: {accepted}")
    return Cluster((*chief, *workers), position)


def check_even(cluster: Cluster, batch_size: int, num_validation: int) -> None:
    """Raises ClusterError unless every batch, and the validation images, can be shared."""
    workers = len(cluster.workers)
    if batch_size % workers:
        raise ClusterError(
            f"--batch_size {batch_size}: {workers} workers cannot share a batch evenly: type "
            f"--batch_size {-(-batch_size // workers) * workers}"
        )
    if num_validation < workers:
        raise ClusterError(
            f"--num_validation {num_validation}: {workers} workers need at least one image each: "
            f"type --num_validation {workers} or more"
        )


def make_strategy(name: str, num_replicas: int | None, batch_size: int):
    """Returns TensorFlow's strategy of that name; None for ``"none"`` and for a single replica.

    A single replica has nothing to exchange, so it trains exactly as without a strategy.

    Must be called before TensorFlow's first computation. Waits for the other workers.

    Raises:
        ClusterError: if there are fewer GPUs, or images per batch, than replicas.
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
    return strategy if replicas > 1 else None


def _devices(num_replicas: int | None) -> list[str]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        num_parts = num_replicas or 2
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(num_parts)]
        tf.config.set_logical_device_configuration(cpu, parts)
        return [f"CPU:{part}" for part in range(num_parts)]
    if num_replicas and num_replicas > len(gpus):
        raise ClusterError(
            f"--num_replicas {num_replicas}: expected at most {len(gpus)}, the number of GPUs"
        )
    return [f"GPU:{index}" for index in range(num_replicas or len(gpus))]


@contextlib.contextmanager
def locked(run: runs.Run, cluster: Cluster, resume: bool, resume_from: str) -> Iterator[None]:
    """Locks the run, which only the chief writes; settles its files if it is resumed.

    Raises:
        RunError: if another process has locked it, or its checkpoint is damaged.
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
    """Yields the run to the chief, and a temporary run, without output, to other workers.

    All workers do the same, since reading a variable that they share involves all of them; only
    the chief's files are kept. To resume, each reads the chief's checkpoint, so the run's folder
    must be on a file system that all workers can read.
    """
    if cluster.is_chief:
        yield run
        return
    with contextlib.ExitStack() as stack:
        temporary = runs.Run(Path(stack.enter_context(tempfile.TemporaryDirectory())) / run.name)
        if resume:
            temporary.folder.mkdir()
            for path in (run.record_path, run.checkpoint_path):
                if path.is_file():  # a run killed before its first checkpoint has none
                    shutil.copy(path, temporary.folder)
        number = f"{cluster.position} of 0 to {len(cluster.workers) - 1}"
        print(f"worker {number}: the chief, {cluster.workers[0]}, prints and writes", flush=True)
        null = stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(null))
        yield temporary


@contextlib.contextmanager
def lost_worker_in_one_line(cluster: Cluster) -> Iterator[None]:
    """Converts TensorFlow's errors about a lost worker to a RunError with a one-line message."""
    if len(cluster.workers) == 1:
        yield
        return
    try:
        yield
    except Exception as error:
        errors = sys.modules["tensorflow"].errors if "tensorflow" in sys.modules else None
        lost = errors and (
            errors.UnavailableError,
            errors.AbortedError,
            errors.DeadlineExceededError,
            errors.CancelledError,
            errors.InternalError,
        )
        if not lost or not isinstance(error, lost):
            raise
        reason = str(getattr(error, "message", error)).strip().splitlines()[0][:200]
        raise runs.RunError(
            f"another worker ended or cannot be reached ({reason}): start all workers again, "
            "with --resume if the run has a checkpoint"
        ) from error
