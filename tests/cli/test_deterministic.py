"""``--deterministic``: the flags it can be combined with, and names of runs."""

from __future__ import annotations

import pytest

import cli


def parse_train(words: str):
    return cli.parse_train(["train.py", *words.split()])


@pytest.mark.parametrize("words", ["--deterministic", "--deterministic 1", "--deterministic=true"])
def test_deterministic_changes_neither_the_name_of_a_run_nor_how_it_is_resumed(words):
    plain, asked = parse_train(""), parse_train(words)
    assert asked.deterministic
    assert not plain.deterministic
    assert cli.run_name(asked) == cli.run_name(plain)
    assert cli.settings(asked) == cli.settings(plain)
    assert cli.execution(asked)["deterministic"] is True


@pytest.mark.parametrize("words", ["--jit_compile 1", "--jit_compile auto --network conv"])
def test_deterministic_is_accepted_with_steps_that_xla_compiles(words):
    assert parse_train(f"--deterministic 1 {words}").deterministic


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--jit_compile 0", "which --jit_compile 0 turns off: leave one of them out"),
        ("--strategy mirrored", "do not repeat bit for bit: leave --deterministic out"),
        ("--strategy multi_worker", "do not repeat bit for bit: leave --deterministic out"),
    ],
)
def test_deterministic_is_refused_with_flags_that_leave_the_order_of_sums_open(words, part):
    with pytest.raises(cli.UsageError) as error:
        parse_train(f"--deterministic 1 {words}")
    assert part in str(error.value)
    assert not parse_train(f"--deterministic 0 {words}").deterministic
