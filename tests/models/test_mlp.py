"""The fully connected network: any sizes and activations, mirrored in the decoder."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.special

import models
from catalog.networks import ACTIVATIONS
from models.networks import activations, mlp
from tests.settings import make_settings

# By their definitions, with the initial slope of PReLU.
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.3 * x),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "silu": lambda x: x * scipy.special.expit(x),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_follows_its_definition(name):
    values = np.linspace(-6, 6, 25, dtype=np.float32).reshape(5, 5)
    found = activations.make(name, 1)(values)
    np.testing.assert_allclose(found, FUNCTIONS[name](values.astype(np.float64)), atol=2e-6)


@pytest.mark.parametrize(
    ("sizes", "names"),
    [([7], ["silu"]), ([7, 5], ["elu", "tanh"]), ([4, 9, 2], ["relu", "gelu", "prelu"])],
)
def test_the_decoder_has_the_encoders_sizes_and_activations_in_reverse_order(sizes, names):
    settings = make_settings(hidden_dim=tuple(sizes), activation=tuple(names), latent_dim=3)
    model = models.build((4, 5, 2), settings)
    source = np.random.default_rng(0)
    for weight in model.trainable_variables:
        if "alpha" not in weight.path:
            weight.assign(source.normal(0, 0.5, weight.shape))

    def apply(layers, features, order):
        for layer, (units, name) in zip(layers, order, strict=True):
            kernel, bias = (np.asarray(weight, np.float64) for weight in layer.dense.get_weights())
            assert kernel.shape[1] == units
            features = FUNCTIONS[name](features @ kernel + bias)
        return features

    def last(layer, features):
        kernel, bias = (np.asarray(weight, np.float64) for weight in layer.get_weights())
        return features @ kernel + bias

    order = list(zip(sizes, names, strict=True))
    images, z = source.random((6, 4, 5, 2)), source.normal(size=(6, 3))
    features = apply(model.encoder.hidden, images.reshape(6, 40), order)
    z_mean, z_log_var = model.encode(images.astype(np.float32))
    np.testing.assert_allclose(z_mean, last(model.encoder.z_mean, features), atol=1e-4)
    np.testing.assert_allclose(z_log_var, last(model.encoder.z_log_var, features), atol=1e-4)
    features = apply(model.decoder.hidden, z, order[::-1])
    logits = last(model.decoder.logits, features).reshape(6, 4, 5, 2)
    np.testing.assert_allclose(model.decoder(z.astype(np.float32)), logits, atol=1e-4)


def test_one_activation_stands_for_all_layers_and_a_wrong_number_is_refused():
    once = mlp.Encoder(2, (5, 4), "elu", name="encoder")
    each = mlp.Encoder(2, (5, 4), ["elu", "elu"], name="encoder")
    for encoder in (once, each):
        assert [layer.get_config()["activation"] for layer in encoder.hidden] == ["elu", "elu"]
    with pytest.raises(ValueError, match=r"Expected one, or one for each of the 2 hidden layers"):
        mlp.Encoder(2, (5, 4), ["elu"] * 3, name="encoder")
