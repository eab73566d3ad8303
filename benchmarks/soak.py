"""Soak test: memory and open file handles over thousands of epochs in one process.

    python -m benchmarks.soak --epochs 3000 --json docs/soak.json

Runs train.py on 100 of the embedded digits with all that it writes: a checkpoint, two models,
the history and TensorBoard's logs after every epoch, checkpoints within epochs, and snapshots.
The process is observed once per second through /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
WORDS = (
    "--dataset digits --num_validation 1337 --batch_size 50 --hidden_dim 32 --latent_dim 2 "
    "--steps_per_execution 1 --checkpoint_minutes 0.05 --snapshot_every 500 --run_name soak"
)
_WARM_UP = 0.2  # of the epochs, during which caches fill

_PROGRAM = """
import sys, pathlib, cli, train
cli.TRAINED_MODEL_DIR = pathlib.Path(sys.argv.pop(1))
sys.argv[0] = "train.py"
train.main(sys.argv)
"""


def observe(process_id: int) -> tuple[float, int, int]:
    """Returns the resident memory of a process in MiB and its numbers of handles and threads."""
    folder = Path(f"/proc/{process_id}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    handles = len(list((folder / "fd").iterdir()))
    return int(status["VmRSS"].split()[0]) / 1024, handles, int(status["Threads"])


def soak(num_epochs: int, root: Path) -> list[dict[str, float]]:
    """Trains; returns the observations of each second between the first epoch and the last."""
    command = [sys.executable, "-c", _PROGRAM, str(root), *WORDS.split()]
    record = root / "soak" / "run.json"
    seen: list[dict[str, float]] = []
    with (root / "printed.txt").open("w") as printed:
        process = subprocess.Popen(
            [*command, f"--num_epochs={num_epochs}"], cwd=ROOT, stdout=printed, stderr=printed
        )
        began = time.monotonic()
        try:
            while process.poll() is None:
                time.sleep(1)
                done = (
                    json.loads(record.read_text()).get("epochs_done", 0) if record.exists() else 0
                )
                try:
                    memory, handles, threads = observe(process.pid)
                except (OSError, KeyError):  # the process has just ended
                    break
                if 0 < done < num_epochs:
                    seconds = round(time.monotonic() - began, 1)
                    seen.append(
                        {"seconds": seconds, "epoch": done, "mib": round(memory, 2)}
                        | {"handles": handles, "threads": threads}
                    )
        finally:
            if process.poll() is None and sys.exc_info()[0]:
                process.kill()
            status = process.wait()
    if status:
        sys.exit((root / "printed.txt").read_text()[-2000:])
    return seen


def summarize(seen: list[dict[str, float]], num_epochs: int) -> dict[str, Any]:
    """Returns the slope of the memory after the warm-up, and the handles per tenth of the run.

    Handles are also open while a file is written; the fewest in a tenth of the run are those that
    remain open.
    """
    epochs, memory, handles, threads = (
        np.array([observed[name] for observed in seen])
        for name in ("epoch", "mib", "handles", "threads")
    )
    warm = epochs >= _WARM_UP * num_epochs
    slope, _ = np.polyfit(epochs[warm], memory[warm], 1)
    tenths = np.minimum(epochs * 10 // (num_epochs + 1), 9)
    return {
        "mib_per_1000_epochs": round(1000 * slope, 2),
        "mib_after_warm_up": round(float(np.median(memory[warm][:10])), 1),
        "mib_at_the_end": round(float(np.median(memory[warm][-10:])), 1),
        "handles_open_by_tenth": [int(handles[tenths == tenth].min()) for tenth in range(10)],
        "most_handles": int(handles.max()),
        "most_threads": int(threads.max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3000, help="at least 100")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    arguments = parser.parse_args()
    if arguments.epochs < 100:
        parser.error(f"--epochs {arguments.epochs}: expected at least 100")
    with tempfile.TemporaryDirectory() as folder:
        seen = soak(arguments.epochs, Path(folder))
        snapshots = len(list((Path(folder) / "soak" / "snapshots").glob("*.png")))
    summary = summarize(seen, arguments.epochs)
    for name, value in summary.items():
        print(f"{name:<24}{value}")
    if arguments.json:
        every = max(1, len(seen) // 100)
        result = {
            "command": f"python -m benchmarks.soak --epochs {arguments.epochs}",
            "training": f"train.py {WORDS}",
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "epochs": arguments.epochs,
            "seconds": seen[-1]["seconds"],
            "snapshots": snapshots,
            **summary,
            "seen": seen[::every],
        }
        text = json.dumps(result, indent=1)
        arguments.json.write_text(text + "\n")
        print(f"\nwritten:\n  {arguments.json}")


if __name__ == "__main__":
    main()
