"""Flags of the likelihoods."""

from __future__ import annotations

import pytest

import cli
from catalog.likelihoods import LIKELIHOODS


def parse_train(*words):
    return cli.parse_train(["train.py", *words])


def test_a_likelihoods_settings_hold_the_flags_that_it_reads_and_no_others():
    for name, likelihood in LIKELIHOODS.items():
        settings = cli.settings(parse_train("--likelihood", name))
        assert settings["likelihood"] == name
        assert {flag.name: flag.default for flag in likelihood.flags}.items() <= settings.items()
        assert ("pixel_stddev" in settings) == (name == "gaussian")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--likelihood bernoulli", "mnist_vae_hd500_ld10_e50"),
        ("--likelihood gaussian", "mnist_vae_hd500_ld10_e50_lik-gaussian"),
        (
            "--likelihood gaussian --pixel_stddev 0.1",
            "mnist_vae_hd500_ld10_e50_lik-gaussian_ps0.1",
        ),
        (
            "--likelihood continuous_bernoulli --beta 2",
            "mnist_vae_hd500_ld10_e50_lik-continuous_bernoulli_beta2",
        ),
        (
            "--likelihood logistic_mixture --num_logistics 10",
            "mnist_vae_hd500_ld10_e50_lik-logistic_mixture_nlog10",
        ),
    ],
)
def test_the_likelihood_shows_in_a_runs_name(words, name):
    assert cli.run_name(parse_train(*words.split())) == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--pixel_stddev 0.1",
            "flag --pixel_stddev: --likelihood bernoulli does not read it; leave it out, or choose "
            "--likelihood gaussian",
        ),
        (
            "--likelihood gaussian_learned --pixel_stddev 0.1",
            "flag --pixel_stddev: --likelihood gaussian_learned does not read it",
        ),
        (
            "--likelihood gaussian --pixel_stddev 0",
            "flag --pixel_stddev=0: expected a number of at least 0.001",
        ),
        (
            "--likelihood discretized_logistic --binarize dynamic",
            "flag --binarize=dynamic: --likelihood discretized_logistic is a distribution of 256 "
            "gray values; leave --binarize out, or choose --likelihood bernoulli",
        ),
        (
            "--likelihood logistic_mixture --num_logistics 0",
            "flag --num_logistics=0: expected an integer of at least 1, at most 100",
        ),
        ("--likelihood normal", "flag --likelihood=normal: expected bernoulli, gaussian,"),
        ("--likelihood gausian", "did you mean gaussian"),
    ],
)
def test_flags_that_do_not_fit_the_likelihood_are_refused_in_one_line(words, message):
    with pytest.raises(cli.UsageError) as error:
        parse_train(*words.split())
    assert message in str(error.value)
    assert "\n" not in str(error.value)
