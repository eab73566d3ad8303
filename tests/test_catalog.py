"""The tables of the catalog, and the flags that their rows bring to the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

import catalog
import cli
from catalog.datasets import FILE, FOLDER, TFDS
from catalog.flags import GROUPS

FLAGS = [flag for readers in catalog.READERS.values() for flag in readers.values()]


def test_every_flag_is_complete():
    for flag in (*cli.TRAIN_FLAGS, *cli.EVALUATE_FLAGS, *FLAGS):
        assert flag.group in GROUPS
        assert flag.help
        assert flag.type.syntax or flag.type.may_be_alone


@pytest.mark.parametrize("name", catalog.READERS)
def test_parts_that_share_a_flag_agree_on_all_but_its_default(name):
    assert len({flag.with_default(None) for flag in catalog.READERS[name].values()}) == 1


def test_defaults_are_values_that_their_flags_accept():
    for flag in (*cli.TRAIN_FLAGS, *FLAGS):
        if flag.default is not None:
            assert flag.type.parse(flag.type.format(flag.default)) == flag.default


def test_abbreviations_are_not_ambiguous():
    abbreviations = [flag.abbreviation for flag in cli.TRAIN_FLAGS if flag.abbreviation]
    assert len(set(abbreviations)) == len(abbreviations)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (part, value)
        for part, table in catalog.PARTS.items()
        for value in table
        if value not in (FOLDER, FILE, TFDS)  # stand for paths and names
    ],
)
def test_every_part_can_be_chosen_with_the_flags_that_it_reads(part, value):
    row = catalog.PARTS[part][value]
    words = [f"--{name}=7" for name in getattr(row, "required", ())]
    settings = cli.settings(cli.parse_train(["train.py", f"--{part}={value}", *words]))
    assert settings[part] == value
    assert {flag.name for flag in row.flags} <= settings.keys()


ROW = """
from catalog.values import COUNT, Boolean
PRIORS["normals"] = Prior(
    "several normal distributions",
    False,
    "",
    (
        Flag("num_normals", COUNT, 10, "normal distributions", "comp"),
        Flag("is_learned", Boolean(), False, "learn them", "learned"),
    ),
)
"""
USE = """
import cli

def parse(*words):
    return cli.parse_train(["train.py", *words])

values = parse("--prior", "normals", "--num_normals", "5", "--is_learned", "--beta", "2")
print(cli.run_name(values), cli.settings(values)["is_learned"], values.num_normals)
print(cli.check_recorded(cli.settings(values)) == cli.settings(values))
argv = ["train.py", "--prior=normals", "--sweep", "num_normals=2,3"]
print([member.run_name for member in cli.parse_each(argv, cli.parse_train(argv))])
print(cli.given(cli.parse_evaluate(["evaluate.py", "--all", "--num_normals", "5"])))
for words in (["--num_normals", "5"], ["--model", "autoencoder", "--num_normals", "5"]):
    try:
        parse(*words)
    except cli.UsageError as error:
        print(error)
parse("--help", "all")
"""


def test_a_row_with_new_flags_needs_no_other_change(tmp_path):
    for room in ("catalog", "cli", "data", "runs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(cli.ROOT / room, tmp_path / room, ignore=ignored)
    with (tmp_path / "catalog" / "priors.py").open("a") as file:
        file.write(ROW)
    command = [sys.executable, "-c", USE]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.stderr == ""
    for line in (
        "mnist_vae_hd500_ld10_e50_beta2_prior-normals_comp5_learned1 True 5\nTrue\n",
        "['mnist_vae_hd500_ld10_e50_prior-normals_comp2', "
        "'mnist_vae_hd500_ld10_e50_prior-normals_comp3']\n",
        "{'num_normals': 5}\n",
        "flag --num_normals: --prior standard_normal does not read it; leave it out, or choose "
        "--prior normals\n",
        "flag --num_normals: --model autoencoder does not read it, nor --prior; leave it out",
        "  --num_normals integer       normal distributions (with --prior normals; default: ",
        "  --is_learned                learn them (with --prior normals)\n",
    ):
        assert line in result.stdout, result.stdout
