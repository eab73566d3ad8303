"""The flags of --classify, and the errors about them before TensorFlow is imported."""

from __future__ import annotations

import pytest

import cli
from catalog.evaluations import EVALUATIONS
from tests.untrained_runs import write_run


def parse_evaluate(*args: str):
    return cli.parse_evaluate(["evaluate.py", *args])


def test_four_sizes_and_five_subsets_are_the_default():
    flags = parse_evaluate("--classify", "1")
    assert flags.label_counts == (100, 600, 1000, 3000)
    assert (flags.num_trials, flags.features) == (5, "mean")


def test_classify_is_not_part_of_all_and_its_help_says_so(capsys):
    assert not EVALUATIONS["classify"].in_all
    with pytest.raises(SystemExit):
        parse_evaluate("--help")
    help_of_classify = capsys.readouterr().out.split("--classify")[1].split("--ood")[0]
    assert "not in --all" in help_of_classify


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            "--label_counts 100,x",
            "flag --label_counts=100,x: expected an integer",
        ),
        ("--label_counts 0", "flag --label_counts=0: expected an integer of at least 1"),
        ("--label_counts=", "flag --label_counts=: expected an integer"),
        ("--num_trials 0", "flag --num_trials=0: expected an integer of at least 1"),
        ("--features median", "flag --features=median: expected mean or sample"),
    ],
)
def test_a_bad_flag_is_reported_in_one_line(words, part):
    with pytest.raises(cli.UsageError) as error:
        parse_evaluate("--classify", *words.split())
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("counts", "part"),
    [
        ("100,105", "105 is not a multiple of 10, the number"),
        ("100,3000", "has only 127 of the 1,293 images trained on"),
    ],
)
def test_impossible_label_counts_are_refused_without_tensorflow(tree, run_script, counts, part):
    """The file of the run's model is invalid, and is not opened."""
    write_run(tree / "trained_model" / "of_digits")
    words = ("--classify", "1", "--run_name", "of_digits", "--label_counts", counts)
    result = run_script("evaluate.py", *words)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith(f"evaluate.py: flag --label_counts={counts}: ")
    assert part in result.stderr
    assert result.stderr.count("\n") == 1
