"""Suggestions for unknown flags."""

from __future__ import annotations

import pytest

import cli
from catalog.evaluations import FLAGS
from cli.near_misses import _SYNONYMS

PARSERS = {"train.py": cli.parse_train, "evaluate.py": cli.parse_evaluate}


def refusal(script: str, words: str) -> str:
    with pytest.raises(cli.UsageError) as error:
        PARSERS[script]([script, *words.split()])
    message = str(error.value)
    assert "\n" not in message
    assert f"(python {script} --help all lists the flags)" in message
    return message.split(" (python")[0]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("--epochs 5", "--num_epochs"),
        ("--lr=1e-3", "--learning_rate"),
        ("--config x", "--flagfile"),
        ("--output x", "--run_name"),
        ("--save_dir x", "--run_name"),
        ("--batch 5", "--batch_size"),
        ("--z_dim 5", "--latent_dim"),
        ("--latent-dim 5", "--latent_dim"),
        ("--Latent_Dim 5", "--latent_dim"),
        ("--hidden 5", "--hidden_dim"),
        ("--layers 5", "--hidden_dim"),
        ("--data_path x", "--data_dir"),
        ("--ckpt x", "--resume"),
        ("--latnet_dim 5", "--latent_dim"),
        ("--weight_decay 5", "--l2"),
    ],
)
def test_train_suggests_the_intended_flag(words, meant):
    name = words.split()[0].split("=")[0]
    assert refusal("train.py", words) == f"unknown flag {name}: did you mean {meant}?"


def test_flags_that_are_not_needed_get_an_explanation():
    for name in ("gpu", "device", "cuda"):
        told = refusal("train.py", f"--{name} 0")
        assert told.startswith(f"unknown flag --{name}: a GPU is used if there is one")
        assert "--strategy mirrored" in told
    assert "read in the background" in refusal("train.py", "--workers 4")


def test_each_script_knows_the_flags_of_the_other():
    told = refusal("train.py", "--reconstruct")
    assert told == "unknown flag --reconstruct, which is a flag of evaluate.py"
    told = refusal("evaluate.py", "--resume")
    assert told == "unknown flag --resume, which is a flag of train.py"
    assert refusal("evaluate.py", "--ckpt x").endswith("did you mean --saved_path?")


def test_a_flag_unlike_any_other_gets_no_suggestion():
    assert refusal("train.py", "--qqq 5") == "unknown flag --qqq"


def test_synonyms_lead_to_flags_that_exist():
    known = {flag.name for flag in (*cli.TRAIN_FLAGS, *FLAGS)} | {"flagfile"}
    for meant in _SYNONYMS.values():
        assert isinstance(meant, str) or known & set(meant)
