"""The flags of what the optimiser sees: what they accept, and how they name a run."""

from __future__ import annotations

import pytest

import command_line
import options


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--l2=-1", "flag --l2=-1: expected a number of at least 0"),
        ("--l2 nan", "flag --l2=nan: expected a number of at least 0"),
        ("--learning_rate_schedule cosin", "expected constant or cosine; did you mean cosine?"),
    ],
)
def test_a_bad_command_line_is_told_in_one_line(words, part):
    with pytest.raises(command_line.UsageError) as error:
        options.parse_train(["train.py", *words.split()])
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--l2 0 --learning_rate_schedule constant", "mnist_vae_hd500_ld10_e50"),
        ("--l2 0.00078125", "mnist_vae_hd500_ld10_e50_l2-0.00078125"),
        ("--learning_rate_schedule cosine", "mnist_vae_hd500_ld10_e50_lr-cosine"),
    ],
)
def test_a_run_is_named_by_what_differs(words, name):
    assert options.run_name(options.parse_train(["train.py", *words.split()])) == name
