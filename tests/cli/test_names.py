"""Names of runs: the same as those of earlier versions, for the same command."""

from __future__ import annotations

from pathlib import Path

import pytest

import cli

# Computed by the version before the catalog, recipes included.
LINES = Path(__file__).with_name("run_names.txt").read_text().splitlines()[1:]
NAMES = list(zip(LINES[::2], map(str.strip, LINES[1::2]), strict=True))


def test_the_table_of_names_has_many_commands():
    assert len(NAMES) >= 40


@pytest.mark.parametrize(("words", "name"), NAMES)
def test_a_run_has_the_name_that_earlier_versions_gave_it(words, name, monkeypatch):
    monkeypatch.chdir(cli.ROOT)  # recipes
    assert cli.run_name(cli.parse_train(words.split())) == name


def test_the_runs_of_a_sweep_have_the_names_that_earlier_versions_gave_them():
    argv = ["train.py", f"--flagfile={cli.ROOT}/configs/dimensions.flags"]
    assert [member.run_name for member in cli.parse_each(argv, cli.parse_train(argv))] == [
        f"mnist_vae_hd512-512_ld{dim}_e128_act-elu-tanh_do0.1_b128"
        for dim in (2, 4, 8, 10, 20, 100)
    ]
    # A flag that follows the recipe overrides its sweep.
    one = cli.parse_train([*argv, "--latent_dim=20"])
    assert cli.run_name(one) == "mnist_vae_hd512-512_ld20_e128_act-elu-tanh_do0.1_b128"
