"""train.py --latent_dim 2,3: the command line, and runs of the same bits as alone."""

from __future__ import annotations

import numpy as np
import pytest

import cli
import runs
from cli import UsageError

SMALL = ("--dataset", "digits", "--num_epochs", "1", "--hidden_dim", "8")


def parse(*args: str):
    argv = ["train.py", *args]
    values = cli.parse_train(argv)
    return values, cli.parse_each(argv, values)


def test_one_latent_dim_is_one_run():
    values, each = parse("--latent_dim", "7")
    assert (values.latent_dim, each) == (7, [])


def test_several_are_runs_that_differ_in_nothing_else(tmp_path):
    (tmp_path / "recipe.flags").write_text("--latent_dim=2,20\n--beta=3\n")
    _, each = parse(f"--flagfile={tmp_path / 'recipe.flags'}", "--latent_dim", "4, 100")
    assert [flag for flag, _, _ in each] == ["--latent_dim=4", "--latent_dim=100"]
    for flag, name, settings in each:
        alone, _ = parse("--beta", "3", flag)
        assert (name, settings) == (cli.run_name(alone), cli.settings(alone))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--latent_dim", "2,0"], ["--latent_dim=2,0", "of at least 1", "or several, with commas"]),
        (["--latent_dim", "2,,4"], ["a whole number"]),
        (["--latent_dim", "2,4,2"], ["each value once"]),
        (["--latent_dim", "2,4", "--run_name", "mine"], ["2,4 trains several", "leave it out"]),
        (["--latent_dim", "2,4", "--strategy", "multi_worker"], ["2,4 trains several runs"]),
    ],
)
def test_a_list_that_cannot_be_trained_is_told_in_one_line(words, parts):
    with pytest.raises(UsageError) as told:
        parse(*words)
    assert "\n" not in str(told.value)
    for part in parts:
        assert part in str(told.value)


def test_evaluate_takes_one_latent_dim(run_script):
    result = run_script("evaluate.py", "--latent_dim", "2,4", "--curves")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "--latent_dim=2,4: expected a whole number" in result.stderr


def test_the_runs_of_a_sweep_have_the_bits_of_runs_trained_alone(tree, run_script):
    result = run_script("train.py", *SMALL, "--latent_dim", "2,3", tensorflow=True)
    assert (result.returncode, result.stderr) == (0, "")
    result = run_script(
        "train.py", *SMALL, "--latent_dim", "3", "--run_name", "alone", tensorflow=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    folder = tree / "trained_model"
    found, expected = (
        dict(np.load(runs.Run(folder / name).checkpoint_path, allow_pickle=False))
        for name in ("digits_vae_hd8_ld3_e1", "alone")
    )
    assert found.keys() == expected.keys()
    assert len(found) > 10
    for name in found.keys() - {"json"}:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)

    # Once more: all are done, and TensorFlow, which is missing here, is not asked for.
    result = run_script("train.py", *SMALL, "--latent_dim", "2,3")
    assert (result.returncode, result.stderr) == (0, "")
    assert "done      --latent_dim=2: run digits_vae_hd8_ld2_e1\n" in result.stdout
