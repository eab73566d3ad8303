"""A training whose loss is no longer finite: the error message, and the files that remain."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

import models
import runs
from data import batches, splits
from models.vae import VAE
from tests.saved_files import epochs_of_files
from tests.settings import make_settings
from training import checkpoint
from training.divergence import Diverged, StopAtDivergence, check_variables
from training.loop import CompiledLoop

WORDS = ("--dataset", "digits", "--num_epochs", "3", "--hidden_dim", "8", "--run_name", "spoiled")
STEPS = 13  # per epoch


@pytest.fixture
def spoil(monkeypatch):
    """Makes the KL of an image infinite in one step, or in the validation after it."""

    def spoil(step: int, validation: bool = False) -> None:
        terms_of = VAE.terms

        def spoiled(self, images, num_samples=1, training=False):
            terms = terms_of(self, images, num_samples, training)
            if training == validation:
                return terms
            is_step = self.optimizer.iterations == (step if validation else step - 1)
            is_first_image = ops.arange(ops.shape(images)[0])[:, None] == 0
            is_spoiled = ops.logical_and(is_step, is_first_image)
            kl = ops.where(is_spoiled, np.inf, terms.kl_by_dimension)
            return terms._replace(kl_by_dimension=kl)

        monkeypatch.setattr(VAE, "terms", spoiled)

    return spoil


def diverge(in_process, capsys, *words: str) -> str:
    """Returns the one line of error with which train.py ends."""
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *WORDS, *words)
    error = capsys.readouterr().err
    assert stopped.value.code == 1
    assert error.count("\n") == 1, error
    return error


@pytest.mark.parametrize(
    ("mode", "step", "steps_per_call"),
    [("graph", STEPS, STEPS), ("xla_step", 1, 5), ("xla_loop", 16, 4)],
)
def test_the_reported_step_and_losses_are_those_made_non_finite(spoil, mode, step, steps_per_call):
    spoil(step)
    model = models.build((8, 8, 1), make_settings(hidden_dim=(4,), latent_dim=2))
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    images = splits.load_train_and_validation("digits")[0].images
    loop = CompiledLoop(model, model.train_step, batches.ResidentBatches(images, 100), mode)
    loop.steps_per_call = steps_per_call
    stop = StopAtDivergence(loop, loop)
    loop.seek(0)

    def train() -> None:
        for _ in range(2):
            loop.begin_epoch()
            for metric in model.metrics:
                metric.reset_state()
            while not loop.epoch_ended:
                stop.on_train_batch_end(0, loop())

    with pytest.raises(Diverged) as diverged:
        train()
    loop.close()
    assert diverged.value.step == step
    assert diverged.value.quantity == "the loss (its kl)"
    assert loop.position < step + steps_per_call


def test_the_files_are_those_of_the_last_finite_epoch(spoil, in_process, tmp_path, capsys):
    spoil(STEPS + 6)
    error = diverge(in_process, capsys, "--steps_per_execution", "4")
    assert error.startswith(
        "train.py: the loss (its kl) is not a finite number in step 19, of epoch 2 (model.keras is "
        "of epoch 1, before it, and best.keras of epoch 1): the steps are most likely too large; "
        "type a smaller --learning_rate than 0.001, and --overwrite"
    )
    run = runs.Run(tmp_path / "trained_model" / "spoiled")
    names = {runs.CHECKPOINT, runs.HISTORY, *runs.CHECKPOINTS.values()}
    assert epochs_of_files(run) == dict.fromkeys(names, 1)
    assert len(runs.read_history(run.history_path)) == 1
    values, progress = checkpoint.load(run)
    assert progress["position"] == STEPS
    assert all(np.isfinite(value).all() for value in values.values())
    record = run.read_record()
    assert (record["status"], record["epochs_done"]) == ("diverged", 1)
    assert record["diverged_in_step"] == 19

    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    for words in (("--resume",), ("--resume", "--num_epochs", "9")):
        assert "spoiled diverged in step 19, and" in diverge(in_process, capsys, *words)
    assert "already holds a run" in diverge(in_process, capsys)
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
    in_process("evaluate", "--run_name", "spoiled", "--checkpoint", "last", "--metrics", "1")
    assert (tmp_path / "result" / "spoiled" / "metrics_last.json").is_file()


def test_a_validation_loss_that_is_not_finite_keeps_the_epoch_before(
    spoil, in_process, tmp_path, capsys
):
    spoil(2 * STEPS, validation=True)
    error = diverge(in_process, capsys)
    assert "(its kl) is not a finite number in the validation after step 26 (model.k" in error
    run = runs.Run(tmp_path / "trained_model" / "spoiled")
    assert set(epochs_of_files(run).values()) == {1}
    assert run.read_record()["diverged_in_step"] == 26


def test_steps_that_are_too_large_are_reported_and_leave_no_model(in_process, tmp_path, capsys):
    error = diverge(in_process, capsys, "--learning_rate", "1e6", "--checkpoint_minutes", "0")
    assert " is not a finite number in step " in error
    assert ", of epoch 1 (no model was saved before): the steps are most likely too large" in error
    assert "type a smaller --learning_rate than 1e+06" in error
    run = runs.Run(tmp_path / "trained_model" / "spoiled")
    record = run.read_record()
    assert record["status"] == "diverged"
    assert 1 < record["diverged_in_step"] <= STEPS
    assert not run.best_path.exists()
    if run.checkpoint_path.exists():
        values, _ = checkpoint.load(run)
        assert all(np.isfinite(value).all() for value in values.values())
    with pytest.raises(SystemExit):
        in_process("evaluate", "--run_name", "spoiled", "--metrics", "1")
    assert "the run diverged before it had finished an epoch" in capsys.readouterr().err


def test_the_first_step_is_not_reported_as_too_large(in_process, capsys):
    error = diverge(in_process, capsys, "--initializer", "normal", "--init_stddev", "1e15")
    assert " is not a finite number in step 1, of epoch 1" in error
    assert "before the first step" in error
    assert "--learning_rate" not in error


def test_weights_that_the_last_step_made_non_finite_are_not_written():
    """Only the loss of the next step would show them."""
    model = models.build((4, 4, 1), make_settings(hidden_dim=(4,), latent_dim=2))
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    model.optimizer.build(model.trainable_variables)
    check_variables(model, 5)
    for variable in (model.decoder.logits.bias, model.optimizer.variables[-1]):
        value = variable.numpy()
        variable.assign(np.where(np.arange(value.size).reshape(value.shape) == 1, np.inf, value))
        with pytest.raises(Diverged) as diverged:
            check_variables(model, 5)
        assert diverged.value.quantity == variable.path
        assert diverged.value.moment == "after step 5"
        variable.assign(value)
