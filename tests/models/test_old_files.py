"""Models and runs written before the split of objective, β schedule and L2 penalty.

``tests/old_runs`` holds runs of two epochs on the digits, trained by the program as it was at
commit fcc38ed, and ``numbers.npz`` with what that program computed from them. The last model of
each run is identical to its best one, and is not stored twice.
"""

from __future__ import annotations

import functools
import json
import shlex
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import cli
import models
import runs
from data import splits
from evaluation import trained_model
from training import checkpoint
from training.fit import compile_with_adam

OLD_RUNS = Path(__file__).resolve().parents[1] / "old_runs"
NAMES = ("old_vae", "old_autoencoder", "old_classifier", "old_conv")
NUM_TRAIN = 1293
NOT_COMPARED = ("epoch", "seconds", "images_per_second")


@pytest.fixture(scope="module")
def numbers() -> dict[str, np.ndarray]:
    with np.load(OLD_RUNS / "numbers.npz") as file:
        return dict(file)


def copy_run(name: str, folder: Path) -> runs.Run:
    """Copies a run into a folder of runs."""
    target = folder / name
    shutil.copytree(OLD_RUNS / name, target)
    shutil.copy(target / "best.keras", target / "model.keras")
    return runs.Run(target)


def build(run: runs.Run) -> keras.Model:
    """Returns the model that run.json describes, untrained."""
    settings = cli.read_record(run)["flags"]
    return models.build((8, 8, 1), settings, num_classes=10, num_train=NUM_TRAIN)


def check_numbers(model: keras.Model, name: str, numbers: dict[str, np.ndarray]) -> None:
    images = splits.load_test("digits").images[:5] / np.float32(255)
    z_mean, z_log_var = model.encode(images)
    found = {
        "z_mean": z_mean,
        "z_log_var": z_log_var,
        "reconstruction": model.reconstruct(images),
        "generated": model.generate(3, seed=1),
    }
    model.sampling.restart(3)
    losses = model.compute_losses((images, numbers["labels"]) if model.uses_labels else images)
    found |= {f"losses/{part}": values for part, values in losses.items()}
    if model.uses_labels:
        found["probabilities"] = model.classify(images)
    expected = {
        key.removeprefix(f"{name}/"): values
        for key, values in numbers.items()
        if key.startswith(f"{name}/") and "/epoch_3/" not in key
    }
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_keras_opens_an_old_model_and_it_computes_the_same_numbers(name, numbers):
    model = keras.saving.load_model(OLD_RUNS / name / "best.keras")
    check_numbers(model, name, numbers)


def test_an_old_objective_becomes_free_bits_and_a_schedule():
    model = keras.saving.load_model(OLD_RUNS / "old_vae" / "best.keras")
    assert model.objective.get_config() == {"free_bits": 0.1}
    assert type(model.beta_schedule) is models.schedules.Linear
    assert model.beta_schedule.get_config() == {"start": 0.0, "steps": 5}


@pytest.mark.parametrize("name", NAMES)
def test_an_old_model_is_saved_again_in_the_new_form(name, numbers, tmp_path):
    keras.saving.load_model(OLD_RUNS / name / "best.keras").save(tmp_path / "again.keras")
    check_numbers(keras.saving.load_model(tmp_path / "again.keras"), name, numbers)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_opens_an_old_run(name, numbers, tmp_path):
    run = copy_run(name, tmp_path)
    for which in ("best", "last"):
        model, epoch = trained_model.load(run, which, functools.partial(build, run))
        assert epoch == 2
        check_numbers(model, name, numbers)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_checkpoint_fits_the_model_of_its_run(name, numbers, tmp_path):
    run = copy_run(name, tmp_path)
    keras.utils.clear_session()
    model = build(run)
    compile_with_adam(model, cli.read_record(run)["flags"], 13)
    resumed = checkpoint.resume(model, run, 13)
    assert resumed is not None
    values, progress = resumed
    assert (progress["position"], len(progress["history"])) == (26, 2)
    assert int(model.optimizer.iterations) == 26
    check_numbers(model, name, numbers)
    # Moments of Adam and positions of random streams too. ``check_numbers`` restarted one.
    checkpoint.restore(model, values)
    found, expected = by_path(checkpoint.capture(model)), by_path(values)
    no_longer = {"objective/total", "objective/count"} if name == "old_autoencoder" else set()
    assert found.keys() == expected.keys() - no_longer
    for path, value in found.items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)


def by_path(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the values of a checkpoint by the paths of their variables, without positions."""
    paths = {key.partition(" ")[2]: value for key, value in values.items()}
    assert len(paths) == len(values)
    return paths


def check_third_epoch(run: runs.Run, numbers: dict[str, np.ndarray]) -> None:
    """Compares with the old program's own third epoch; the epochs before it stay as they are."""
    history = runs.read_history(run.history_path)
    assert history[:2] == runs.read_history(OLD_RUNS / run.name / "history.csv")
    assert len(history) == 3
    expected = {
        key.rpartition("/")[2]: float(value)
        for key, value in numbers.items()
        if key.startswith(f"{run.name}/epoch_3/")
    }
    found = {name: value for name, value in history[2].items() if name not in NOT_COMPARED}
    if run.name in ("old_vae", "old_autoencoder"):  # the old objective included the L2 penalty
        model = keras.saving.load_model(run.folder / "model.keras")
        squares = sum(np.square(weight).sum() for weight in model.trainable_variables)
        penalty = expected.pop("objective") - found.pop("objective")
        assert penalty == pytest.approx(0.01 / 2 * squares, rel=0.03)
    assert found == pytest.approx(expected, rel=1e-5)
    assert run.read_record()["status"] == "finished"


def resume_words(run: runs.Run) -> list[str]:
    """Returns the command line of a run, for one epoch more."""
    _, _, *words = shlex.split(json.loads(run.record_path.read_text())["command"])
    words = [word for word in words if word != "--overwrite"]
    if run.name == "old_classifier":  # defaults that have changed since
        words += ["--classifier_weight", "12", "--classifier_dims", "3,6"]
    return [*words, "--num_epochs", "3", "--resume"]


@pytest.mark.parametrize("name", NAMES)
def test_an_old_run_is_resumed_and_continues_as_the_old_program_did(
    name, numbers, in_process, tmp_path
):
    run = copy_run(name, tmp_path / "trained_model")
    keras.utils.clear_session()
    in_process("train", *resume_words(run))
    check_third_epoch(run, numbers)


def test_an_old_run_is_resumed_and_evaluated_by_the_scripts(numbers, run_script, in_process, tree):
    run = copy_run("old_vae", tree / "trained_model")
    resumed = run_script("train.py", *resume_words(run), tensorflow=True)
    assert resumed.returncode == 0, resumed.stderr
    check_third_epoch(run, numbers)
    in_process("evaluate", "--run_name", run.name, "--metrics", root=tree)
