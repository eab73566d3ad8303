"""Saved models, opened by Keras in a fresh process."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import models
from catalog.models import MODELS
from data import splits
from tests.models.sizes import SMALL_NETWORKS, small_settings

ROOT = Path(__file__).resolve().parents[2]

READER = """
import json, sys
import keras, numpy as np, tensorflow as tf
import models

images = np.load("images.npy")
for name in sys.argv[1:]:
    model = keras.saving.load_model(f"{name}.keras")
    outputs = model.encode(images)._asdict()
    outputs["config"] = np.array(json.dumps(model.get_config()))
    outputs["reconstruction"] = model.reconstruct(images)
    outputs["samples"] = model.generate(4, seed=1)
    for index, variable in enumerate(model.optimizer.variables):
        outputs[f"optimizer_{index}"] = variable.numpy()
    model.sampling.restart(7)
    model.train_step(tf.constant(images))
    for index, variable in enumerate(model.variables):
        outputs[f"after_{index}"] = variable.numpy()
    np.savez(f"{name}.found.npz", **{key: np.asarray(value) for key, value in outputs.items()})
"""


@pytest.fixture(scope="module")
def images():
    return splits.load_test("digits").images[:16] / np.float32(255)


@pytest.fixture(scope="module")
def opened(images, tmp_path_factory):
    """For each model: its outputs here and in the other process, by name."""
    folder = tmp_path_factory.mktemp("saved")
    np.save(folder / "images.npy", images)
    expected = {}
    for model_name, network in itertools.product(MODELS, SMALL_NETWORKS):
        settings = small_settings(network, model=model_name, latent_dim=3, beta=2.0, seed=5)
        model = models.build((8, 8, 1), settings, num_classes=10, num_train=16)
        model.compile(optimizer=models.Adam(0.003, l2=0.01))
        model.fit(tf.data.Dataset.from_tensors(images).repeat(3), verbose=0, shuffle=False)
        name = f"{model_name}-{network}"
        model.save(folder / f"{name}.keras")
        outputs = {
            **model.encode(images)._asdict(),
            "config": np.array(json.dumps(model.get_config())),
            "reconstruction": model.reconstruct(images),
            "samples": model.generate(4, seed=1),
        }
        for index, variable in enumerate(model.optimizer.variables):
            outputs[f"optimizer_{index}"] = variable.numpy()
        model.sampling.restart(7)  # the file has no position in the stream of noise
        model.train_step(tf.constant(images))
        for index, variable in enumerate(model.variables):
            outputs[f"after_{index}"] = variable.numpy()
        expected[name] = {key: np.asarray(value) for key, value in outputs.items()}
    ignored = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-W", ignored, "-c", READER, *expected],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return {name: (expected[name], np.load(folder / f"{name}.found.npz")) for name in expected}


def names_beginning(arrays, *prefixes):
    return [name for name in arrays if name.startswith(prefixes)]


@pytest.fixture(params=[f"{model}-{network}" for model in MODELS for network in SMALL_NETWORKS])
def expected_and_found(request, opened):
    return opened[request.param]


def test_an_opened_model_gives_the_same_outputs(expected_and_found):
    expected, found = expected_and_found
    for name in ("mean", "log_var", "reconstruction", "samples"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)


def test_an_opened_model_has_the_same_config(expected_and_found):
    """The constructor arguments of all its parts, which make the same model again."""
    expected, found = (json.loads(str(arrays["config"])) for arrays in expected_and_found)
    assert found == expected
    top = 2 if "posteriors" in expected else 3  # of the levels 1, 2 of a hierarchy
    assert expected["encoder"]["config"]["latent_dim"] == top


def test_an_opened_model_has_the_optimizers_state(expected_and_found):
    expected, found = expected_and_found
    names = names_beginning(expected, "optimizer_")
    assert expected["optimizer_0"] == 3  # steps done
    assert len(names) > 10
    assert names == names_beginning(found.files, "optimizer_")
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_an_opened_model_continues_training_in_the_same_way(expected_and_found):
    """A step with the same noise depends on the weights, β, l2 and the moments of Adam."""
    expected, found = expected_and_found
    names = names_beginning(expected, "after_")
    assert names == names_beginning(found.files, "after_")
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6, err_msg=name)
