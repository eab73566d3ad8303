"""The convolutional networks in other frameworks compute the same as ours."""

import functools
import math

import numpy as np
import pytest

from benchmarks import conv_networks, workers

IMAGES = np.random.default_rng(1).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
X = IMAGES / np.float32(255)
Z = np.random.default_rng(2).normal(size=(4, conv_networks.LATENT)).astype(np.float32)

each_network = pytest.mark.parametrize("network", conv_networks.NETWORKS)
each_framework = pytest.mark.parametrize("framework", ["torch", "jax"])
# PyTorch warns that it copies the images to pad them for an even kernel.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


@functools.cache
def ours(network):
    """Returns our model, with biases other than 0."""
    model = workers._keras_model(IMAGES, {"network": network})
    generator = np.random.default_rng(3)
    for layer in conv_networks.layers_of(model):
        layer.bias.assign(generator.normal(scale=0.1, size=layer.bias.shape))
    return model


def our_functions(network, training=False):
    model = ours(network)

    def encode(images):
        return [part.numpy() for part in model.encoder(images, training=training)]

    return encode, lambda z: model.decoder(z, training=training).numpy()


def jax_functions(network, training=False):
    jax = pytest.importorskip("jax")
    from benchmarks import conv_jax

    peer = conv_jax.VAE(network, np.float32)
    layers = conv_networks.layers_of(ours(network))
    weights = {
        name: (layer.kernel.numpy(), layer.bias.numpy())
        for name, layer in zip(peer.network.layers, layers, strict=True)
    }

    def keys():
        return iter(jax.random.split(jax.random.key(0), 20)) if training else None

    return (
        lambda images: peer.encode(weights, images, keys()),
        lambda z: peer.decode(weights, z, keys()),
    )


def torch_functions(network, training=False):
    torch = pytest.importorskip("torch")
    from benchmarks import conv_torch

    # For an even number of pixels, a 3×3 window with stride 2 is padded at the end in Keras and at
    # the beginning in PyTorch: the results are mirror images.
    turn = (slice(None), *([slice(None, None, -1)] * 2 if network == "conv" else []))
    peer = conv_torch.VAE(network, torch.contiguous_format).train(training)

    def channels_first(weight, axis):
        """Reorders features (height · width · 64) of a dense layer as in PyTorch."""
        if weight.shape[axis] % 64:
            return weight
        side = math.isqrt(weight.shape[axis] // 64)
        rows = np.moveaxis(weight, axis, 0).reshape(side, side, 64, -1)
        rows = rows[turn[1:]].transpose(2, 0, 1, 3).reshape(weight.shape[axis], -1)
        return np.moveaxis(rows, 0, axis)

    def to_torch(kernel):
        if kernel.ndim == 4:
            return kernel[turn[1:]].transpose(3, 2, 0, 1)
        return channels_first(channels_first(kernel, 0), 1).T

    with torch.no_grad():
        layers = conv_networks.layers_of(ours(network))
        for name, layer in zip(peer.network.layers, layers, strict=True):
            kernel, bias = to_torch(layer.kernel.numpy()), channels_first(layer.bias.numpy(), 0)
            peer.layers[name].weight.copy_(torch.from_numpy(kernel.copy()))
            peer.layers[name].bias.copy_(torch.from_numpy(bias.reshape(-1).copy()))

    @torch.no_grad()
    def encode(images):
        x = torch.from_numpy(images[turn].transpose(0, 3, 1, 2).copy())
        return [part.numpy() for part in peer.encode(x)]

    @torch.no_grad()
    def decode(z):
        return peer.decode(torch.from_numpy(z)).numpy().transpose(0, 2, 3, 1)[turn]

    return encode, decode


PEERS = {"torch": torch_functions, "jax": jax_functions}


@each_network
def test_ours_begins_with_the_shared_weights_and_has_no_others(network):
    model = workers._keras_model(IMAGES, {"network": network})
    layers = conv_networks.layers_of(model)
    assert len(model.trainable_variables) == 2 * len(layers)
    for layer, weight in zip(layers, conv_networks.initial_weights(network).values(), strict=True):
        np.testing.assert_array_equal(layer.kernel.numpy(), weight)
        assert not layer.bias.numpy().any()


@each_framework
@each_network
def test_other_frameworks_compute_the_same_outputs(network, framework):
    encode, decode = our_functions(network)
    peers_encode, peers_decode = PEERS[framework](network)
    np.testing.assert_allclose(peers_encode(X), encode(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(peers_decode(Z), decode(Z), rtol=1e-4, atol=1e-5)


@each_framework
def test_dropout_is_in_the_same_places_in_other_frameworks(framework):
    """By what it does to the outputs: their means and spreads over many draws."""
    encode, decode = our_functions("conv_leaky", training=True)
    peers_encode, peers_decode = PEERS[framework]("conv_leaky", training=True)
    many_x, many_z = np.repeat(X[:1], 1000, axis=0), np.repeat(Z[:1], 1000, axis=0)
    for mine, theirs in (
        (encode(many_x)[0], peers_encode(many_x)[0]),
        (decode(many_z).reshape(1000, -1), peers_decode(many_z).reshape(1000, -1)),
    ):
        mine, theirs = np.asarray(mine), np.asarray(theirs)
        spread = mine.std(axis=0)
        assert np.all(spread > 0)
        assert theirs.std(axis=0).mean() == pytest.approx(spread.mean(), rel=0.05)
        apart = (theirs.mean(axis=0) - mine.mean(axis=0)) / (spread * math.sqrt(2 / 1000))
        assert np.abs(apart).mean() < 1.3  # of normal deviates 0.8


@each_framework
@each_network
def test_other_frameworks_compute_the_same_loss(network, framework):
    pytest.importorskip(framework)
    options = {"network": network, "batch_size": 4}
    model = workers._keras_model(IMAGES, options)
    expected = np.mean(model.compute_losses(X)["loss"])
    epoch = workers.WORKERS[f"{framework}_conv"](IMAGES, options)
    assert epoch(np.arange(4)) == pytest.approx(expected, rel=0.01)
    assert epoch(np.arange(4)) < expected  # it has learned
