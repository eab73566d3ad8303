"""Flags of objectives, schedules and regularization: what they accept, and names of runs."""

from __future__ import annotations

import pytest

import cli


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--l2=-1", "flag --l2=-1: expected a number of at least 0"),
        ("--l2 nan", "flag --l2=nan: expected a number of at least 0"),
        ("--free_bits=-1", "flag --free_bits=-1: expected a number of at least 0"),
        ("--corruption 1.1", "flag --corruption=1.1: expected a number of at least 0, at most 1"),
        ("--beta_schedule cosine", "expected constant, linear or cyclical"),
        ("--beta_schedule linear", "needs --beta_steps, training steps"),
        (
            "--beta_schedule cyclical --beta_cycles 2",
            "needs --beta_steps, training steps",
        ),
        ("--beta_schedule linear --beta_steps 0", "flag --beta_steps=0: expected an integer"),
        ("--beta_schedule linear --beta_steps 9 --beta_start=-1", "flag --beta_start=-1: expected"),
        ("--beta_start 0", "flag --beta_start: --beta_schedule constant does not read it"),
        ("--beta_steps 5", "choose --beta_schedule linear or cyclical"),
        (
            "--beta_schedule linear --beta_steps 5 --beta_cycles 2",
            "--beta_schedule linear does not read it; it reads --beta_start, --beta_steps; leave",
        ),
        (
            "--model autoencoder --free_bits 1",
            "does not read it, nor --objective",
        ),
        ("--model autoencoder --beta_schedule linear", "--model autoencoder does not read it"),
        (
            "--model autoencoder --beta_steps 5",
            "does not read it, nor --beta_schedule; leave it out, or choose --model vae",
        ),
        (
            "--model hierarchical_vae --objective tc",
            "flag --latent_dim=32,16: --objective tc needs one level; choose another --objective",
        ),
        ("--patience 0", "flag --patience=0: expected an integer"),
        ("--ema 1", "flag --ema=1: expected a number of at least 0, at most 0.999999"),
        ("--clip_norm 0", "flag --clip_norm=0: expected a number above 0"),
        ("--tc_weight 3", "--objective elbo does not read it; it reads --free_bits; leave it out"),
        (
            "--learning_rate_schedule cosin",
            "expected constant, cosine or steps; did you mean cosine?",
        ),
    ],
)
def test_a_bad_command_line_is_reported_in_one_line(words, part):
    with pytest.raises(cli.UsageError) as error:
        cli.parse_train(["train.py", *words.split()])
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--l2 0 --learning_rate_schedule constant", "mnist_vae_hd500_ld10_e50"),
        ("--l2 0.00078125", "mnist_vae_hd500_ld10_e50_l2-0.00078125"),
        ("--learning_rate_schedule cosine", "mnist_vae_hd500_ld10_e50_lr-cosine"),
        ("--beta_schedule constant --free_bits 0", "mnist_vae_hd500_ld10_e50"),
        ("--corruption 0", "mnist_vae_hd500_ld10_e50"),
        ("--corruption .5", "mnist_vae_hd500_ld10_e50_corr0.5"),
        ("--patience 9 --ema .99 --clip_norm 5", "mnist_vae_hd500_ld10_e50_pat9_ema0.99_clip5"),
        ("--objective tc", "mnist_vae_hd500_ld10_e50_obj-tc"),
        ("--objective tc --tc_weight 4", "mnist_vae_hd500_ld10_e50_obj-tc_tc4"),
        ("--objective dreg --num_samples 7", "mnist_vae_hd500_ld10_e50_obj-dreg_ns7"),
        ("--free_bits .25", "mnist_vae_hd500_ld10_e50_free0.25"),
        (
            "--beta .4 --beta_schedule linear --beta_start .01 --beta_steps 5000",
            "mnist_vae_hd500_ld10_e50_beta0.4_beta-linear_from0.01_over5000",
        ),
        (
            "--beta_schedule cyclical --beta_steps 100",
            "mnist_vae_hd500_ld10_e50_beta-cyclical_over100",
        ),
        (
            "--beta_schedule cyclical --beta_steps 100 --beta_cycles 2",
            "mnist_vae_hd500_ld10_e50_beta-cyclical_over100_times2",
        ),
    ],
)
def test_a_run_is_named_by_its_non_default_settings(words, name):
    assert cli.run_name(cli.parse_train(["train.py", *words.split()])) == name


def test_settings_hold_the_flags_of_the_schedule_that_is_chosen_and_no_others():
    def settings(words: str) -> dict[str, object]:
        chosen = cli.settings(cli.parse_train(["train.py", *words.split()]))
        return {name: value for name, value in chosen.items() if name.startswith("beta")}

    assert settings("") == {"beta": 1.0, "beta_schedule": "constant"}
    assert settings("--beta_schedule linear --beta_steps 9") == {
        "beta": 1.0,
        "beta_schedule": "linear",
        "beta_start": 0.0,
        "beta_steps": 9,
    }
    assert settings("--beta_schedule cyclical --beta_steps 9")["beta_cycles"] == 4
    assert settings("--model autoencoder") == {}
