"""``--export_samples N``: samples of the prior as PNG files, in one folder a class."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np

import runs
from evaluation import samples
from evaluation.context import Context

_AT_ONCE = 1000  # images in memory


def check(context: Context) -> None:
    """Raises RequestError for a model without a classifier."""
    samples.check_classifier(context, "export_samples")


def run(context: Context) -> list[Path]:
    """Writes samples/<class>/<number>.png, and samples/labels.csv with a row for each.

    The classes are those that the classifier calls the samples; the pixels are E[x|z], grey
    values as in the dataset. What an earlier call exported is replaced.
    """
    import tensorflow as tf

    from evaluation import batching

    count = context.flags["export_samples"]
    folder = context.path("samples")
    shutil.rmtree(folder, ignore_errors=True)
    folders = [folder / name_folder(name) for name in context.class_names]
    for of_class in folders:
        of_class.mkdir(parents=True)
    z = samples.draw(context, count)
    called, probability = samples.call(context, z)
    digits = len(str(count - 1))
    rows = []
    for first in range(0, count, _AT_ONCE):
        images = batching.decode(context.model, z[first : first + _AT_ONCE])
        grey = np.round(images * 255).astype(np.uint8)
        for number, image in enumerate(grey, start=first):
            path = folders[called[number]] / f"{number:0{digits}}.png"
            path.write_bytes(tf.io.encode_png(image).numpy())
            name = context.class_names[called[number]]
            rows.append((path.relative_to(folder).as_posix(), name, f"{probability[number]:.6f}"))
        print(f"\r  {len(rows):,} of {count:,} samples", end="", flush=True)
    print()
    table = folder / "labels.csv"
    with runs.write_atomically(table) as beside, beside.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "class", "probability"), *rows])
    return [*(of_class for of_class in folders if any(of_class.iterdir())), table]


def name_folder(class_name: str) -> str:
    """Returns a class's name as a folder can have it: ``T-shirt-top`` for ``T-shirt/top``."""
    return class_name.replace("/", "-")
