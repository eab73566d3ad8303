"""A model applied to 1,437 images: two full batches and a smaller one."""

import numpy as np
import pytest

import models
from evaluation import batching
from tests.evaluation.sessions import load_digits, make_session
from tests.settings import make_settings

LATENT_DIM = 3


@pytest.fixture(scope="module")
def images():
    return load_digits("train")[0] / np.float32(255)


@pytest.fixture(scope="module")
def model():
    return models.build((8, 8, 1), make_settings(hidden_dim=(20,), latent_dim=LATENT_DIM))


@pytest.fixture
def session(model, tmp_path):
    return make_session(tmp_path, model)


@pytest.mark.parametrize("count", [1, 500, 1437])
def test_batches_give_what_one_call_gives(session, model, images, count):
    chosen = images[:count]
    z = np.random.default_rng(0).normal(size=(count, LATENT_DIM))
    z_mean, z_log_var = batching.encode(session, chosen)
    pairs = [
        (z_mean, model.encode(chosen)[0]),
        (z_log_var, model.encode(chosen)[1]),
        (batching.decode(session, z), model.decode(z.astype(np.float32))),
        (batching.reconstruct(session, chosen), model.reconstruct(chosen)),
    ]
    for found, expected in pairs:
        assert isinstance(found, np.ndarray)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_kl_in_batches_is_that_of_one_call_and_the_loss_is_the_sum_of_its_parts(
    session, model, images
):
    losses = batching.compute_losses(session, images)
    assert set(losses) == {"loss", "reconstruction", "kl"}
    assert {values.shape for values in losses.values()} == {(1437,)}
    expected = model.compute_losses(images)["kl"]
    np.testing.assert_allclose(losses["kl"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(losses["loss"], losses["reconstruction"] + losses["kl"], rtol=1e-5)


def test_results_repeat_bit_for_bit(session, images):
    once, again = (
        [*batching.encode(session, images), batching.reconstruct(session, images)] for _ in range(2)
    )
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_losses_repeat_with_their_seed_and_differ_with_another(model, images, tmp_path):
    chosen = images[:100]
    once, again, other = (
        batching.compute_losses(make_session(tmp_path, model, seed=seed), chosen)["reconstruction"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, again)
    assert np.mean(once != other) > 0.99


def test_every_batch_draws_noise_of_its_own(session, images):
    """The losses of many copies of one image would repeat if the noise did."""
    copies = np.repeat(images[:1], 1000, axis=0)
    reconstruction = batching.compute_losses(session, copies)["reconstruction"]
    assert np.mean(reconstruction[:500] != reconstruction[500:]) > 0.99


def test_a_method_is_compiled_once_for_all_calls(session, model, images, monkeypatch):
    call, traced = model.encoder.call, []

    def count(*args, **kwargs):
        traced.append(args)
        return call(*args, **kwargs)

    monkeypatch.setattr(model.encoder, "call", count)
    batching.compile_function.cache_clear()
    for _ in range(3):
        batching.encode(session, images[:500])
    assert len(traced) == 1
