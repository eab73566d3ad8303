"""train.py --sweep: its command line, and runs bit-identical to those trained alone."""

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


def test_without_sweep_there_is_one_run():
    values, each = parse("--latent_dim", "7")
    assert (values.latent_dim, each) == (7, [])


def test_a_sweep_has_one_run_per_value(tmp_path):
    (tmp_path / "recipe.flags").write_text("--sweep=latent_dim=2,20\n--beta=3\n")
    _, each = parse(f"--flagfile={tmp_path / 'recipe.flags'}", "--sweep", "latent_dim=4, 100")
    assert [flag for flag, _, _ in each] == ["--latent_dim=4", "--latent_dim=100"]
    for flag, name, settings in each:
        alone, _ = parse("--beta", "3", flag)
        assert (name, settings) == (cli.run_name(alone), cli.settings(alone))


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["--sweep", "beta=1,4"], ["--beta=1", "--beta=4"]),
        (["--sweep=hidden_dim=500;512,256"], ["--hidden_dim=500", "--hidden_dim=512,256"]),
        (["--sweep", "--seed=0,1"], ["--seed=0", "--seed=1"]),
        (["--sweep", "dataset=mnist,digits"], ["--dataset=mnist", "--dataset=digits"]),
        (["--num_labels", "100", "--sweep", "model=classifier_vae"], ["--model=classifier_vae"]),
    ],
)
def test_any_flag_of_a_run_can_be_swept(words, flags):
    assert [member.flag for member in parse(*words)[1]] == flags


def test_a_flag_after_its_sweep_overrides_it_and_one_before_does_not(tmp_path):
    (tmp_path / "recipe.flags").write_text("--sweep latent_dim=2,20\n")
    recipe = f"--flagfile={tmp_path / 'recipe.flags'}"
    values, each = parse(recipe, "--latent_dim", "5", "--run_name", "one")
    assert (values.latent_dim, each, cli.run_name(values)) == (5, [], "one")
    assert len(parse("--latent_dim", "5", recipe)[1]) == 2


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--sweep", "latent_dim=2,0"], ["flag --latent_dim=0: expected an integer"]),
        (["--sweep", "latent_dim=2,,4"], ["each value once"]),
        (["--sweep", "latent_dim=2,4,2"], ["each value once"]),
        (["--sweep", "beta=1,1.0"], ["two of them are the same: give each value once"]),
        (["--sweep", "latent_dim"], ["expected a flag and its values, such as latent_dim=2,4,8"]),
        (["--sweep", "latnet_dim=2"], ["not a setting of a run", "did you mean --latent_dim?"]),
        (["--sweep", "overwrite=0,1"], ["--overwrite is not a setting of a run"]),
        (["--sweep", "filters=8,9"], ["flag --filters: --network mlp does not read it"]),
        (["--sweep", "beta=2,4", "--run_name", "x"], ["beta=2,4 trains several", "leave it out"]),
        (["--sweep", "beta=2,4", "--strategy", "multi_worker"], ["beta=2,4 trains several runs"]),
        (
            ["--latent_dim", "2, 4,8"],
            ["flag --latent_dim=2,4,8: --model vae has one level", "type --sweep latent_dim=2,4,8"],
        ),
        (["--beta", "1,4"], ["to train one run for each, type --sweep beta=1,4"]),
    ],
)
def test_a_sweep_that_cannot_be_trained_is_refused_in_one_line(words, parts):
    with pytest.raises(UsageError) as error:
        parse(*words)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_evaluate_takes_several_values_of_latent_dim_for_the_levels_of_a_hierarchy(run_script):
    result = run_script("evaluate.py", "--latent_dim", "2,4", "--curves")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "no trained run with --latent_dim 2,4" in result.stderr
    assert "--sweep" not in result.stderr


def test_the_runs_of_a_sweep_are_bit_identical_to_runs_trained_alone(tree, run_script):
    result = run_script("train.py", *SMALL, "--sweep", "latent_dim=2,3", tensorflow=True)
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

    # Again: all have finished, and TensorFlow, which is missing here, is not imported.
    result = run_script("train.py", *SMALL, "--sweep", "latent_dim=2,3")
    assert (result.returncode, result.stderr) == (0, "")
    assert "done      --latent_dim=2: run digits_vae_hd8_ld2_e1\n" in result.stdout
