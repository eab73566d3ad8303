"""Networks in half precision; likelihood and KL stay in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from data import splits
from tests.settings import make_settings

HALVES = ("mixed_bfloat16", "mixed_float16")


def build(precision, **changes):
    settings = make_settings(
        hidden_dim=(64, 64),
        precision=precision,
        latent_dim=4,
        **changes,
    )
    return models.build((8, 8, 1), settings)


@pytest.fixture(autouse=True)
def policy():
    """Restores Keras' global precision for other tests."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def images():
    return tf.constant(splits.load_test("digits").images[:100] / np.float32(255))


@pytest.mark.parametrize("precision", HALVES)
def test_losses_are_float32_and_within_two_percent_of_those_of_float32(precision, images):
    """On a processor without products in bfloat16, a KL of 0.55 nats was 1.5 % off."""
    expected = build("float32").compute_losses(images)
    model = build(precision)
    found = model.compute_losses(images)
    for name, losses in found.items():
        assert losses.dtype == tf.float32
        mean = float(np.mean(expected[name]))
        assert float(np.mean(losses)) == pytest.approx(mean, rel=0.02), name
    assert model.encode(images).mean.dtype == tf.float32
    assert model.reconstruct(images).dtype == tf.float32


@pytest.mark.parametrize(
    ("precision", "dtype"), [(half, half.removeprefix("mixed_")) for half in HALVES]
)
def test_the_networks_compute_in_half_precision_and_keep_weights_in_float32(
    precision, dtype, images
):
    model = build(precision, dropout=0.2)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    outputs = [*model.encoder(images, training=True), model.decoder(tf.zeros((2, 4)))]
    assert {tf.as_dtype(output.dtype).name for output in outputs} == {dtype}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("precision", HALVES)
def test_training_lowers_the_loss(precision, images, jit_compile):
    model = build(precision, dropout=0.1)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    scales = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (precision == "mixed_float16")
    step = tf.function(model.train_step, jit_compile=jit_compile, autograph=False)
    before = float(np.mean(model.compute_losses(images)["loss"]))
    for _ in range(30):
        step(images)
    after = float(np.mean(model.compute_losses(images)["loss"]))
    assert after < before - 5


@pytest.mark.parametrize("precision", HALVES)
def test_a_saved_model_opens_in_its_precision_whatever_the_global_precision(
    precision, images, tmp_path
):
    model = build(precision)
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(opened.reconstruct(images), model.reconstruct(images))


def test_the_precision_of_one_model_does_not_affect_the_next(images):
    build("mixed_float16")
    assert build("float32").encoder(images).mean.dtype == tf.float32
