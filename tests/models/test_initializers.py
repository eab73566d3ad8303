"""Initial kernels against the distributions that they are drawn from."""

from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats

import models
from catalog.training import INITIALIZERS
from models.networks import initializers
from tests.models.sizes import SMALL_NETWORKS, small_settings

# He et al.: a normal distribution truncated at two standard deviations, scaled to variance
# 2 / inputs.
TRUNCATED = scipy.stats.truncnorm(-2, 2)
DISTRIBUTIONS = {
    "glorot_uniform": scipy.stats.uniform(-np.sqrt(6 / 500), 2 * np.sqrt(6 / 500)),
    "he_normal": scipy.stats.truncnorm(-2, 2, scale=np.sqrt(2 / 300) / TRUNCATED.std()),
    "normal": scipy.stats.norm(scale=0.02),
}


def kernels(model):
    return [weight for weight in model.trainable_variables if weight.path.endswith("/kernel")]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_values_follow_their_distribution(name):
    keras.utils.set_random_seed(0)
    values = np.asarray(initializers.make(name, 0.02)((300, 200), "float32")).ravel()
    assert scipy.stats.kstest(values, DISTRIBUTIONS[name].cdf).pvalue > 0.001


@pytest.mark.parametrize("network", SMALL_NETWORKS)
def test_all_kernels_of_a_network_have_the_initializer_and_all_biases_are_0(network):
    settings = small_settings(network, initializer="normal", init_stddev=0.001, latent_dim=3)
    model = models.build((8, 8, 1), settings)
    drawn = kernels(model)
    assert len(drawn) >= 5
    everything = np.concatenate([kernel.numpy().ravel() for kernel in drawn])
    assert scipy.stats.kstest(everything, scipy.stats.norm(scale=0.001).cdf).pvalue > 0.001
    for kernel in drawn:
        assert 0.0003 < kernel.numpy().std() < 0.003, kernel.path
    for bias in (weight for weight in model.trainable_variables if "bias" in weight.path):
        assert not np.any(bias.numpy())


@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("network", ["mlp", "conv", "conv_leaky", "resnet"])
def test_a_network_made_from_a_config_has_the_same_initializer(network, initializer):
    width: dict[str, Any] = {"init_stddev": 0.25} if initializer == "normal" else {}
    settings = small_settings(network, initializer=initializer, **width)
    model = models.build((8, 8, 1), settings)
    again = type(model).from_config(model.get_config())
    again.build((None, 8, 8, 1))
    for first, second in zip(kernels(model), kernels(again), strict=True):
        assert first.shape == second.shape
        if first.numpy().size > 300:
            assert second.numpy().std() == pytest.approx(first.numpy().std(), rel=0.25)
            if initializer == "normal":
                assert second.numpy().std() == pytest.approx(0.25, rel=0.1)
