"""Names of runs, from their settings."""

from __future__ import annotations

import pytest

import runs

DEFAULTS = {
    "dataset": "mnist",
    "model": "vae",
    "hidden_dim": (500,),
    "latent_dim": 10,
    "num_epochs": 50,
    "beta": 1.0,
    "network": "mlp",
    "activation": ("relu",),
    "decoder_dims": (64,),
    "stream": None,
}
ABBREVIATIONS = {
    "network": "n",
    "activation": "a",
    "decoder_dims": "dd",
    "beta": "beta",
    "stream": "stream",
}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "mnist_vae_hd500_ld10_e50"),
        ({"dataset": "digits", "model": "iwae"}, "digits_iwae_hd500_ld10_e50"),
        ({"hidden_dim": 1, "latent_dim": 2, "num_epochs": 3}, "mnist_vae_hd1_ld2_e3"),
        ({"hidden_dim": "512,256"}, "mnist_vae_hd512-256_ld10_e50"),
        ({"hidden_dim": (512, 256)}, "mnist_vae_hd512-256_ld10_e50"),
        ({"latent_dim": (32, 16)}, "mnist_vae_hd500_ld32-16_e50"),
        ({"stream": True}, "mnist_vae_hd500_ld10_e50_stream1"),
        ({"stream": False}, "mnist_vae_hd500_ld10_e50_stream0"),
        ({"decoder_dims": ()}, "mnist_vae_hd500_ld10_e50_ddnone"),
        ({"activation": ("elu", "tanh")}, "mnist_vae_hd500_ld10_e50_aelu-tanh"),
        ({"beta": 4.0}, "mnist_vae_hd500_ld10_e50_beta4"),
        ({"beta": 0.00001}, "mnist_vae_hd500_ld10_e50_beta1e-05"),
        ({"beta": 0.5, "network": "cnn"}, "mnist_vae_hd500_ld10_e50_ncnn_beta0.5"),
    ],
)
def test_sizes_always_show_and_the_rest_where_it_differs(changed, name):
    assert runs.name_run({**DEFAULTS, **changed}, DEFAULTS, ABBREVIATIONS) == name


def test_flags_without_an_abbreviation_do_not_show():
    settings = {**DEFAULTS, "beta": 4.0}
    assert runs.name_run(settings, DEFAULTS, {}) == "mnist_vae_hd500_ld10_e50"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("500", (500,)),
        ("512,256", [512, 256]),
        ("512,256", (512, 256)),
        ("same", ("same",)),
        ("elu,tanh", ["elu", "tanh"]),
        ("none", ()),
        ("1", True),
        ("0", False),
        (10, 10.0),
        (10, (10,)),
        (None, None),
    ],
)
def test_values_are_equal_whether_written_as_text_or_as_lists(old, new):
    assert runs.normalize(old) == runs.normalize(new)


@pytest.mark.parametrize(
    ("one", "other"),
    [("512,256", (256, 512)), (10, 11), ("same", "valid"), (None, 0), ((), None), (True, False)],
)
def test_other_values_differ(one, other):
    assert runs.normalize(one) != runs.normalize(other)
