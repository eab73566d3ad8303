"""train.py at work in processes of its own, to be killed: one, or the workers of a cluster."""

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
ENDS_WITHIN = 60  # seconds, after another worker was killed


class Broken(Exception):
    """A promise was broken; the message says which."""


def copy_program(folder: Path) -> Path:
    """Copies the scripts and their rooms, in which no model has been trained yet."""
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "trained_model", "result", "tests", "docs"
    )
    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


class Training:
    """train.py at work: one process, or the workers of a cluster, their output in files."""

    def __init__(self, program: Path, folder: Path, words: Sequence[str], workers: int = 1):
        variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        variables.pop("TF_CPP_MIN_LOG_LEVEL", None)
        if workers > 1:
            # Sums on one thread have one order; exchanging two workers' is a + b.
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
        """Waits for its end; raises Broken where that is not a good one."""
        for process in self.processes:
            if process.wait():
                raise Broken(f"status {process.returncode}: {self.output().strip()[-300:]}")

    def kill(self, who: str) -> None:
        """Kills the process, or the workers named; the others must end by themselves.

        Raises:
            Broken: if another worker does not end, or with anything but status 1.
        """
        struck = {"it": [0], "chief": [0], "other": [1], "both": [0, 1]}[who]
        for index in struck:
            self.processes[index].kill()
        for index, process in enumerate(self.processes):
            try:
                status = process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Broken(f"worker {index} waits for one that is dead") from None
            if index not in struck and status != 1:
                said = self.outputs[index].read_text(errors="replace").strip()
                raise Broken(f"worker {index} ended with status {status}: {said[-300:]}")


def worker_configs(workers: int) -> Iterator[str]:
    """Yields each worker's TF_CONFIG, on ports that are free now."""
    sockets = [socket.socket() for _ in range(workers)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    for opened in sockets:
        opened.close()
    for index in range(workers):
        task = {"type": "worker", "index": index}
        yield json.dumps({"cluster": {"worker": addresses}, "task": task})
