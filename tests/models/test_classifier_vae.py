"""The classifier's losses and the VAE's with it, against NumPy; accuracy with few labels."""

import json

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from data import labels as labels_module
from data import splits
from models import Classifier, ClassifierVAE, Decoder, Encoder
from tests.models.test_vae import dense, draw_noise, losses_in_numpy, make_images

NUM_CLASSES = 4
LABELS = np.array([2, -1, 0, 3, -1, 2], np.int32)


def make(loss="softmax", beta=1.5, weight=12.0, images_per_label=3.0, hidden_dims=(3, 6)):
    encoder = Encoder(3, (7,), name="encoder")
    decoder = Decoder((4, 5, 1), (7,), name="decoder")
    classifier = Classifier(NUM_CLASSES, hidden_dims, loss, name="classifier")
    model = ClassifierVAE(
        encoder,
        decoder,
        classifier,
        beta=beta,
        classifier_weight=weight,
        images_per_label=images_per_label,
    )
    model.build((None, 4, 5, 1))
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return model


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def logits_in_numpy(classifier, z):
    """Returns the classifier's logits, computed in float64."""
    features = np.asarray(z, np.float64)
    for layer in classifier.hidden:
        features = prelu(dense(layer.dense, features), np.asarray(layer.activate.alpha))
    return dense(classifier.logits, features)


def log_loss_in_numpy(logits, labels, loss):
    """Returns −log p(y|z) from the definitions: probabilities, then their logarithms."""
    if loss == "softmax":
        probabilities = scipy.special.softmax(logits, axis=1)
        return -np.log(probabilities[np.arange(len(labels)), labels])
    probabilities = scipy.special.expit(logits)
    is_class = labels[:, None] == np.arange(logits.shape[1])
    return -np.log(np.where(is_class, probabilities, 1 - probabilities)).sum(axis=1)


# ---------------------------------------------------------------- the classifier's loss


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_the_classifiers_loss_is_that_of_numpy(loss):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (50, NUM_CLASSES)), rng.integers(0, NUM_CLASSES, 50)
    classifier = Classifier(NUM_CLASSES, (), loss)
    found = classifier.log_loss(logits.astype(np.float32), labels)
    np.testing.assert_allclose(found, log_loss_in_numpy(logits, labels, loss), rtol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_the_classifiers_loss_and_its_gradient_are_finite_whatever_the_logits(loss, compiled):
    classifier = Classifier(3, (), loss)
    rows = [[1e4, -1e4, 0], [-1e4, 1e4, 0], [-1e30, 1e30, 1e30], [0, 0, 0]]
    logits, labels = tf.constant(rows, tf.float32), tf.constant([0, 0, 0, 0])

    def differentiate(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = classifier.log_loss(logits, labels)
        return losses, tape.gradient(losses, logits)

    losses, gradient = tf.function(differentiate, jit_compile=compiled)(logits)
    assert np.all(np.isfinite(losses))
    assert np.all(np.isfinite(gradient))
    uniform = {"softmax": np.log(3), "sigmoid": 3 * np.log(2)}[loss]
    correct = {"softmax": 0, "sigmoid": np.log(2)}[loss]
    assert float(losses[0]) == pytest.approx(correct, abs=1e-6)
    assert float(losses[3]) == pytest.approx(uniform)
    # p − y, for a certain and wrong prediction
    np.testing.assert_allclose(gradient[1, :2], [-1, 1], atol=1e-6)


def test_the_small_sigmoid_loss_of_a_confident_classifier_keeps_its_digits():
    logits = np.array([[12.0, -12.0, -12.0]])
    found = Classifier(3, (), "sigmoid").log_loss(logits.astype(np.float32), np.array([0]))
    expected = log_loss_in_numpy(logits, np.array([0]), "sigmoid")
    assert expected < 2e-5
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden_dims", [(), (5,), (3, 6)])
def test_classify_gives_the_probabilities_at_the_posteriors_mean(loss, hidden_dims):
    model, images = make(loss, hidden_dims=hidden_dims), make_images()
    z_mean, _ = model.encode(images)
    logits = logits_in_numpy(model.classifier, z_mean)
    to_probabilities = {"softmax": lambda x: scipy.special.softmax(x, axis=1)}
    expected = to_probabilities.get(loss, scipy.special.expit)(logits)
    found = model.classify(images)
    assert found.shape == (6, NUM_CLASSES)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_array_equal(found, model.classify_z(z_mean))


# ---------------------------------------------------------------------- the objective


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_losses_are_those_of_a_forward_pass_in_numpy(loss, training):
    model, images = make(loss), make_images()
    epsilon = draw_noise(model, (6, 3), seed=11)
    expected = losses_in_numpy(model, images, epsilon)
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in model.encode(images))
    logits = logits_in_numpy(model.classifier, z_mean + np.exp(z_log_var / 2) * epsilon)
    is_labeled = LABELS >= 0
    log_loss = log_loss_in_numpy(logits, np.maximum(LABELS, 0), loss)
    expected["classification"] = np.where(is_labeled, log_loss, 0)
    weights = is_labeled * (3.0 if training else 1.0)
    expected["loss"] = (
        expected["reconstruction"]
        + 1.5 * expected["kl"]
        + 12 * weights * expected["classification"]
    )
    predicted = logits_in_numpy(model.classifier, z_mean).argmax(axis=1)
    expected["accuracy"] = (predicted == LABELS).astype(float)

    found = model.compute_losses((images, LABELS), training=training)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, err_msg=name)
    terms = model.terms((images, LABELS), training=training)
    np.testing.assert_array_equal(terms.weights, weights)


@pytest.mark.parametrize("training", [False, True])
def test_the_classifiers_loss_is_averaged_over_the_samples_of_z(training):
    model, images = make(), make_images()
    epsilon = draw_noise(model, (6, 3), seed=11, num_samples=3)
    z_mean, z_log_var = (np.asarray(part, np.float64) for part in model.encode(images))
    is_labeled = LABELS >= 0
    log_losses = [
        log_loss_in_numpy(
            logits_in_numpy(model.classifier, z_mean + np.exp(z_log_var / 2) * noise),
            np.maximum(LABELS, 0),
            "softmax",
        )
        for noise in epsilon
    ]
    classification = np.where(is_labeled, np.mean(log_losses, axis=0), 0)
    terms = model.terms((images, LABELS), num_samples=3, training=training)
    assert terms.log_likelihood.shape == terms.log_q_minus_log_p.shape == (3, 6)
    np.testing.assert_allclose(terms.reported["classification"], classification, rtol=1e-4)
    weight = 12 * (3.0 if training else 1.0)
    np.testing.assert_allclose(terms.added, weight * classification, rtol=1e-4)


def test_without_labels_all_images_count_as_unlabeled():
    model, images = make(), make_images()
    epsilon = draw_noise(model, (6, 3), seed=2)
    expected = losses_in_numpy(model, images, epsilon)
    found = model.compute_losses(images, training=True)
    for name in ("loss", "reconstruction", "kl"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
    assert not np.any(found["classification"])
    assert not np.any(found["accuracy"])


def test_the_mean_loss_of_an_epoch_contains_the_mean_over_the_labeled_images():
    """As the docstring of ClassifierVAE says, for batches with any number of labels."""
    images = make_images(12)
    labels = np.array([-1, -1, -1, 2, 0, -1, 1, -1, -1, -1, 3, -1], np.int32)
    model = make(images_per_label=12 / 4)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    model.sampling.restart(5)
    for start in (0, 3, 6, 9):  # the first has no label
        batch = slice(start, start + 3)
        logs = model.train_step((tf.constant(images[batch]), tf.constant(labels[batch])))
    found = {name: float(value) for name, value in logs.items()}
    assert set(found) == {"loss", "reconstruction", "kl", "classification", "accuracy"}

    model.sampling.restart(5)
    losses = [
        model.compute_losses((images[start : start + 3], labels[start : start + 3]), training=True)
        for start in (0, 3, 6, 9)
    ]
    of_images = {name: np.concatenate([part[name] for part in losses]) for name in losses[0]}
    labeled = labels >= 0
    for name in ("reconstruction", "kl"):
        assert found[name] == pytest.approx(of_images[name].mean(), rel=1e-5)
    for name in ("classification", "accuracy"):
        assert found[name] == pytest.approx(of_images[name][labeled].mean(), rel=1e-5)
    assert found["loss"] == pytest.approx(
        found["reconstruction"] + 1.5 * found["kl"] + 12 * found["classification"], rel=1e-5
    )


def test_a_batch_without_labels_leaves_the_classifier_unchanged():
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    before = [variable.numpy() for variable in model.classifier.trainable_variables]
    assert len(before) == 8
    unlabeled = np.full(6, -1, np.int32)
    model.train_step((tf.constant(make_images()), tf.constant(unlabeled)))
    for variable, old in zip(model.classifier.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)
    model.train_step((tf.constant(make_images()), tf.constant(LABELS)))
    for variable, old in zip(model.classifier.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != old), variable.path


def test_a_saved_model_keeps_its_classifier(tmp_path):
    model = make("sigmoid", weight=7.5, images_per_label=11.25, hidden_dims=(4,))
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert (opened.classifier_weight, opened.images_per_label) == (7.5, 11.25)
    assert opened.classifier.loss_name == "sigmoid"
    assert [layer.units for layer in opened.classifier.hidden] == [4]
    configs = [json.dumps(one.classifier.get_config()) for one in (opened, model)]
    assert configs[0] == configs[1]
    np.testing.assert_array_equal(opened.classify(make_images()), model.classify(make_images()))


# ------------------------------------------------------------------------------- accuracy


def train(num_labels, loss, epochs, weight=12.0):
    """Returns the accuracy on the 360 test images of the digits, after training."""
    train_split, _ = splits.load_train_and_validation("digits")
    test = splits.load_test("digits")
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    classifier = Classifier(10, (3, 6), loss, name="classifier")
    model = ClassifierVAE(
        Encoder(4, (64,), name="encoder"),
        Decoder((8, 8, 1), (64,), name="decoder"),
        classifier,
        beta=0.4,
        classifier_weight=weight,
        images_per_label=len(train_split) / (num_labels or len(train_split)),
    )
    model.build((None, 8, 8, 1))
    model.compile(optimizer=keras.optimizers.Adam(0.005), jit_compile=True)
    labels = labels_module.hide(np.array(train_split.labels), num_labels, seed=0)
    arrays = (train_split.images / np.float32(255), labels)
    batches = tf.data.Dataset.from_tensor_slices(arrays).shuffle(2000, 0).batch(43)
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False)
    predicted = np.argmax(model.classify(test.images / np.float32(255)), axis=1)
    return np.mean(predicted == test.labels)


@pytest.mark.parametrize(("loss", "least"), [("softmax", 0.9), ("sigmoid", 0.75)])
def test_with_all_labels_most_digits_are_classified_correctly(loss, least):
    """Chance is 0.1. The sigmoid loss learns later: nine of ten of its targets are 0."""
    assert train(None, loss, epochs=20) > least


def test_a_hundred_labels_suffice_for_most_digits_and_without_weight_nothing_is_learned():
    assert train(100, "softmax", epochs=20) > 0.7
    assert train(100, "softmax", epochs=3, weight=0.0) < 0.3
