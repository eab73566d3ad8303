"""A self-contained HTML page, filled with a run's description, arrays and networks."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(__file__).parent
_ENGINE = (
    *("theme.js", "numbers.js", "engine.js", "run.js"),
    *("charts.js", "equations.js", "steps.js"),
)
_EXPLORER = (
    *("curves.js", "map.js", "map_controls.js", "classes.js"),
    *("pad.js", "drawing.js", "gallery.js", "results.js", "page.js"),
)
# Template → its styles, and its scripts.
_STYLES = {"page": ("page.css",), "compare": ("page.css", "sort.css", "compare.css")}
_SCRIPTS = {
    "page": (*_ENGINE, *_EXPLORER),
    "compare": (*_ENGINE, "curves.js", "sort.js", "compare.js"),
}


def fill(
    run: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    networks: Mapping[str, Any],
    template: str = "page",
) -> str:
    """Returns the page.

    Args:
        run: what the page's script shows, as JSON.
        arrays: name → uint8, uint16 or float32 array.
        networks: name → network, as ``graph.describe`` returns it.
        template: ``"page"`` of one run, or ``"compare"`` of several.
    """
    packer = _Packer()
    described = {
        **run,
        "arrays": {name: packer.add(values) for name, values in arrays.items()},
        "networks": {name: _pack(graph, packer) for name, graph in networks.items()},
    }
    text = json.dumps(described, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    values = {
        "title": html.escape(run["name"]),
        "style": "".join(map(read, _STYLES[template])),
        # In a script element, only "<" could end it.
        "run": text.replace("<", "\\u003c"),
        "arrays": base64.b64encode(gzip.compress(bytes(packer.data), 9, mtime=0)).decode(),
        "scripts": write_scripts(_SCRIPTS[template]),
    }
    return fill_template(f"{template}.html", values)


def fill_template(name: str, values: Mapping[str, str]) -> str:
    """Returns a page: ``head.html`` and a template, with HTML in the place of each ``{{name}}``.

    The head needs ``title`` and ``style``.
    """
    before, *parts = (read("head.html") + read(name)).split("{{")
    for part in parts:
        name, after = part.split("}}", 1)
        before += values[name] + after
    return before


def write_scripts(names: Sequence[str]) -> str:
    """Returns the script elements of a page."""
    return "\n".join(f"<script>\n{read(name)}</script>" for name in names)


def read(name: str) -> str:
    """Returns a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def _pack(graph: Mapping[str, Any], packer: _Packer) -> dict[str, Any]:
    """Returns a network whose arrays are packed as float24, those of float64 as float32."""

    def pack(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        if value.dtype == np.float64:  # operands of sums in which most digits cancel
            return packer.add(value.astype(np.float32))
        return packer.add_float24(value)

    nodes = {
        name: {
            key: [pack(each) for each in value] if isinstance(value, list) else value
            for key, value in node.items()
        }
        for name, node in graph["nodes"].items()
    }
    return {**graph, "nodes": nodes}


class _Packer:
    """Collects arrays as bytes, each at an offset that is a multiple of four."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def add(self, values: np.ndarray) -> dict[str, Any]:
        """Adds an array as it is; returns its kind, shape and offset."""
        return self._add(str(values.dtype), values.shape, values.tobytes())

    def add_float24(self, values: np.ndarray) -> dict[str, Any]:
        """Adds numbers rounded to 16 significant bits, with a relative error of at most 2^-16.

        The three upper bytes of each float32, all first bytes first: similar bytes are beside
        each other, which gzip compresses better.
        """
        bits = values.astype(np.float32).ravel().view(np.uint32)
        rounded = ((bits.astype(np.uint64) + 0x80) >> 8).astype(np.uint32)
        planes = [(rounded >> shift).astype(np.uint8).tobytes() for shift in (16, 8, 0)]
        return self._add("float24", values.shape, b"".join(planes))

    def _add(self, kind: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
        key = (kind, shape, content)
        if key not in self._known:  # encoder and decoder are parts of several networks
            self.data += bytes(-len(self.data) % 4)
            self._known[key] = {"kind": kind, "shape": list(shape), "offset": len(self.data)}
            self.data += content
        return self._known[key]
