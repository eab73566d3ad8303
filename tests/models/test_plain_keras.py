"""The models as plain Keras models: compile, fit, evaluate, save and load."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from data import splits

NATS = 64 * np.log(2)  # −log p(x|z) of an untrained Bernoulli decoder of 64 pixels: ln 2 each


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images, float32 (1293, 8, 8, 1) in [0, 1], and labels."""
    split = splits.load_train_and_validation("digits")[0]
    assert split.labels is not None
    return split.images / np.float32(255), split.labels


def make_vae(**arguments) -> models.VAE:
    vae = models.VAE(models.Encoder(2, (32,)), models.Decoder((8, 8, 1), (32,)), **arguments)
    vae.compile(optimizer="adam")
    return vae


def make_classifier_vae() -> models.ClassifierVAE:
    networks = models.Encoder(2, (32,)), models.Decoder((8, 8, 1), (32,)), models.Classifier(10)
    classifier_vae = models.ClassifierVAE(*networks)
    classifier_vae.compile(optimizer=keras.optimizers.Adam(0.003))
    return classifier_vae


@pytest.fixture(scope="module")
def fitted(digits) -> models.VAE:
    """A model that was fitted in the four lines of the documentation."""
    images, _ = digits
    vae = models.VAE(models.Encoder(2, (32,)), models.Decoder((8, 8, 1), (32,)))
    vae.compile(optimizer="adam")
    vae.fit(images, epochs=10, verbose=0)
    return vae


def test_fit_on_an_array_lowers_the_loss_from_that_of_an_untrained_model(fitted):
    history = fitted.history.history
    assert set(history) == {"loss", "reconstruction", "kl"}
    first, *_, last = history["loss"]
    assert first == pytest.approx(NATS, rel=0.1)
    assert last < 0.75 * NATS
    assert history["loss"] == pytest.approx(np.add(history["reconstruction"], history["kl"]))


def test_evaluate_gives_the_mean_kl_over_images(fitted, digits):
    images, _ = digits
    logs = fitted.evaluate(images[:250], batch_size=100, return_dict=True, verbose=0)
    assert set(logs) == {"loss", "reconstruction", "kl"}
    mean, log_var = (np.asarray(part, np.float64) for part in fitted.encode(images[:250]))
    kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).sum(axis=1).mean()
    assert logs["kl"] == pytest.approx(kl, rel=1e-5)
    values = fitted.evaluate(images[:250], batch_size=100, verbose=0)
    assert values[fitted.metrics_names.index("loss")] == pytest.approx(logs["loss"], rel=0.05)


def test_reconstruct_generate_and_predict_have_the_images_shape_and_range(fitted, digits):
    images, _ = digits
    predicted = fitted.predict(images[:5], verbose=0)
    np.testing.assert_allclose(predicted, fitted.reconstruct(images[:5]), atol=1e-5)
    for found in (predicted, fitted.generate(5, seed=1)):
        assert found.shape == (5, 8, 8, 1)
        assert np.all((np.asarray(found) >= 0) & (np.asarray(found) <= 1))
    error = np.mean((fitted.reconstruct(images) - images) ** 2)
    assert error < np.mean((images.mean(axis=0) - images) ** 2)  # better than the mean image
    np.testing.assert_array_equal(fitted.generate(5, seed=1), fitted.generate(5, seed=1))


def test_a_saved_model_loads_equal_and_can_be_fitted_further(fitted, digits, tmp_path):
    images, _ = digits
    fitted.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.reconstruct(images[:5]), fitted.reconstruct(images[:5]))
    assert int(loaded.optimizer.iterations) == int(fitted.optimizer.iterations)
    history = loaded.fit(images, epochs=1, verbose=0).history
    assert history["loss"][0] < fitted.history.history["loss"][-1]


@pytest.mark.parametrize("with_labels", [False, True])
def test_fit_takes_datasets_of_images_and_ignores_labels(digits, with_labels):
    images, labels = digits
    dataset = tf.data.Dataset.from_tensor_slices((images, labels) if with_labels else images)
    batches = dataset.batch(100)
    vae = make_vae()
    history = vae.fit(batches, validation_data=batches.take(2), shuffle=False, verbose=0).history
    assert int(vae.optimizer.iterations) == 13
    assert history["val_loss"][0] < history["loss"][0] < 1.1 * NATS


def test_fit_ignores_labels_beside_an_array_too(digits):
    images, labels = digits
    histories = []
    for data in ((images,), (images, labels)):
        keras.utils.set_random_seed(0)
        histories.append(make_vae().fit(*data, shuffle=False, verbose=0).history["loss"])
    assert histories[0] == histories[1]


@pytest.mark.parametrize("kind", ["validation_data", "validation_split"])
def test_fit_validates(digits, kind):
    images, _ = digits
    value = {"validation_data": images[:100], "validation_split": 0.1}[kind]
    history = make_vae().fit(images, verbose=0, **{kind: value}).history
    assert {"val_loss", "val_reconstruction", "val_kl"} <= set(history)
    assert 0.4 * NATS < history["val_loss"][0] < history["loss"][0]


def test_callbacks_see_the_losses(digits, tmp_path):
    images, _ = digits
    vae = make_vae()
    callbacks = [
        keras.callbacks.EarlyStopping("loss", min_delta=1000),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True),
    ]
    history = vae.fit(images, epochs=5, callbacks=callbacks, verbose=0).history
    assert len(history["loss"]) == 2  # no epoch lowers the loss by 1,000 nats
    best = keras.saving.load_model(tmp_path / "best.keras")
    for found, expected in zip(best.weights, vae.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_train_on_batch_test_on_batch_and_eager_steps_work(digits):
    images, _ = digits
    vae = make_vae()
    logs = vae.train_on_batch(images[:100], return_dict=True)
    assert logs["loss"] == pytest.approx(NATS, rel=0.1)
    assert set(vae.test_on_batch(images[:100], return_dict=True)) == set(logs)
    vae.compile(optimizer="adam", run_eagerly=True)
    assert vae.fit(images[:200], verbose=0).history["loss"][0] == pytest.approx(NATS, rel=0.1)


def test_an_objective_that_is_not_the_loss_is_reported_beside_it(digits):
    images, _ = digits
    vae = make_vae(objective=models.objectives.Elbo(free_bits=0.5))
    history = vae.fit(images, verbose=0).history
    assert history["objective"][0] > history["loss"][0]


def test_a_classifier_vae_is_fitted_with_labels_some_or_none(digits):
    images, labels = digits
    model = make_classifier_vae()
    history = model.fit(images, labels, epochs=8, validation_split=0.1, verbose=0).history
    assert history["accuracy"][-1] > history["accuracy"][0]
    assert history["accuracy"][-1] > 0.25
    assert np.isfinite(history["val_loss"]).all()
    logs = model.evaluate(images, labels, return_dict=True, verbose=0)
    predicted = np.argmax(model.classify(images), axis=1)
    assert logs["accuracy"] == pytest.approx(np.mean(predicted == labels), abs=1e-6)

    some = np.where(np.arange(len(labels)) < 100, labels, -1)
    dataset = tf.data.Dataset.from_tensor_slices((images, some)).batch(100)
    assert np.isfinite(model.fit(dataset, shuffle=False, verbose=0).history["loss"][0])
    history = make_classifier_vae().fit(images, verbose=0).history
    assert history["classification"] == [0.0]


def test_predict_gives_the_same_for_the_same_images(fitted, digits):
    images, _ = digits
    found = [fitted.predict(images[:250], batch_size=100, verbose=0) for _ in range(2)]
    np.testing.assert_array_equal(*found)


def test_decode_takes_lists_and_float64(fitted):
    z = np.array([[0.5, -1.0], [2.0, 0.0]])
    np.testing.assert_array_equal(fitted.decode(z.tolist()), fitted.decode(z.astype(np.float32)))
    np.testing.assert_array_equal(fitted.decode(z), fitted.decode(z.astype(np.float32)))


def test_the_summary_shows_the_shapes_of_encoder_and_decoder(capsys):
    vae = make_vae()
    vae.build((10, 8, 8, 1))
    assert vae.image_shape == (8, 8, 1)
    vae.summary()
    text = capsys.readouterr().out
    assert "((None, 2), (None, 2))" in text
    assert "(None, 8, 8, 1)" in text


def test_a_frozen_encoder_keeps_its_weights_and_is_still_frozen_when_loaded(digits, tmp_path):
    images, _ = digits
    vae = make_vae()
    vae.build((None, 8, 8, 1))
    vae.encoder.trainable = False
    parts = (vae.encoder, vae.decoder)
    before = [[np.array(weight) for weight in part.weights] for part in parts]
    vae.fit(images, verbose=0)
    after = [[np.array(weight) for weight in part.weights] for part in parts]
    for unchanged, old, new in zip((True, False), before, after, strict=True):
        assert [np.array_equal(*pair) for pair in zip(old, new, strict=True)] == [unchanged] * len(
            new
        )
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert len(loaded.trainable_variables) == len(vae.trainable_variables) == 4
    loaded.fit(images, verbose=0)
    for found, expected in zip(loaded.encoder.weights, vae.encoder.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    loaded.encoder.trainable = True
    assert len(loaded.trainable_variables) == 10


def test_a_thawed_autoencoder_does_not_train_its_log_variance(digits):
    images, _ = digits
    networks = models.Encoder(2, (32,)), models.Decoder((8, 8, 1), (32,))
    model = models.Autoencoder(*networks)
    model.compile(optimizer="adam")
    model.encoder.trainable = False
    model.encoder.trainable = True
    model.fit(images, verbose=0)  # Keras would warn of variables without gradients
    assert len(model.trainable_variables) == 8


LABELS = np.zeros(20, int)
IMAGES = np.zeros((20, 8, 8, 1), np.float32)


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (IMAGES[..., 0], r"the images are float32 \(20, 8, 8\): expected .*type images\[..., None"),
        (IMAGES.astype(np.uint8), r"are uint8 \(20, 8, 8, 1\): .*astype\(\"float32\"\) / 255$"),
        (IMAGES == 1, r"the images are bool .*astype\(\"float32\"\)$"),
        (IMAGES + 255, r"values from 255 to 255: expected .*type images / 255"),
        (IMAGES - 0.5, r"values from -0.5 to -0.5: expected"),
        (IMAGES * np.nan, "some images have undefined values"),
        (np.zeros((20, 9, 8, 1), np.float32), r"outputs are \(8, 8, 1\): expected \(9, 8, 1\)"),
        (np.zeros((20, 8, 8, 3), np.float32), r"outputs are \(8, 8, 1\): expected \(8, 8, 3\)"),
    ],
)
@pytest.mark.parametrize("kind", ["array", "dataset"])
def test_images_that_would_be_misread_are_refused_in_one_line(images, found, kind):
    data = tf.data.Dataset.from_tensor_slices(images).batch(20) if kind == "dataset" else images
    with pytest.raises(ValueError, match=found) as error:
        make_vae().fit(data, batch_size=None, shuffle=False, verbose=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda vae: vae.fit(IMAGES, validation_data=IMAGES + 9, verbose=0), "values from 9 to 9"),
        (lambda vae: vae.evaluate(IMAGES + 9, verbose=0), "values from 9 to 9"),
        (lambda vae: vae.predict(IMAGES + 9, verbose=0), "values from 9 to 9"),
        (lambda vae: vae.reconstruct(IMAGES + 9), "values from 9 to 9"),
        (lambda vae: vae.encode(IMAGES[0]), r"\(8, 8, 1\): expected .*type images\[np.newaxis\]"),
        (lambda vae: vae.encode(IMAGES[:, 1:]), r"each image is \(7, 8, 1\): expected \(8, 8, 1\)"),
        (lambda vae: vae.decode(np.zeros((3, 5))), r"z is \(3, 5\): expected \(num_images, 2\)"),
        (lambda vae: vae.fit(IMAGES, sample_weight=LABELS), "received sample_weight"),
        (lambda vae: vae.fit(IMAGES, LABELS, class_weight={0: 2.0}), "received class_weight"),
        (lambda vae: vae.train_on_batch(IMAGES, LABELS, LABELS), "received weights of images"),
        (lambda vae: (vae.compile("adam", loss="mse"), vae.fit(IMAGES)), "received loss: "),
        (lambda vae: (vae.compile("adam", metrics=["mse"]), vae.fit(IMAGES)), "received metrics"),
    ],
)
def test_calls_that_would_be_misread_are_refused_in_one_line(call, found):
    vae = make_vae()
    vae.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match=found) as error:
        call(vae)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (LABELS[:, None], r"the labels are int64 \(20, 1\): expected .*type labels\[:, 0\]"),
        (np.eye(10)[LABELS], r"float64 \(20, 10\): expected .*type labels.argmax\(axis=1\)"),
        (LABELS.astype(np.float32), r"the labels are float32 \(20,\): expected integers"),
        (LABELS + 10, "the labels are from 10 to 10: expected integers"),
        (LABELS - 2, "the labels are from -2 to -2: expected integers"),
    ],
)
def test_labels_that_would_be_misread_are_refused_in_one_line(labels, found):
    with pytest.raises(ValueError, match=found) as error:
        make_classifier_vae().fit(IMAGES, labels, verbose=0)
    assert "\n" not in str(error.value)
