"""The name of a run, from its settings. How flags come to be settings: test_options.py."""

from __future__ import annotations

import pytest

import runs

DEFAULTS = {
    "dataset": "mnist",
    "model": "vae",
    "hidden_dim": 500,
    "latent_dim": 10,
    "num_epochs": 50,
    "beta": 1.0,
    "network": "mlp",
}
ABBREVIATIONS = {"network": "n", "beta": "beta"}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "mnist_vae_hd500_ld10_e50"),
        ({"dataset": "digits", "model": "iwae"}, "digits_iwae_hd500_ld10_e50"),
        ({"hidden_dim": 1, "latent_dim": 2, "num_epochs": 3}, "mnist_vae_hd1_ld2_e3"),
        ({"hidden_dim": "512,256"}, "mnist_vae_hd512-256_ld10_e50"),
        ({"beta": 4.0}, "mnist_vae_hd500_ld10_e50_beta4"),
        ({"beta": 0.00001}, "mnist_vae_hd500_ld10_e50_beta1e-05"),
        ({"beta": 0.5, "network": "cnn"}, "mnist_vae_hd500_ld10_e50_ncnn_beta0.5"),
    ],
)
def test_sizes_always_show_and_the_rest_where_it_differs(changed, name):
    assert runs.name_run({**DEFAULTS, **changed}, DEFAULTS, ABBREVIATIONS) == name


def test_what_has_no_letters_does_not_show():
    settings = {**DEFAULTS, "beta": 4.0}
    assert runs.name_run(settings, DEFAULTS, {}) == "mnist_vae_hd500_ld10_e50"
