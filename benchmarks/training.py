"""Seconds per epoch of this repository and other frameworks, measured in turn in one run.

    make bench                                  everything
    python -m benchmarks.training --rows mlp    one table
    python -m benchmarks.training --rows mlp --json docs/speed.json
                                                the same, replacing that table of the file

The speed of a machine drifts by tens of percent within minutes. So all contenders run at the
same time, each in its own process, and train one epoch after another in turn; the medians are
compared within one run only. Compilation is measured separately.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import data

LIBRARIES = ("tensorflow", "keras", "torch", "jax", "optax", "pythae")
ROOT = Path(__file__).resolve().parent.parent
# Multiplications and additions for one image: the forward pass and both gradients of every layer,
# except the gradient of the images.
FLOP_PER_IMAGE = 2 * (3 * (2 * 500 * 10 + 10 * 500 + 500 * 784) + 2 * 784 * 500)

# The largest relative difference allowed between the losses of the last epoch. Half precision
# rounds differently in each framework.
MAY_DIFFER = {"mlp": 0.01, "conv": 0.01, "conv_bfloat16": 0.03, "conv_leaky": 0.03, "nll": 0.01}

PEERS = ("keras_fit", "torch_fused", "torch_compile", "jax_scan", "matrix_rate")
CONV = {"network": "conv", "batch_size": 128, "copies": 0.3}  # of MNIST per epoch
NLL = {"copies": 20 / 60_000}  # 20 images
CONV_LEAKY = {"network": "conv_leaky", "batch_size": 64, "copies": 0.032}  # its published batch


def _conv_rows(**shared: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "ours": ("ours", shared),
        "keras_fit": ("keras_fit", shared),
        "torch_eager": ("torch_conv", shared),
        "torch_channels_last": ("torch_conv", {**shared, "layout": "channels_last"}),
        "torch_compile": ("torch_conv", {**shared, "compiled": True}),
        "jax": ("jax_conv", shared),
    }


ROWS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "mlp": {name: (name, {"batch_size": 100}) for name in ("ours", *PEERS)},
    "noise": {
        "ours": ("ours", {"batch_size": 100}),
        "dropout 0.1": ("ours", {"batch_size": 100, "dropout": 0.1}),
        "dynamic binarization": ("ours", {"batch_size": 100, "binarize": "dynamic"}),
    },
    "precision": {
        f"{precision}, batch {size}": ("ours", {"batch_size": size, "precision": precision})
        for size in (100, 1024)
        for precision in ("float32", "mixed_bfloat16")
    },
    "batch_size": {
        str(size): ("ours", {"batch_size": size}) for size in (32, 128, 512, 2048, 8192)
    },
    "dataset_size": {
        f"{copies}×": ("ours", {"batch_size": 100, "copies": copies}) for copies in (1, 10, 30)
    },
    "conv": _conv_rows(**CONV),
    "conv_bfloat16": _conv_rows(**CONV, precision="mixed_bfloat16"),
    "conv_leaky": _conv_rows(**CONV_LEAKY),
    "nll": {
        "ours": ("nll_ours", NLL),
        "pythae, 100 z at a time": ("nll_pythae", {**NLL, "batch_size": 100}),
        "pythae, 1,000 z at a time": ("nll_pythae", {**NLL, "batch_size": 1000}),
        "matrix_rate": ("nll_products", NLL),
    },
    "deterministic": {
        "conv": ("ours", {**CONV, "copies": 0.1}),
        "conv, deterministic": ("ours", {**CONV, "copies": 0.1, "deterministic": True}),
    },
}


class Contender:
    """A worker in its own process, ready to train epochs on demand."""

    def __init__(self, worker: str, options: dict[str, Any]):
        self.command = [sys.executable, "-m", "benchmarks.workers", worker, json.dumps(options)]
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ready_seconds = self._answer()["ready"]
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def train_epoch(self) -> None:
        """Trains one epoch; records its time and loss."""
        assert self.process.stdin is not None
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.seconds.append(answer["seconds"])
        self.losses.append(answer["loss"])

    def peak_memory(self) -> float:
        """Returns the peak memory of its process in MiB (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        """Ends its process."""
        self.process.terminate()
        self.process.wait()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"a worker ended with status {self.process.wait()}: {self.command}")


def compare(table: str, rounds: int) -> dict[str, Any]:
    """Measures one table; returns medians, ratios to the first row, losses and memory."""
    contenders = {}
    for name, (worker, options) in ROWS[table].items():
        print(f"  preparing {name}", file=sys.stderr, flush=True)
        contenders[name] = Contender(worker, options)
    for _ in range(rounds):
        for contender in contenders.values():
            contender.train_epoch()
    first = next(iter(contenders.values()))
    base = statistics.median(first.seconds)
    rows = {}
    for name, contender in contenders.items():
        seconds = statistics.median(contender.seconds)
        rows[name] = {
            "seconds": seconds,
            "ratio": seconds / base,
            "all_seconds": contender.seconds,
            "loss": contender.losses[-1],
            "ready_seconds": contender.ready_seconds,
            "peak_memory_mib": contender.peak_memory(),
        }
        contender.stop()
    return rows


def report(table: str, rows: dict[str, Any]) -> None:
    """Prints a table."""
    print(f"\n{table}\n{'':<26}{'s/epoch':>9}{'ratio':>8}{'loss':>10}{'ready s':>9}{'MiB':>7}")
    for name, row in rows.items():
        print(
            f"{name:<26}{row['seconds']:>9.3f}{row['ratio']:>8.2f}{row['loss']:>10.2f}"
            f"{row['ready_seconds']:>9.1f}{row['peak_memory_mib']:>7.0f}"
        )
    if table in MAY_DIFFER:
        losses = [row["loss"] for name, row in rows.items() if name != "matrix_rate"]
        spread = max(losses) / min(losses) - 1
        print(f"losses agree within {100 * spread:.2f} % (accepted: {100 * MAY_DIFFER[table]:g} %)")
        if spread > MAY_DIFFER[table]:
            sys.exit("the contenders do not train the same model")
    if table == "mlp":
        rate = 60_000 * FLOP_PER_IMAGE / rows["matrix_rate"]["seconds"] / 1e9
        limit = rows["matrix_rate"]["seconds"] / rows["ours"]["seconds"]
        print(f"matrix products alone: {rate:.0f} GFLOP/s; ours runs at {limit:.2f} of that limit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=7, help="number of timed epochs, at least 5")
    parser.add_argument("--json", type=Path, help="file to write; other tables in it stay")
    arguments = parser.parse_args()
    try:
        data.check_available("mnist", None)
    except data.DataError as error:
        sys.exit(f"benchmarks.training: {error}")
    tables = {}
    for table in arguments.rows:
        rows = compare(table, arguments.rounds)
        report(table, rows)
        tables[table] = {**describe_machine(), "date": today(), "rounds": arguments.rounds}
        tables[table]["rows"] = rows
    if arguments.json:
        replace_tables(arguments.json, tables)
        print(f"\nwritten:\n  {arguments.json}")


def replace_tables(path: Path, tables: dict[str, Any]) -> None:
    """Writes tables to a JSON file; its tables of other names are kept."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    known = {**kept, **tables}
    in_order = {name: known[name] for name in (*ROWS, *sorted(known)) if name in known}
    path.write_text(json.dumps(in_order, indent=2) + "\n")


def describe_machine() -> dict[str, Any]:
    """Returns the machine and the versions of the libraries that are compared."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    versions = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {"machine": {"cores": os.cpu_count(), "processor": processor}, "versions": versions}


def today() -> str:
    """Returns the date, such as 2026-11-26."""
    return datetime.date.today().isoformat()


if __name__ == "__main__":
    main()
