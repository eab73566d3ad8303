"""``--encode IMAGES``: z of the user's images, as arrays and as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.progress import Progress
from evaluation.session import Session


def check(session: Session) -> None:
    """Prints what will be encoded; raises DataError for images that do not fit the run."""
    images = session.new_images
    print(f"encodes   {len(images):,} images" + (images.scaling and f", {images.scaling}"))
    if session.settings["binarize"] != "none":
        print("          the run's images are black and white; these keep their gray values")


def run(session: Session) -> list[Path]:
    """Writes encoded.npz and encoded.csv.

    encoded.npz holds the posteriors, ``z_mean`` and ``z_log_var``, float32 (num_images,
    latent_dim) each, and ``names`` (num_images,). An autoencoder, whose codes have no variance,
    has no ``z_log_var``. encoded.csv has a row for each image: ``file``, ``z_mean_1``, ….
    """
    from evaluation import batching

    new, encoded = session.new_images, []
    num_done, progress = 0, Progress()
    for images in new.batches():
        encoded.append(batching.encode(session, images.astype("float32") / 255))
        num_done += len(images)
        progress.show(f"  {num_done:,} of {len(new):,} images", num_done == len(new))
    z_mean, z_log_var = map(np.concatenate, zip(*encoded, strict=True))
    arrays: dict[str, Any] = {"names": np.array(new.names), "z_mean": z_mean}
    if session.model.is_variational:
        arrays["z_log_var"] = z_log_var
    with session.write("encoded.npz") as path:
        np.savez(path, **arrays)
    columns = [f"z_mean_{dim + 1}" for dim in range(session.latent_dim)]
    with session.write("encoded.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *columns])
        # A float32 prints the fewest digits that determine it.
        writer.writerows([name, *map(str, z)] for name, z in zip(new.names, z_mean, strict=True))
    return [session.path("encoded.npz"), session.path("encoded.csv")]
