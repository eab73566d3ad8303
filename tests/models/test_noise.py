"""The noise of training steps: repeatable, independent, and of its stated distribution."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from models import noise

KINDS = {"normal": scipy.stats.norm.cdf, "uniform": scipy.stats.uniform.cdf}
SEED = (12, 3)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def draw(kind):
    return getattr(noise, kind)


def test_a_seed_repeats_and_changing_either_integer_changes_the_draws(draw):
    once = np.asarray(draw((5, 4), SEED))
    np.testing.assert_array_equal(once, draw((5, 4), SEED))
    for other in ((13, 3), (12, 4), (-12, 3), (3, 12)):
        assert np.mean(once == np.asarray(draw((5, 4), other))) < 0.1


def test_the_bits_are_the_same_however_the_step_is_compiled(draw):
    seed = tf.constant(SEED)
    eager = draw((7, 5), seed).numpy()
    for jit_compile in (False, True):
        compiled = tf.function(lambda seed: draw((7, 5), seed), jit_compile=jit_compile)
        np.testing.assert_array_equal(compiled(seed).numpy(), eager)


def test_the_bits_are_the_same_inside_a_compiled_loop(draw):
    @tf.function(jit_compile=True, autograph=False)
    def many():
        def body(index, drawn):
            fresh = draw((6,), tf.stack([12, index]))
            return index + 1, tf.tensor_scatter_nd_update(drawn, [[index]], fresh[None])

        start = (tf.constant(0), tf.zeros((4, 6)))
        return tf.while_loop(lambda index, _: index < 4, body, start)[1]

    expected = [draw((6,), (12, index)).numpy() for index in range(4)]
    np.testing.assert_array_equal(many().numpy(), expected)


def test_draws_have_their_stated_distribution(draw, kind):
    drawn = draw((100_000,), SEED).numpy()
    assert drawn.dtype == np.float32
    assert scipy.stats.kstest(drawn, KINDS[kind]).pvalue > 1e-3


def test_draws_of_consecutive_seeds_are_independent(draw, kind):
    drawn = np.array([draw((5000,), (12, count)) for count in range(6)])
    correlation = np.corrcoef(drawn) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(5000)
    assert scipy.stats.kstest(drawn[:, 0:500].ravel(), KINDS[kind]).pvalue > 1e-3


def test_uniform_draws_may_be_0_and_are_never_1():
    drawn = noise.uniform((1_000_000,), SEED).numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 1


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_a_derived_seed_fits_into_31_bits_and_repeats(seed):
    for stream in ("", "z", "dropout", "encoder_hidden_1", "ü"):
        derived = noise.derive_seed(seed, stream)
        assert isinstance(derived, int)
        assert 0 <= derived < 2**31
        assert noise.derive_seed(seed, stream) == derived


def test_derived_seeds_differ_by_seed_and_by_stream():
    streams = ["z", "zz", "dropout", *(f"encoder_hidden_{index}" for index in range(20))]
    pairs = list(itertools.product(range(50), streams))
    assert len({noise.derive_seed(*pair) for pair in pairs}) == len(pairs)
