"""A trained model is what Keras would open, and of a stranger's file nothing is run."""

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
from evaluation import trained_model
from models.table import MODELS
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


def test_every_model_is_the_one_that_keras_opens(settings, tmp_path):
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
def test_a_model_in_half_precision_is_the_one_that_keras_opens(precision, tmp_path):
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


def under_our_name(config):
    config["config"]["prior"] = {
        "module": "tests",
        "class_name": "_Evil",
        "registered_name": "models>StandardNormal",
        "config": {},
    }


def another_of_ours(config):
    """A class that is known, in a place where its model has another."""
    config["config"]["prior"] = {**config["config"]["encoder"]}


def huge(config):
    config["config"]["encoder"]["config"]["hidden_dims"] = [10**6, 10**6]


def another_size(config):
    config["config"]["encoder"]["config"]["latent_dim"] = 4


def another_shape(config):
    config["config"]["encoder"]["build_config"]["input_shape"] = [None, 9, 9, 1]


def unknown_key(config):
    config["config"]["evil"] = True


@pytest.mark.parametrize(
    ("alter", "part"),
    [
        (lambda_layer, "'Lambda', which is no class of this program's models"),
        (function_by_path, "'os', 'function', which is no class"),
        (another_class, "'_Evil', 'tests>_Evil', which is no class"),
        (under_our_name, "'_Evil', 'models>StandardNormal', which is no class"),
        (another_of_ours, "it is not of the flags in run.json: it has prior."),
        (huge, "it has encoder.config.hidden_dims"),
        (another_size, "it has encoder.config.latent_dim, 4 and not 3"),
        (another_shape, "it has encoder.build_config.input_shape[1], 9 and not 8"),
        (unknown_key, "it has evil, which its model has not"),
    ],
)
def test_a_file_that_names_anything_else_than_the_runs_model_is_refused(
    good, tmp_path, alter, part
):
    keras.saving.register_keras_serializable("tests")(_Evil)
    run = write_run(tmp_path, SMALL, lambda path: change(good, path, alter))
    assert part in refuse(run)
    assert _Evil.made == 0
    # The same file with nothing altered is opened, so that it was this that was refused.
    fine = write_run(tmp_path / "fine", SMALL, lambda path: change(good, path, lambda config: None))
    trained_model.load(fine, "best", functools.partial(build, SMALL))


def test_a_run_json_that_claims_a_huge_model_costs_no_memory(good, tmp_path):
    """Four terabytes of weights, had they been made; and a file that agrees on the sizes."""
    sizes = {"hidden_dim": "1000000,1000000", "activation": "tanh"}
    settings = {**SMALL, **sizes}
    run = write_run(tmp_path, settings, lambda path: shutil.copyfile(good, path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "hidden_dims" in refuse(run, settings)

    def agree(config):
        for part in ("encoder", "decoder"):
            config["config"][part]["config"]["hidden_dims"] = [10**6, 10**6]

    run = write_run(tmp_path / "agrees", settings, lambda path: change(good, path, agree))
    assert "it lacks weights of its model: " in refuse(run, settings)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_weights_in_other_places_than_the_models_are_refused(good, tmp_path):
    """The right shapes under wrong names: Keras would not find them."""
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


def test_a_model_of_before_a_key_was_learned_is_opened(good, tmp_path):
    def forget(config):
        del config["config"]["seed"]

    run = write_run(tmp_path, SMALL, lambda path: change(good, path, forget))
    loaded, _ = trained_model.load(run, "best", functools.partial(build, SMALL))
    opened = keras.saving.load_model(good)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), opened.reconstruct(IMAGES))


def test_what_models_may_name_is_ours_and_little_of_keras():
    known = trained_model.known_classes()
    ours = {name for name in known if name.registered}
    assert {name.module.split(".")[0] for name in ours if name.module} == {"models"}
    assert ("models.vae", "VAE", "models>VAE") in known
    assert {name.name for name in known - ours} == {
        "DTypePolicy",
        "Adam",
        "LossScaleOptimizer",
        "CosineDecay",
    }
