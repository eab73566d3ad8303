"""Flags that only some models read."""

from __future__ import annotations

import pytest
from absl.flags import FlagValues

import cli
from catalog.models import MODELS


def parse_train(*args: str) -> FlagValues:
    return cli.parse_train(["train.py", *args])


def names_of_some_models() -> set[str]:
    read: list[set[str]] = [{flag.name for flag in model.flags} for model in MODELS.values()]
    return read[0].union(*read) - read[0].intersection(*read)


@pytest.mark.parametrize("model", MODELS)
def test_settings_hold_the_flags_that_the_model_reads_at_their_defaults(model):
    defaults = {flag.name: flag.default for flag in MODELS[model].flags}
    settings = cli.settings(parse_train("--model", model))
    assert defaults.items() <= settings.items()
    assert not settings.keys() & (names_of_some_models() - defaults.keys())


@pytest.mark.parametrize("model", MODELS)
def test_the_formula_of_the_loss_can_be_filled_in_from_the_settings(model):
    settings = cli.settings(parse_train("--model", model))
    assert "log p(x|z)" in MODELS[model].loss.format(**settings)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (
            "--model autoencoder --beta 2",
            ["flag --beta: --model autoencoder does not read it", "choose --model vae"],
        ),
        ("--model autoencoder --beta 1", ["flag --beta: --model autoencoder does not read it"]),
    ],
)
def test_a_flag_that_the_model_does_not_read_is_refused_in_one_line(words, parts):
    with pytest.raises(cli.UsageError) as error:
        parse_train(*words.split())
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--model autoencoder", "mnist_autoencoder_hd500_ld10_e50"),
        ("--model autoencoder --latent_dim 2 --seed 1", "mnist_autoencoder_hd500_ld2_e50_s1"),
    ],
)
def test_the_model_shows_in_a_runs_name(words, name):
    assert cli.run_name(parse_train(*words.split())) == name


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            "--num_labels 100",
            "flag --num_labels: --model vae does not read it; it reads --beta",
        ),
        ("--classifier_weight 1", "or choose --model classifier_vae"),
        ("--model classifier_vae --num_labels 0", "expected an integer of at least 1"),
        (
            "--model classifier_vae --num_labels 50001",
            "flag --num_labels=50001: expected at most the 50000 images that mnist has",
        ),
        (
            "--model classifier_vae --dataset digits --num_validation 437 --num_labels 1001",
            "expected at most the 1000 images",
        ),
        ("--model classifier_vae --dataset patches", "needs labels, and patches has none: choose"),
        ("--model classifier_vae --classifier_dims 3,x", "flag --classifier_dims=3,x: expected"),
        ("--model classifier_vae --classifier_loss relu", "expected softmax or sigmoid"),
    ],
)
def test_a_mistake_about_labels_is_reported_in_one_line(words, part):
    with pytest.raises(cli.UsageError) as error:
        parse_train(*words.split())
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_the_classifiers_flags_show_in_a_runs_name():
    words = "--model classifier_vae --num_labels 100 --classifier_weight 3 --classifier_dims 5"
    name = cli.run_name(parse_train(*words.split(), "--classifier_loss", "sigmoid"))
    assert name == "mnist_classifier_vae_hd500_ld10_e50_nl100_cw3_cd5_cl-sigmoid"
    assert cli.settings(parse_train("--model", "classifier_vae"))["num_labels"] is None
