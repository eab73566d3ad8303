"""Private APIs: that each is still as it was, still needed, and used in one file only."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from tests.settings import make_settings
from training import private_apis

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = re.compile(
    r"keras\.src|tensorflow\.python|pywrap|\b(?:model|layer|optimizer|keras|tf)\._[a-z]"
)


@pytest.fixture
def model() -> keras.Model:
    keras.utils.clear_session()  # also clears the list that Keras stores
    model = models.build((4, 4, 1), make_settings(hidden_dim=(3,), latent_dim=2))
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    return model


def count_optimizers(monkeypatch) -> list[None]:
    """Returns a list that grows with every optimizer that is created."""
    created: list[None] = []
    init = keras.optimizers.Optimizer.__init__

    def count(self, *args, **kwargs):
        created.append(None)
        init(self, *args, **kwargs)

    monkeypatch.setattr(keras.optimizers.Optimizer, "__init__", count)
    return created


def test_save_model_creates_no_optimizer_after_the_first_call(model, tmp_path, monkeypatch):
    private_apis.save_model(model, tmp_path / "first.keras")
    created = count_optimizers(monkeypatch)
    private_apis.save_model(model, tmp_path / "second.keras")
    assert created == []
    for name in ("first", "second"):
        opened = keras.saving.load_model(tmp_path / f"{name}.keras")
        for weight, expected in zip(opened.weights, model.weights, strict=True):
            np.testing.assert_array_equal(weight, expected)
        assert len(opened.optimizer.variables) == len(model.optimizer.variables) > 10


def test_keras_still_creates_an_optimizer_at_each_save(model, tmp_path, monkeypatch):
    """If this fails, ``save_model`` can become ``model.save``."""
    model.save(tmp_path / "model.keras")
    created = count_optimizers(monkeypatch)
    model.save(tmp_path / "model.keras")
    assert created


def test_clear_scalars_frees_the_memory_that_tensorflow_still_shares():
    """If the first comparison fails, there is no cache left to clear."""

    def address(tensor) -> int:
        return np.asarray(memoryview(tensor)).__array_interface__["data"][0]

    first = tf.constant(0.1234567)
    assert address(tf.constant(0.1234567)) == address(first)
    private_apis.clear_scalars()
    assert address(tf.constant(0.1234567)) != address(first)


def test_fit_calls_the_loops_instead_of_its_own_functions(model):
    calls: list[str] = []

    def train(iterator):
        calls.append("train")
        return {"loss": tf.constant(1.0)}

    def test(iterator):
        calls.append("test")
        return {"loss": tf.constant(2.0)}

    private_apis.use_loops(model, train, test, steps_per_call=2)
    dataset = tf.data.Dataset.range(1).repeat()
    arguments = {"validation_data": dataset, "validation_steps": 3, "shuffle": False}
    # As training.fit does: model.fit would look for images in the dataset.
    history = keras.Model.fit(model, dataset, steps_per_epoch=4, verbose=0, **arguments).history
    assert calls == ["train", "train", "test", "test"]
    assert history == {"loss": [1.0], "val_loss": [2.0]}


def test_use_loops_removes_the_strategy_that_keras_still_notes():
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        model = keras.Sequential([keras.layers.Dense(1)])
    assert isinstance(model.distribute_strategy, tf.distribute.OneDeviceStrategy)
    private_apis.use_loops(model, len, len, steps_per_call=1)
    assert not isinstance(model.distribute_strategy, tf.distribute.OneDeviceStrategy)


def test_xla_compiles_a_step_on_the_variables_of_a_replica():
    """That it is still needed: see the end of steps_of_replicas.py, which has two replicas."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = models.build((4, 4, 1), make_settings(hidden_dim=(3,), latent_dim=2))
        model.compile(optimizer=models.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
        model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    shared = [variable.value for variable in variables]

    @tf.function(jit_compile=True, autograph=False)
    def step(images):
        with private_apis.variables_of_replica(model, strategy, 0):
            return model.train_step(images)

    logs = step(tf.ones((5, 4, 4, 1)))
    assert all(variable.value is value for variable, value in zip(variables, shared, strict=True))
    assert model.optimizer.iterations.numpy() == 1
    assert model.trackers["loss"].result().numpy() == logs["loss"].numpy() > 0


def test_no_other_file_uses_a_private_api():
    rooms = ("catalog", "cli", "data", "models", "training", "runs", "evaluation", "figures")
    files = [*ROOT.glob("*.py"), *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]
    assert len(files) > 50
    found = [str(path.relative_to(ROOT)) for path in files if PRIVATE.search(path.read_text())]
    assert found == ["training/private_apis.py"]
