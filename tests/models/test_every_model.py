"""Tests of every model with every network and every likelihood."""

import functools
import importlib
import itertools
import json
from operator import ne

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from catalog import read_by
from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.networks import ACTIVATIONS, NETWORKS
from catalog.objectives import OBJECTIVES
from catalog.priors import PRIORS
from data import splits
from tests.models.sizes import SMALL_NETWORKS, small_settings

IMAGE_SHAPE = (8, 8, 1)
LATENT_DIM = 3


TABLES = (MODELS, SMALL_NETWORKS, LIKELIHOODS, PRIORS, OBJECTIVES)
FIRST = tuple(next(iter(table)) for table in TABLES)
# A VAE with all networks and likelihoods, and with all priors and objectives; the other models with
# each part that differs from the first. For slow tests, what differs from the first in one part.
PRODUCT = [
    names
    for names in (
        *((*names, *FIRST[3:]) for names in itertools.product(*TABLES[:3])),
        *(
            (model, *FIRST[1:3], *names)
            for model in MODELS
            for names in itertools.product(*TABLES[3:])
            if names != FIRST[3:] and "prior" in read_by({"model": model})
            if not (MODELS[model].has_levels and OBJECTIVES[names[1]].needs_one_level)
        ),
    )
    if names[0] == FIRST[0] or sum(map(ne, names[1:], FIRST[1:])) < 2
]
CORNERS = [names for names in PRODUCT if sum(map(ne, names, FIRST)) < 2]


def build(model, network, likelihood, prior=FIRST[3], objective=FIRST[4], **changes):
    parts = {"model": model, "likelihood": likelihood, "prior": prior, "objective": objective}
    settings = small_settings(network, **{**parts, "latent_dim": LATENT_DIM, **changes})
    return models.build(IMAGE_SHAPE, settings, num_classes=10, num_train=16)


@pytest.fixture(params=PRODUCT, ids="-".join)
def names(request):
    return request.param


@pytest.fixture(params=CORNERS, ids="-".join)
def corner(request):
    return request.param


@functools.cache
def build_once(names):
    """Returns an untrained model that tests share without changing it."""
    return build(*names)


@pytest.fixture(scope="module")
def images():
    """Sixteen real digits, black and white."""
    return splits.load_test("digits", binarize="static").images[:16] / np.float32(255)


def batch_for(model, images):
    """Returns what the model's steps take; every other image is labeled."""
    labels = np.where(np.arange(len(images)) % 2, np.arange(len(images)) % 10, -1)
    return (tf.constant(images), tf.constant(labels)) if model.uses_labels else tf.constant(images)


def copy_weights(model):
    return [weight.numpy() for weight in model.weights]


def test_the_modules_that_the_tables_name_exist(names):
    model = importlib.import_module(f"models.{names[0]}")
    module = NETWORKS[SMALL_NETWORKS[names[1]]["network"]].module
    network = importlib.import_module(f"models.networks.{module}")
    likelihood = importlib.import_module(f"models.likelihoods.{names[2]}")
    assert callable(model.build)
    assert callable(network.build)
    assert callable(likelihood.build)
    assert issubclass(network.Encoder, keras.layers.Layer)
    assert issubclass(network.Decoder, keras.layers.Layer)


def test_every_public_method_gives_the_shapes_and_ranges_it_promises(names, images):
    model = build_once(names)
    for batch_size in (1, 16):
        batch = images[:batch_size]
        z_mean, z_log_var = posterior = model.encode(batch)
        assert isinstance(posterior, models.DiagonalGaussian)
        assert z_mean.shape == z_log_var.shape == (batch_size, LATENT_DIM)
        kl = model.kl_by_dimension(posterior)
        has_levels = isinstance(model, models.HierarchicalVAE) and len(model.levels) > 1
        has_closed_form = PRIORS[names[3]].by_dimension and not has_levels
        assert (kl is not None) == (model.is_variational and has_closed_form)
        assert kl is None or kl.shape == (batch_size, LATENT_DIM)
        assert model.sample_prior(batch_size).shape == (batch_size, LATENT_DIM)
        outputs = (*batch.shape[:-1], model.likelihood.num_outputs(batch.shape[-1]))
        assert model(batch).shape == outputs
        for name, losses in model.compute_losses(batch).items():
            assert losses.shape == (batch_size,), name
        for pictures in (
            model.decode(z_mean),
            model.reconstruct(batch),
            model.generate(batch_size),
        ):
            assert pictures.shape == batch.shape
            assert np.min(pictures) > 0
            assert np.max(pictures) < 1


def test_reconstruct_decodes_the_mean_of_the_posterior_without_noise(names, images):
    model = build_once(names)
    z_mean, _ = model.encode(images)
    np.testing.assert_allclose(model.reconstruct(images), model.decode(z_mean), rtol=1e-6)
    np.testing.assert_array_equal(model.reconstruct(images), model.reconstruct(images))
    samples_z = np.any(np.asarray(model(images)) != np.asarray(model(images)))
    assert samples_z == model.is_variational


def test_generate_repeats_with_its_seed_and_differs_with_another(names):
    model = build_once(names)
    once, again, other = (np.asarray(model.generate(4, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert np.all(np.any(once != other, axis=(1, 2, 3)))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(corner):
    once, again, other = (build(*corner, seed=seed) for seed in (1, 1, 2))
    assert len(once.trainable_variables) > 0
    for first, second in zip(copy_weights(once), copy_weights(again), strict=True):
        np.testing.assert_array_equal(first, second)
    kernels = [
        (first, second)
        for first, second in zip(once.trainable_variables, other.trainable_variables, strict=True)
        if np.ptp(first) > 0  # biases start at 0 for every seed
    ]
    assert len(kernels) >= 4
    for first, second in kernels:
        assert np.any(first.numpy() != second.numpy()), first.path


def test_no_two_kernels_have_the_same_initial_values(names):
    model = build_once(names)
    kernels = [weight.numpy() for weight in model.trainable_variables if np.ptp(weight) > 0]
    assert len(kernels) >= 4
    for first, second in itertools.combinations(kernels, 2):
        assert first.shape != second.shape or np.any(first != second)


def check_gradients(model, images):
    with tf.GradientTape() as tape:
        losses = model.compute_losses(batch_for(model, images), training=True)
        loss = tf.reduce_mean(losses["loss"])
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.all(np.isfinite(gradient)), variable.path
        assert np.any(gradient != 0), variable.path


def test_a_gradient_reaches_every_variable(names, images):
    check_gradients(build_once(names), images)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("network", SMALL_NETWORKS)
def test_a_gradient_reaches_every_variable_through_every_activation(network, activation, images):
    check_gradients(build("vae", network, "bernoulli", activation=(activation,)), images)


def test_one_batch_overfits(corner, images):
    """A model learns to reconstruct sixteen images, whose identity is worth log 16 = 2.8 nats.

    With a Bernoulli the loss starts at 44 nats, 64 coin tosses; densities have no such scale, and
    are slower on black and white images.
    """
    mild = {"gaussian": {"pixel_stddev": 0.3}, "tc": {"tc_weight": 2.0}}
    changes = mild.get(corner[2], {}) | mild.get(corner[4], {})
    model = build(*corner, **changes)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    before = float(np.mean(model.compute_losses(images)["loss"]))
    batches = tf.data.Dataset.from_tensors(batch_for(model, images)).repeat(400)
    model.fit(batches, verbose=0, shuffle=False)
    after = float(np.mean(model.compute_losses(images)["loss"]))
    if corner[3] == "exemplar":  # an image is not its own exemplar, which makes identity expensive
        assert after < before - 25
        return
    assert after < before - 28
    reconstructed = np.asarray(model.reconstruct(images))
    error = np.square(images - reconstructed).sum()
    # A distribution of 256 values is slower still.
    fraction = 0.8 if LIKELIHOODS[corner[2]].has_256_values else 0.5
    assert error < fraction * np.square(images - images.mean(axis=0)).sum()
    if corner[2] == "bernoulli":
        assert before > 40
        assert after < 12
        least = 0.97 if MODELS[corner[0]].has_levels else 0.98  # two levels are slower
        assert np.mean(np.round(reconstructed) == images) > least


def test_a_training_step_changes_every_weight_and_a_test_step_none(names, images):
    model = build(*names)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    expected = {metric.name for metric in model.metrics}
    assert {"loss", "reconstruction", *(["kl"] if model.is_variational else [])} <= expected
    before = [variable.numpy() for variable in model.trainable_variables]

    assert set(model.test_step(batch_for(model, images))) == expected
    for variable, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    assert model.optimizer.iterations.numpy() == 0

    assert set(model.train_step(batch_for(model, images))) == expected
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != old), variable.path


def test_a_saved_model_opens_with_its_sizes_and_gives_the_same_outputs(names, images, tmp_path):
    model = build(*names, activation=("silu",), beta=2.5, seed=3)
    for weight in model.trainable_variables:  # none keeps its initial value
        weight.assign(weight + 0.05)
    model.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    # Through JSON, which has no tuples.
    assert json.dumps(opened.get_config()) == json.dumps(model.get_config())
    np.testing.assert_array_equal(opened.encode(images), model.encode(images))
    np.testing.assert_array_equal(opened.reconstruct(images), model.reconstruct(images))
    batch = batch_for(model, images)
    expected = model.compute_losses(batch)
    for name, losses in opened.compute_losses(batch).items():
        np.testing.assert_array_equal(losses, expected[name], err_msg=name)
