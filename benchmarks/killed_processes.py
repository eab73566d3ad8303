"""Trainings in processes that can be killed: one process, or the workers of a cluster."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ENDS_WITHIN = 60  # seconds after another worker was killed


class Configuration(NamedTuple):
    """What a round trains: flags, and the steps per call of the killed training."""

    flags: str
    epochs: int = 6
    steps: int = 13  # per call of the killed training
    workers: int = 1
    minutes: float = 0.0  # between checkpoints of the killed training


COMMON = "--dataset digits --latent_dim 3"
_MLP = "--hidden_dim 16 --batch_size 10"
_NOISY = "--binarize dynamic --dropout 0.1"
CONFIGURATIONS = {
    "vae, cyclical β": Configuration(
        f"{_MLP} {_NOISY} --beta_schedule cyclical --beta_steps 300 --free_bits 0.1 --l2 0.001 "
        "--corruption 0.3"
    ),
    "two workers": Configuration(
        f"{_NOISY} --hidden_dim 16 --batch_size 50 --beta_schedule linear --beta_steps 200 "
        "--strategy multi_worker",
        steps=5,
        workers=2,
    ),
    "classifier_vae, 200 labels": Configuration(
        f"{_MLP} {_NOISY} --model classifier_vae --num_labels 200 --beta_schedule linear "
        "--beta_steps 700",
        epochs=60,
        steps=17,
        minutes=0.005,
    ),
    "vae, mixed_bfloat16, cosine": Configuration(
        f"{_MLP} {_NOISY} --precision mixed_bfloat16 --learning_rate_schedule cosine", steps=20
    ),
    "gaussian_learned, mixed_float16": Configuration(
        f"{_MLP} --likelihood gaussian_learned --dropout 0.1 --precision mixed_float16 "
        "--beta_schedule linear --beta_steps 900",
        steps=29,
    ),
    "convolutions": Configuration(
        "--network conv --filters 4,8 --dropout 0.1 --binarize dynamic --batch_size 50 "
        "--beta_schedule linear --beta_steps 100 --deterministic 1",
        steps=2,
    ),
    "continuous_bernoulli, two layers": Configuration(
        "--hidden_dim 24,16 --activation elu,tanh --dropout 0.2 --batch_size 10 "
        "--likelihood continuous_bernoulli --beta_schedule cyclical "
        "--beta_steps 100 --beta_cycles 8",
        epochs=60,
        steps=40,
        minutes=0.005,
    ),
    "autoencoder, gaussian": Configuration(
        f"{_MLP} --model autoencoder --likelihood gaussian --dropout 0.2 --l2 0.001",
        epochs=60,
        steps=11,
        minutes=0.005,
    ),
}


class Broken(Exception):
    """A guarantee was violated; the message says which."""


def copy_program(folder: Path, root: Path = ROOT) -> Path:
    """Copies the program without trained models, results, tests and documentation."""
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "trained_model", "result", "tests", "docs"
    )
    shutil.copytree(root, folder, ignore=left_out)
    return folder


class Training:
    """train.py in one process, or in the workers of a cluster, with their output in files."""

    def __init__(self, program: Path, folder: Path, words: Sequence[str], workers: int = 1):
        variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        variables.pop("TF_CPP_MIN_LOG_LEVEL", None)
        if workers > 1:
            # On one thread the order of sums is fixed, and the sum of two workers is a + b.
            variables |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        folder.mkdir()
        self.outputs = [folder / f"{index}.txt" for index in range(workers)]
        self.processes = []
        self.began = time.monotonic()
        configs = [{"TF_CONFIG": config} for config in worker_configs(workers)]
        for output, config in zip(self.outputs, configs if workers > 1 else [{}], strict=True):
            with output.open("w") as opened:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, str(program / "train.py"), *words],
                        cwd=folder,
                        env=variables | config,
                        stdin=subprocess.DEVNULL,
                        stdout=opened,
                        stderr=subprocess.STDOUT,
                    )
                )

    def is_running(self) -> bool:
        return all(process.poll() is None for process in self.processes)

    def output(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.outputs)

    def finish(self) -> None:
        """Waits for the end of all processes; raises Broken if one fails."""
        for process in self.processes:
            if process.wait():
                raise Broken(f"status {process.returncode}: {self.output().strip()[-300:]}")

    def kill(self, target: str) -> None:
        """Kills the process, or the given workers; the others must end by themselves.

        Raises:
            Broken: if another worker does not end, or ends with a status other than 1.
        """
        killed = {"it": [0], "chief": [0], "other": [1], "both": [0, 1]}[target]
        for index in killed:
            self.processes[index].kill()
        for index, process in enumerate(self.processes):
            try:
                status = process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Broken(f"worker {index} waits for a killed worker") from None
            if index not in killed and status != 1:
                printed = self.outputs[index].read_text(errors="replace").strip()
                raise Broken(f"worker {index} ended with status {status}: {printed[-300:]}")


def worker_configs(workers: int) -> Iterator[str]:
    """Yields each worker's TF_CONFIG, on free ports."""
    sockets = [socket.socket() for _ in range(workers)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    for opened in sockets:
        opened.close()
    for index in range(workers):
        task = {"type": "worker", "index": index}
        yield json.dumps({"cluster": {"worker": addresses}, "task": task})
