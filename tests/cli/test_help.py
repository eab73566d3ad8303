"""--help of both scripts."""

from __future__ import annotations

import pytest

import cli
from catalog import RUN_FLAGS, evaluations

PARSERS = {"train.py": cli.parse_train, "evaluate.py": cli.parse_evaluate}
FLAGS = {"train.py": cli.TRAIN_FLAGS, "evaluate.py": evaluations.FLAGS}


def read_help(capsys, script: str, *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        PARSERS[script]([script, *words])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def listed(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.startswith("  --")]


@pytest.mark.parametrize("script", PARSERS)
def test_help_lists_the_common_flags_and_help_all_every_flag(script, capsys):
    short, full = read_help(capsys, script, "--help"), read_help(capsys, script, "--help", "all")
    flags = [flag for flag in FLAGS[script] if flag.name != "help"]
    assert sorted(listed(full)) == sorted(f"--{flag.name}" for flag in flags)
    assert sorted(listed(short)) == sorted(f"--{flag.name}" for flag in flags if flag.is_common)
    assert len(listed(short)) <= 22
    assert f"python {script} --help all lists every flag" in short
    assert read_help(capsys, script, "-h") == short == read_help(capsys, script, "--help=1")


@pytest.mark.parametrize("script", PARSERS)
@pytest.mark.parametrize("words", [["--help"], ["--help", "all"]])
def test_help_fits_a_terminal_and_ends_with_examples(script, words, capsys):
    text = read_help(capsys, script, *words)
    assert max(map(len, text.splitlines())) <= 100
    assert "\nExamples\n  python " in text
    assert "None" not in text


def test_help_shows_groups_defaults_and_which_part_reads_a_flag(capsys):
    text = " ".join(read_help(capsys, "train.py", "--help", "all").split())
    groups = [f" {name} --" for name in ("Data", "Model", "Training", "Running", "Output")]
    assert sorted(groups, key=text.index) == groups
    assert "(default for --network: mlp tanh; conv relu; conv_prelu prelu;" in text
    assert "(with --network mlp; default: 500)" in text
    assert "(with --beta_schedule linear or cyclical; required)" in text
    assert "(default: all; with --model classifier_vae)" in text
    assert "--stream auto|1|0 " in text
    assert "(default: auto)" in text


def test_help_of_evaluate_says_how_a_run_is_found_and_does_not_repeat_the_flags_of_train(capsys):
    text = read_help(capsys, "evaluate.py", "--help", "all")
    assert not {f"--{flag.name}" for flag in RUN_FLAGS} & set(listed(text))
    assert "--run_name or --saved_path names; otherwise the newest run" in text
    assert (
        "(with --reconstruct, --generate, --generate_class or --decode; default: 50)"
        in " ".join(text.split())
    )


def test_the_examples_are_valid(capsys):
    for script, parse in PARSERS.items():
        text = read_help(capsys, script, "--help").split("Examples\n")[1]
        for line in filter(None, text.splitlines()):
            if line.startswith("  python"):
                words = line.split("   ")[0].replace('"', "").replace("'", "").split()
                words = [word.replace("=configs", f"={cli.ROOT}/configs") for word in words]
                parse(words[1:])


def test_help_can_be_false():
    assert not cli.parse_train(["train.py", "--help", "0"]).help
    with pytest.raises(cli.UsageError, match="flag --help=most: expected --help or --help all"):
        cli.parse_train(["train.py", "--help", "most"])
