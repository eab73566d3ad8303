"""Writes the tables of docs/speed.md from docs/speed.json and docs/speed_gpu.json.

    python -m publishing.speed

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``; the text around it is written
by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cli
from publishing.tables import make_table

DOCS = cli.ROOT / "docs"
PAGE = DOCS / "speed.md"
OURS = "**this repository**"
NAMES = {
    "ours": OURS,
    "keras_fit": "Keras `fit`, with the same `train_step`",
    "torch_fused": "PyTorch, eager, fused Adam",
    "torch_eager": "PyTorch, eager",
    "torch_channels_last": "PyTorch, channels last",
    "torch_compile": "PyTorch, `torch.compile`, fused Adam",
    "jax_scan": "JAX, one `lax.scan` per epoch, optax",
    "jax": "JAX, each step compiled",
    "matrix_rate": "the necessary matrix products alone",
}
# How many times as long as ours a row should take at least.
AIMS: dict[str, dict[str, float]] = {
    "mlp": {
        "keras_fit": 2.5,
        "torch_fused": 1.3,
        "torch_compile": 1.2,
        "jax_scan": 1.1,
        "matrix_rate": 0.8,
    },
    "conv": {
        "keras_fit": 1.3,
        "torch_eager": 1.1,
        "torch_channels_last": 1.1,
        "torch_compile": 1.1,
        "jax": 1.3,
    },
}
AIMS["conv_bfloat16"] = AIMS["conv"]
AIMS["nll"] = {"pythae, 100 z at a time": 5, "pythae, 1,000 z at a time": 5}
UNITS = {"nll": "s for 20 images"}  # of other tables: s per epoch


def fill(page: str, tables: Mapping[str, str]) -> str:
    """Returns a page with its tables replaced.

    Raises:
        ValueError: if a table of the page does not exist, or is not on the page.
    """
    pattern = re.compile(r"(<!-- table (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
    on_page = [name for _, name, _ in pattern.findall(page)]
    if sorted(on_page) != sorted(tables):
        raise ValueError(f"the page has the tables {on_page}, expected {list(tables)}")
    return pattern.sub(lambda match: match[1] + tables[match[2]] + match[3], page)


def training_table(name: str, measured: Mapping[str, Any]) -> str:
    """Returns the table of one comparison in docs/speed.json; missed aims are bold."""
    aims = AIMS.get(name, {})
    rows = []
    for row, facts in measured["rows"].items():
        ratio = f"{facts['ratio']:.2f}"
        if row in aims and facts["ratio"] < aims[row]:
            ratio = f"**{ratio}**"
        is_training = row != "matrix_rate"
        cells = [
            NAMES.get(row, row),
            f"{facts['seconds']:.2f}",
            ratio,
            *([f"{aims[row]:g}" if row in aims else "–"] if aims else []),
            f"{facts['loss']:.1f}" if is_training else "–",
            f"{facts['ready_seconds']:.1f}" if is_training else "–",
            f"{facts['peak_memory_mib']:,.0f}" if is_training else "–",
        ]
        rows.append(cells)
    aim = ["aim"] if aims else []
    unit = UNITS.get(name, "s per epoch")
    heading = ["", unit, "relative", *aim, "loss", "ready after, s", "peak MiB"]
    return _origin(measured) + make_table(heading, rows)


def parts_table(measured: Mapping[str, Any]) -> str:
    """Returns the table of one command's seconds, in parts, of each version."""
    seconds = measured["seconds"]
    rows = []
    for part in dict.fromkeys(part for version in seconds.values() for part in version):
        of_versions = (version.get(part) for version in seconds.values())
        rows.append([part, *("–" if value is None else f"{value:.1f}" for value in of_versions)])
    return _origin(measured) + make_table(["seconds", *seconds], rows)


def sources_table(measured: Mapping[str, Any]) -> str:
    """Returns the table of one comparison of sources of images."""
    rows = [
        [
            name,
            "–" if facts["images_per_second"] is None else f"{facts['images_per_second']:,.0f}",
            f"{facts['first_batch_seconds']:.1f}",
            f"{facts['peak_memory_mib']:,.0f}",
        ]
        for name, facts in measured["sources"].items()
    ]
    heading = ["", "images per second", "first batch after, s", "peak MiB"]
    return _origin(measured) + make_table(heading, rows)


def gpu_table(measured: Mapping[str, Any]) -> str:
    """Returns the table of docs/speed_gpu.json: a row per contender, a column per model."""
    tables = measured["tables"]
    rows = list(dict.fromkeys(row for table in tables.values() for row in table))
    cells = [[row, *(str(table.get(row, "")) for table in tables.values())] for row in rows]
    machine = ", ".join([measured["chip"], *measured["versions"], measured["date"]])
    return f"{machine}:\n\n" + make_table(["s per 60,000 images", *tables], cells)


def _origin(measured: Mapping[str, Any]) -> str:
    machine = measured["machine"]
    versions = [f"{name} {version}" for name, version in measured.get("versions", {}).items()]
    facts = [f"{machine['cores']} cores, {machine['processor']}", *versions, measured["date"]]
    return f"{'; '.join(facts)}; medians of {measured['rounds']}:\n\n"


def make_tables(docs: Path = DOCS) -> dict[str, str]:
    """Returns every table by name."""
    speed = json.loads((docs / "speed.json").read_text(encoding="utf-8"))
    gpu = json.loads((docs / "speed_gpu.json").read_text(encoding="utf-8"))
    tables = {}
    for name, measured in speed.items():
        if "rows" in measured:
            tables[name] = training_table(name, measured)
        else:
            make = sources_table if "sources" in measured else parts_table
            tables[name] = make(measured)
    return {**tables, "gpu": gpu_table(gpu)}


def main() -> None:
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), make_tables()), encoding="utf-8")
    print(f"written:\n  {PAGE}")


if __name__ == "__main__":
    main()
