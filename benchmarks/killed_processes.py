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

ROOT = Path(__file__).resolve().parent.parent
ENDS_WITHIN = 60  # seconds after another worker was killed


class Broken(Exception):
    """A guarantee was violated; the message says which."""


def copy_program(folder: Path) -> Path:
    """Copies the program without trained models, results, tests and documentation."""
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "trained_model", "result", "tests", "docs"
    )
    shutil.copytree(ROOT, folder, ignore=left_out)
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
