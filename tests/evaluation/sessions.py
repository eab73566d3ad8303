"""Sessions for tests: with a fake model and given images, or of a run on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import data
import runs
from data.sources import digits
from evaluation.session import Session
from tests.settings import make_settings

FLAGS = {
    "num_gen": 20,
    "num_points": 1000,
    "seed": 0,
    "data_dir": None,
    "ood_dataset": None,
    "report": False,
    "nll": None,
    "features": "mean",
    "split": "test",
}


def load_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the official training images (1,437) or test images (360), and their labels."""
    return digits.load(data.describe("digits"), split)


def make_session(
    folder: Path,
    model: Any = None,
    test: tuple[np.ndarray, np.ndarray | None] | None = None,
    train: tuple[np.ndarray, np.ndarray | None] | None = None,
    settings: dict[str, Any] | None = None,
    record: dict[str, Any] | None = None,
    checkpoint: str = "best",
    info: dict[str, Any] | None = None,
    **flags: Any,
) -> Session:
    """Returns a session of ``folder``/a_run that writes to ``folder``; nothing is on disk.

    Args:
        model: replaces the trained one.
        test, train: images and labels that replace those of the dataset.
        settings: of the run; the others are those of digits in two latent dimensions.
        record: further fields of run.json.
        info: changed fields of the dataset's description.
        flags: of evaluate.py.
    """
    defaults = {"dataset": "digits", "latent_dim": 2, "model": "vae", "binarize": "none"}
    chosen = {**defaults, **(settings or {})}
    session = Session(
        run=runs.Run(folder / "a_run"),
        record={"flags": chosen, "started": "2026", **(record or {})},
        checkpoint=checkpoint,
        result_dir=folder,
        flags={**FLAGS, **flags},
    )
    for split, images in (("test", test), ("train", train)):
        if images is not None:
            session.loaded[chosen["dataset"], split] = images
    if model is not None:
        session.model = model
    if info:
        session.info = dataclasses.replace(session.info, **info)
    return session


def save_untrained_run(folder: Path, **settings: Any) -> Session:
    """Saves a small untrained model as a run of one epoch; returns a session that opens it."""
    import models

    small = {"dataset": "digits", "hidden_dim": (8,), "latent_dim": 2, **settings}
    chosen = make_settings(**small)
    run = runs.Run(folder / "trained_model" / "untrained")
    run.start({"status": "finished", "started": "2026", "flags": chosen, "data_dir": None})
    session = Session(run, run.read_record(), "best", folder / "result" / "untrained", FLAGS)
    info = session.info
    num_train = info.num_train - chosen["num_validation"]
    model = models.build(info.image_shape, chosen, len(info.class_names or ()), num_train)
    row = {"epoch": 1, "loss": 9.0, "val_loss": 8.0}
    writers = {
        "best.keras": model.save,
        "history.csv": lambda path: runs.write_history(path, [row]),
    }
    runs.commit(run, writers, 1, epochs_done=1, best=runs.describe_best(row))
    session.record = run.read_record()
    return session
