"""Loading a trained model gives what Keras would, and executes nothing in a stranger's file."""

from __future__ import annotations

import functools
import itertools
import json
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import models
import runs
from catalog.models import MODELS
from evaluation import trained_model
from tests.models.sizes import SMALL_NETWORKS, small_settings

IMAGES = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)


def build(settings: dict[str, Any]) -> keras.Model:
    return models.build((8, 8, 1), settings, 10, 1293)


def write_run(folder: Path, settings: dict[str, Any], write: Callable[[Path], object]) -> runs.Run:
    run = runs.Run(folder / "run")
    run.start({"status": "finished", "started": "now", "flags": settings})
    runs.commit(run, {"best.keras": write}, 3)
    return run


@pytest.fixture(params=itertools.product(MODELS, SMALL_NETWORKS), ids="-".join)
def settings(request) -> dict[str, Any]:
    model, network = request.param
    return small_settings(network, model=model, latent_dim=3, dropout=0.1, l2=0.01, seed=5)


def test_every_model_equals_the_one_that_keras_opens(settings, tmp_path):
    model = build(settings)
    rates = keras.optimizers.schedules.CosineDecay(0.001, decay_steps=10)
    model.compile(optimizer=keras.optimizers.Adam(rates))
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.1, weight.shape))
    run = write_run(tmp_path, settings, model.save)
    loaded, epoch = trained_model.load(run, "best", functools.partial(build, settings))
    opened = keras.saving.load_model(run.best_path)
    assert epoch == 3
    assert type(loaded) is type(opened)
    assert len(loaded.weights) == len(opened.weights)
    for ours, theirs in zip(loaded.weights, opened.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), opened.reconstruct(IMAGES))
    np.testing.assert_array_equal(loaded(IMAGES), opened(IMAGES))  # z drawn alike


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_in_half_precision_equals_the_one_that_keras_opens(precision, tmp_path):
    before = keras.config.dtype_policy()
    settings = small_settings("mlp", latent_dim=3, precision=precision)
    try:
        model = build(settings)
        model.compile(optimizer=keras.optimizers.Adam(0.001))
        model.optimizer.build(model.trainable_variables)
        run = write_run(tmp_path, settings, model.save)
        loaded, _ = trained_model.load(run, "best", functools.partial(build, settings))
    finally:
        keras.config.set_dtype_policy(before)
    opened = keras.saving.load_model(run.best_path)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), opened.reconstruct(IMAGES))


# ------------------------------------------------------------------------- strangers

SMALL = small_settings("mlp", latent_dim=3)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("good") / "best.keras"
    build(SMALL).save(path)
    return path


def change(source: Path, target: Path, alter: Callable[[dict[str, Any]], None]) -> None:
    """Copies a model with another config.json."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as made:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                config = json.loads(content)
                alter(config)
                content = json.dumps(config).encode()
            made.writestr(name, content)


def refuse(run: runs.Run, settings: dict[str, Any] = SMALL) -> str:
    with pytest.raises(runs.RunError) as error:
        trained_model.load(run, "best", functools.partial(build, settings))
    message = str(error.value)
    assert message.startswith(f"{run.best_path} is refused (")
    assert "\n" not in message
    return message


class _Evil(keras.layers.Layer):
    made = 0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        _Evil.made += 1


def lambda_layer(config):
    function = {"class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None}}
    config["config"]["encoder"] = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "registered_name": None,
        "config": {"name": "encoder", "function": function},
    }


def function_by_path(config):
    config["compile_config"] = {
        "optimizer": "adam",
        "loss": {"module": "os", "class_name": "function", "config": "system"},
    }


def another_class(config):
    config["config"]["prior"] = {
        "module": "tests",
        "class_name": "_Evil",
        "registered_name": "tests>_Evil",
        "config": {},
    }


@pytest.mark.parametrize("alter", [lambda_layer, function_by_path, another_class])
def test_no_class_that_a_file_names_is_created(good, tmp_path, alter):
    keras.saving.register_keras_serializable("tests")(_Evil)
    run = write_run(tmp_path, SMALL, lambda path: change(good, path, alter))
    loaded, _ = trained_model.load(run, "best", functools.partial(build, SMALL))
    assert _Evil.made == 0
    opened = keras.saving.load_model(good)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), opened.reconstruct(IMAGES))


def test_a_model_with_another_activation_than_the_runs_is_refused(good, tmp_path):
    run = write_run(tmp_path, SMALL, lambda path: shutil.copyfile(good, path))
    settings = {**SMALL, "activation": ("elu",)}
    assert 'its activation is ["tanh"], but run.json\'s flags give ["elu"]' in refuse(run, settings)


def test_a_file_that_claims_another_size_is_refused(good, tmp_path):
    def alter(config):
        config["config"]["encoder"]["config"]["hidden_dims"] = [10**6, 10**6]

    run = write_run(tmp_path, SMALL, lambda path: change(good, path, alter))
    assert "its hidden_dims is [1000000, 1000000], but" in refuse(run)


def test_a_run_json_that_claims_a_huge_model_costs_no_memory(good, tmp_path):
    """The weights would take four terabytes; the second file agrees on the sizes."""
    sizes = {"hidden_dim": (10**6, 10**6), "activation": ("tanh",)}
    settings = {**SMALL, **sizes}
    run = write_run(tmp_path, settings, lambda path: shutil.copyfile(good, path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(run, settings)

    def agree(config):
        for part in ("encoder", "decoder"):
            config["config"][part]["config"]["hidden_dims"] = [10**6, 10**6]

    run = write_run(tmp_path / "agrees", settings, lambda path: change(good, path, agree))
    assert "its model's weights are incomplete: " in refuse(run, settings)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_weights_under_other_names_than_the_models_are_refused(good, tmp_path):
    """The shapes are right, but Keras would not find them."""
    import io

    import h5py

    def rename(path: Path) -> None:
        with zipfile.ZipFile(good) as archive, zipfile.ZipFile(path, "w") as made:
            for name in archive.namelist():
                content = archive.read(name)
                if name.endswith(".h5"):
                    stream = io.BytesIO(content)
                    with h5py.File(stream, "r+") as file:
                        file.move("encoder", "somewhere")
                    content = stream.getvalue()
                made.writestr(name, content)

    run = write_run(tmp_path, SMALL, rename)
    with pytest.raises(runs.RunError, match=r"best\.keras cannot be opened") as error:
        trained_model.load(run, "best", functools.partial(build, SMALL))
    assert "\n" not in str(error.value)


def test_a_file_of_an_older_version_is_opened(good, tmp_path):
    """It has fewer keys, other modules, and objects with other configurations."""

    def age(config):
        del config["config"]["seed"]
        config["module"] = "models.somewhere"
        config["config"]["encoder"]["module"] = "models.mlp"
        config["config"]["objective"] = {
            "module": "models.objectives",
            "class_name": "Objective",
            "config": {"free_bits": 0.5},
            "registered_name": "models>Objective",
        }

    run = write_run(tmp_path, SMALL, lambda path: change(good, path, age))
    loaded, _ = trained_model.load(run, "best", functools.partial(build, SMALL))
    opened = keras.saving.load_model(good)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), opened.reconstruct(IMAGES))
