"""A model that is saved again and again."""

from __future__ import annotations

import keras
import numpy as np

import models
from tests.settings import make_settings
from training import keras_saving


def test_what_is_saved_is_the_model_and_no_optimiser_is_made_for_it(tmp_path, monkeypatch):
    """Keras makes one for each save, and never frees all of it: docs/reliability.md."""
    keras.utils.clear_session()
    model = models.build((4, 4, 1), make_settings(hidden_dim=3, latent_dim=2))
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    keras_saving.save(model, tmp_path / "first.keras")

    def fail(*args, **kwargs):
        raise AssertionError("an optimiser was made")

    with monkeypatch.context() as patch:
        patch.setattr("keras.src.optimizers.optimizer.Optimizer.__init__", fail)
        keras_saving.save(model, tmp_path / "second.keras")
    for name in ("first", "second"):
        opened = keras.saving.load_model(tmp_path / f"{name}.keras")
        for weight, expected in zip(opened.weights, model.weights, strict=True):
            np.testing.assert_array_equal(weight, expected)
        assert len(opened.optimizer.variables) == len(model.optimizer.variables) > 10
