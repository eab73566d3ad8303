"""Images per second, time to the first batch and memory of the sources of images.

    python -m benchmarks.sources --json docs/speed.json     all sources, and PyTorch's DataLoader
    python -m benchmarks.sources --million --json docs/speed.json    a folder of 1,000,000 files
    python -m benchmarks.sources --images 500 --rounds 3    a quick look

The same pictures, made here, are read as a folder, an ``.npz`` file and a prepared dataset of TFDS,
and by PyTorch's DataLoader from the folder. As in ``benchmarks.training``, all contenders run at
the same time, each in its own process, and read one epoch after another in turn.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import training

SIZE, CLASSES, BATCH = 64, 10, 100
_SECONDS = 2.0  # between two looks at a process's memory, which take processor time
LINKS = 30_000  # names of one file; ext4 allows 65,000
Epoch = Callable[[], Iterator[Any]]

# row → worker, its options
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "folder, streamed": ("ours", {"source": "folder", "stream": True}),
    "folder, in memory": ("ours", {"source": "folder", "stream": False}),
    ".npz": ("ours", {"source": "npz", "stream": False}),
    "TFDS, streamed": ("ours", {"source": "tfds", "stream": True}),
    "TFDS, in memory": ("ours", {"source": "tfds", "stream": False}),
    "DataLoader, no workers": ("data_loader", {"workers": 0}),
    "DataLoader, 2 workers": ("data_loader", {"workers": 2}),
}
MILLION = {"1,000,000 files, streamed": ("ours", {"source": "many", "stream": True, "epochs": 0})}


# ------------------------------------------------------------------------------ the images


def write_pictures(folder: Path, count: int) -> None:
    """Writes color pictures of 200 to 400 pixels a side: three quarters JPEG, the rest PNG."""
    generator = np.random.default_rng(0)
    for number in range(count):
        height, width = generator.integers(200, 401, 2)
        coarse = generator.integers(0, 256, (9, 9, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        noise = generator.integers(-8, 9, (height, width, 3))
        picture = Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8))
        of_class = folder / f"class {number % CLASSES}"
        of_class.mkdir(parents=True, exist_ok=True)
        picture.save(of_class / f"{number:06}.{'png' if number % 4 == 0 else 'jpg'}", quality=90)


def convert(root: Path) -> None:
    """Writes the pictures of ``root/pictures``, resized, to an .npz file and as TFDS would."""
    from data import decoding

    shape = (SIZE, SIZE, 3)
    paths = sorted((root / "pictures").rglob("*.*"))
    images = np.stack([decoding.decode(path, shape, resize=True, to_gray=False) for path in paths])
    labels = np.array([int(path.parent.name.split()[1]) for path in paths])
    # Shuffled, as TFDS stores them.
    order = np.random.default_rng(0).permutation(len(images))
    np.savez(root / "pictures.npz", images=images[order], labels=labels[order])
    _write_tfds(root / "tfds", images[order], labels[order])


def describe_tfds(count: int) -> Any:
    """Returns the description of the dataset that ``convert`` writes as TFDS would."""
    import data

    num_test = count // 10
    return dataclasses.replace(
        data.DATASETS["mnist"],
        name="pictures",
        image_shape=(SIZE, SIZE, 3),
        num_train=count - num_test,
        num_test=num_test,
        num_validation=(count - num_test) // 10,
        version="1.0.0",
        sha256={},
    )


def _write_tfds(data_dir: Path, images: np.ndarray, labels: np.ndarray) -> None:
    import tensorflow as tf

    info = describe_tfds(len(images))
    folder = data_dir / info.name / info.version
    folder.mkdir(parents=True)
    parts = {"train": slice(info.num_train), "test": slice(info.num_train, None)}
    splits = []
    for split, part in parts.items():
        path = folder / f"{info.name}-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for image, label in zip(images[part], labels[part], strict=True):
                png = tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
                number = tf.train.Int64List(value=[label])
                feature = {
                    "image": tf.train.Feature(bytes_list=png),
                    "label": tf.train.Feature(int64_list=number),
                }
                features = tf.train.Features(feature=feature)
                writer.write(tf.train.Example(features=features).SerializeToString())
        splits.append(
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split,
                "numBytes": str(path.stat().st_size),
                "shardLengths": [str(len(images[part]))],
            }
        )
    written = {"name": info.name, "version": info.version, "fileFormat": "tfrecord"}
    (folder / "dataset_info.json").write_text(json.dumps({**written, "splits": splits}))


def write_many(folder: Path, count: int) -> None:
    """Writes ``count`` files of one pixel, 1,000 in a folder, as links to a few."""
    for number in range(count):
        of_class = folder / f"class {number // 1000:04}"
        if number % 1000 == 0:
            of_class.mkdir(parents=True)
        path = of_class / f"{number:07}.png"
        if number % LINKS == 0:
            first = path
            Image.new("RGB", (1, 1)).save(first)
        else:
            os.link(first, path)


# ---------------------------------------------------------------------------- the contenders


def ours(root: Path, options: dict[str, Any]) -> Epoch:
    """This repository: the batches that train.py trains on."""
    from training import device

    device.set_up_tensorflow()
    import tensorflow as tf

    import data
    from data import loading

    stored = {"folder": "pictures", "npz": "pictures.npz", "many": "many"}
    if options["source"] == "tfds":
        info = describe_tfds(sum(1 for _ in (root / "pictures").rglob("*.*")))
    else:
        size = None if options["source"] == "many" else (SIZE, SIZE)
        info = data.describe(str(root / stored[options["source"]]), None, {"image_size": size})
    settings = {
        "num_validation": info.num_validation,
        "binarize": "none",
        "batch_size": BATCH,
        "seed": 0,
        "stream": options["stream"],
    }
    batches, _, _ = loading.load_batches(settings, str(root / "tfds"), info=info)
    numbers = itertools.count()

    def epoch() -> Iterator[Any]:
        for step, batch in enumerate(batches.epoch(next(numbers))):
            yield batches.fetch(tf.constant(batch), tf.constant(step, tf.int64))

    return epoch


def data_loader(root: Path, options: dict[str, Any]) -> Epoch:
    """PyTorch's DataLoader on a folder.

    The dataset does what torchvision's ImageFolder does with the transforms Resize and CenterCrop.
    """
    import torch

    class Folder(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.paths = sorted((root / "pictures").rglob("*.*"))

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, index: int) -> Any:
            with open(self.paths[index], "rb") as file:
                image = Image.open(file).convert("RGB")
            scale = SIZE / min(image.size)
            width, height = (max(SIZE, round(scale * side)) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
            left, top = (width - SIZE) // 2, (height - SIZE) // 2
            image = image.crop((left, top, left + SIZE, top + SIZE))
            return torch.from_numpy(np.array(image)).permute(2, 0, 1)

    workers = options["workers"]
    loader = torch.utils.data.DataLoader(
        Folder(), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )

    def epoch() -> Iterator[Any]:
        for batch in loader:
            yield batch.float() / 255

    return epoch


WORKERS: dict[str, Callable[[Path, dict[str, Any]], Epoch]] = {
    function.__name__: function for function in (ours, data_loader)
}


def work(name: str, root: Path, options: dict[str, Any]) -> None:
    """Reads one batch, then an epoch for each line on the standard input; answers in JSON."""
    epoch = WORKERS[name](root, options)
    batches = epoch()
    next(batches)
    print(json.dumps({"ready": True}), flush=True)
    for _ in range(options.get("epochs", 1)):  # the rest of the first, which is not timed
        for _ in batches:
            pass
    for _ in sys.stdin:
        began = time.perf_counter()
        count = sum(len(batch) for batch in epoch())
        seconds = time.perf_counter() - began
        print(json.dumps({"images_per_second": count / seconds}), flush=True)


class Contender:
    """A worker in its own process.

    Attributes:
        first_batch: seconds from its start to its first batch.
        peak: its largest memory so far in MiB, with its children; pages that they share count once.
        rates: images per second of each epoch.
    """

    def __init__(self, worker: str, root: Path, options: dict[str, Any]):
        words = ["--worker", worker, "--root", str(root), "--options", json.dumps(options)]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sources", *words],
            cwd=training.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(root / "cache")},
        )
        self.peak = 0.0
        threading.Thread(target=self._watch, daemon=True).start()
        self._answer()
        self.first_batch = time.perf_counter() - began
        self.rates: list[float] = []

    def read_epoch(self) -> None:
        """Reads one epoch and keeps its rate."""
        assert self._process.stdin is not None
        self._process.stdin.write("epoch\n")
        self._process.stdin.flush()
        self.rates.append(self._answer()["images_per_second"])

    def stop(self) -> None:
        """Ends its process once it is idle."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"a worker ended with status {self._process.wait()}")

    def _watch(self) -> None:
        while self._process.poll() is None:
            self.peak = max(self.peak, measure_memory(self._process.pid))
            time.sleep(_SECONDS)


def measure_memory(pid: int) -> float:
    """Returns the memory of a process and its children in MiB, shared pages counted once."""
    try:
        parts = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0.0
    own = next((int(line.split()[1]) for line in parts if line.startswith("Pss:")), 0)
    return own / 1024 + sum(measure_memory(int(child)) for child in children)


# ------------------------------------------------------------------------------- the tables


def compare(
    root: Path, rows: dict[str, tuple[str, dict[str, Any]]], rounds: int
) -> dict[str, dict[str, Any]]:
    """Measures the rows of one table in turn."""
    contenders = {}
    for name, (worker, options) in rows.items():
        print(f"  preparing {name}", file=sys.stderr, flush=True)
        contenders[name] = Contender(worker, root, options)
    for _ in range(rounds):
        for contender in contenders.values():
            contender.read_epoch()
    measured = {}
    for name, contender in contenders.items():
        contender.stop()
        measured[name] = {
            "images_per_second": statistics.median(contender.rates) if contender.rates else None,
            "first_batch_seconds": contender.first_batch,
            "peak_memory_mib": contender.peak,
        }
    return measured


def measure(arguments: argparse.Namespace, root: Path) -> tuple[str, dict[str, Any]]:
    """Writes the images to a folder; returns a table and its name."""
    if arguments.million:
        began = time.perf_counter()
        write_many(root / "many", arguments.images)
        print(f"made {arguments.images:,} files in {time.perf_counter() - began:.0f} s", flush=True)
        return "million files", {"sources": compare(root, MILLION, 0), "rounds": 1}
    write_pictures(root / "pictures", arguments.images)
    convert(root)
    rows = compare(root, ROWS, arguments.rounds)
    return "sources", {"sources": rows, "rounds": arguments.rounds, "images": arguments.images}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, help="number of pictures; 4,000, or a million")
    parser.add_argument("--rounds", type=int, default=5, help="number of timed epochs")
    parser.add_argument("--million", action="store_true", help="a folder of 1,000,000 files")
    parser.add_argument("--root", type=Path, help="where to make the images; it must be empty")
    parser.add_argument("--json", type=Path, help="file to write; other tables in it stay")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.root, arguments.options)
        return
    arguments.images = arguments.images or (1_000_000 if arguments.million else 4_000)
    with tempfile.TemporaryDirectory(dir=arguments.root) as root:
        name, table = measure(arguments, Path(root))
    for row, facts in table["sources"].items():
        rate = facts["images_per_second"] or 0
        print(
            f"{row:<28}{rate:>9,.0f} images/s, first batch after "
            f"{facts['first_batch_seconds']:.1f} s, {facts['peak_memory_mib']:,.0f} MiB"
        )
    if arguments.json:
        facts = {**training.describe_machine(), "date": training.today(), **table}
        training.replace_tables(arguments.json, {name: facts})
        print(f"\nwritten:\n  {arguments.json}")


if __name__ == "__main__":
    main()
