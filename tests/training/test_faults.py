"""Faults of the disk or the process at the end of an epoch: the remaining files load and resume.

By default, one of the many writes to each file fails, and every fourth fault of a full disk is
tried. ``FAULTS=all pytest tests/training/test_faults.py`` tries all faults, which takes minutes.
"""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any, cast

import h5py
import keras
import numpy as np
import pytest

import cli
import models
import runs
from catalog.metrics import name_columns
from tests.faults import MODES, Killed, count, disk
from tests.training.loops import STEPS, Loop
from training import checkpoint
from training.callbacks import RunHistory
from training.checkpointer import Checkpointer
from training.signals import StopSignals

FLAGS = "--dataset digits --hidden_dim 3 --latent_dim 2 --dropout 0.1"
SETTINGS = cli.settings(cli.parse_train(["train.py", *FLAGS.split()]))
VAL_LOSSES = {1: 3.0, 2: 2.0, 3: 1.0, 4: 9.0}  # of the epochs: the third is the best


class Training:
    """What ``fit`` does around an epoch, with a model whose weights equal the epoch plus 5."""

    def __init__(
        self,
        model: keras.Model,
        run: runs.Run,
        resume: bool = False,
        catch_up: bool = True,
        minutes: float = 0.0,
    ):
        self.model = model
        self.loop = Loop()
        rows: list[dict[str, float]] = []
        self.set_weights(-1)
        if resume:
            runs.settle(run)
            values, progress = checkpoint.load(run)
            checkpoint.restore(model, values)
            self.loop.position, rows = progress["position"], progress["history"]
        self.history = RunHistory(run, 100, rows)
        self.saver = Checkpointer(run, cast(Any, self.loop), self.history, StopSignals(), minutes)
        self.saver.set_model(model)
        self.saver.set_params({"epochs": max(VAL_LOSSES)})
        if resume and catch_up:
            self.saver.catch_up(in_epoch=False)

    @property
    def epochs_done(self) -> int:
        return self.loop.position // STEPS

    def set_weights(self, epoch: int) -> None:
        for variable in checkpoint._variables(self.model).values():
            variable.assign(np.full(variable.shape, epoch + 5, variable.dtype))

    def epoch(self) -> None:
        epoch = self.epochs_done + 1
        self.history.on_epoch_begin(epoch - 1)
        self.set_weights(epoch)
        self.history.on_test_begin()
        self.loop.position += STEPS
        losses = dict.fromkeys(name_columns()[1:-2], float(epoch)) | {"val_loss": VAL_LOSSES[epoch]}
        self.history.on_epoch_end(epoch - 1, losses)
        self.saver.on_epoch_end(epoch - 1)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = models.build((4, 4, 1), SETTINGS)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def two_epochs(model, tmp_path) -> runs.Run:
    run = runs.Run(tmp_path / "two epochs" / "run")
    run.start({"status": "training", "started": "now", "flags": SETTINGS})
    training = Training(model, run)
    training.epoch()
    training.epoch()
    return run


def copy(run: runs.Run, folder: Path) -> runs.Run:
    return runs.Run(Path(shutil.copytree(run.folder, folder / "run")))


def weights_of(opened: Any) -> set[float]:
    """Returns the epochs in a model's file: those of all its weights, by ``set_weights``."""
    with (
        zipfile.ZipFile(opened) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        values: list[float] = []

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                values.extend(np.ravel(item[()]).tolist())

        file.visititems(visit)
    assert len(values) > 100
    return {value - 5 for value in values}


def check_files(run: runs.Run, allowed: set[int], best: set[int]) -> None:
    """Checks that every file is intact, of one of these epochs, and of the one in run.json."""
    for name in runs.CHECKPOINTS.values():
        with runs.open_file(run, name) as opened:
            assert opened.epoch in (best if name == runs.CHECKPOINTS["best"] else allowed)
            assert weights_of(opened.file) == {opened.epoch}
    with runs.open_file(run, runs.HISTORY) as opened:
        assert [row["epoch"] for row in runs.read_history(opened.file)][-1] == opened.epoch
        assert opened.epoch in allowed
    values, progress = checkpoint.load(run)
    epoch = progress["position"] // STEPS
    assert epoch in allowed
    assert len(progress["history"]) == epoch
    assert {float(value) - 5 for array in values.values() for value in array.ravel()} == {epoch}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", [3, 4], ids=["after an epoch", "after two, the first better"])
def test_every_fault_while_files_are_written_is_survived(
    model, two_epochs, tmp_path, mode, end, monkeypatch
):
    """If files are written after the fourth epoch, best.keras is of the third."""
    monkeypatch.setattr("runs.files._is_alive", lambda pid: False)
    intact = copy(two_epochs, tmp_path / "intact")

    def begin(run: runs.Run) -> Training:
        training = Training(model, run, resume=True, catch_up=False, minutes=600.0)
        if end == 4:
            training.epoch()  # stays in memory
        else:
            training.saver.minutes = 0.0
        return training

    training = begin(intact)
    assert training.epochs_done == end - 1
    steps = count(intact.folder, training.epoch)
    while training.epochs_done < 4:
        training.epoch()
    kinds = {step.split()[0] for step in steps}
    copies = {"sendfile"} if end == 3 else set()  # of a model that is the last and the best
    assert kinds == {"open", "write", "fsync", "replace", "link", "mkdir", "rmdir"} | copies
    chosen = list(range(len(steps)))
    if os.environ.get("FAULTS") != "all":
        chosen = [at for at in chosen if at == 0 or steps[at] != steps[at - 1]]
        assert len(chosen) > 30
        chosen = chosen[:: 4 if mode == "full disk" else 1]
    for fail_at in chosen:
        step = steps[fail_at]
        run = copy(two_epochs, tmp_path / f"{fail_at}")
        training = begin(run)
        with disk(run.folder, fail_at, mode) as watched:
            try:
                training.epoch()
            except (runs.RunError, Killed):
                pass
            else:
                assert (mode, step) in (
                    ("full disk", "link previous.npz"),
                    ("full disk", "rmdir .writing"),
                )
        assert [entry.split()[0] for entry in watched.done[: fail_at + 1]] == [
            entry.split()[0] for entry in steps[: fail_at + 1]
        ]
        check_files(run, {2, end}, {2, 3})

        training = Training(model, run, resume=True)
        assert training.epochs_done in (2, end)
        check_files(run, {training.epochs_done}, {2, 3})
        while training.epochs_done < 4:
            training.epoch()
        check_end(run, intact)
    print(f"{mode}: {len(chosen)} faults survived, of {len(steps)} possible")


def check_end(run: runs.Run, intact: runs.Run) -> None:
    """Checks that a run ended as the one without faults."""
    assert {path.name for path in run.folder.iterdir()} == {
        path.name for path in intact.folder.iterdir()
    }
    for name, epoch in (("best.keras", 3), ("model.keras", 4)):
        with runs.open_file(run, name) as opened:
            assert (opened.epoch, weights_of(opened.file)) == (epoch, {epoch})
    rows, others = (runs.read_history(one.history_path) for one in (run, intact))
    for row in (*rows, *others):
        del row["seconds"], row["images_per_second"]
    assert rows == others
    (values, _), (others_values, _) = checkpoint.load(run), checkpoint.load(intact)
    for name, value in others_values.items():
        np.testing.assert_array_equal(values[name], value)
    record, other = run.read_record(), intact.read_record()
    assert record["best"] == other["best"] == {"epoch": 3, "val_loss": 1.0}
    assert record["epochs_done"] == other["epochs_done"] == 4


def test_the_best_epoch_of_a_rewound_run_is_in_its_history(model, two_epochs):
    training = Training(model, two_epochs, resume=True)
    training.epoch()  # the best, but discarded by the next line
    runs.settle(two_epochs, previous=True)
    training = Training(model, two_epochs, resume=True)
    assert training.epochs_done == 2
    best = training.history.best_row()
    assert best
    assert best["epoch"] == 2, "the restored model is of the best remaining epoch"
    with runs.open_file(two_epochs, "best.keras") as opened:
        assert (opened.epoch, weights_of(opened.file)) == (2, {2})


def test_resuming_rewrites_damaged_files_that_it_can_recreate(model, two_epochs):
    for path in (two_epochs.history_path, two_epochs.last_path, two_epochs.best_path):
        path.write_bytes(b"damaged")
    Training(model, two_epochs, resume=True)
    check_files(two_epochs, {2}, {2})
