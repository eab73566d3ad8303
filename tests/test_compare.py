"""evaluate.py --compare: its command line, and a comparison of trained runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cli
import runs
from cli import UsageError

SMALL = ("--dataset", "digits", "--num_epochs", "1", "--hidden_dim", "8", "--batch_size", "500")
DRAWN = ("curves", "measures", "reconstructions", "samples")


def parse(*args: str):
    return cli.parse_evaluate(["evaluate.py", *args])


def test_names_and_patterns_are_accepted():
    words = "mnist_vae_hd500_ld*_e50,a run+1.5,b=c?"
    assert parse("--compare", words, "--num_gen", "5", "--checkpoint", "last").compare == words


@pytest.mark.parametrize("words", ["", "a,,b", ",a", "a/b", "[ab]", "a,b\n"])
def test_impossible_names_are_reported_in_one_line(words):
    with pytest.raises(UsageError, match="expected names of runs") as error:
        parse("--compare", words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        ["--curves"],
        ["--all", "1"],
        ["--run_name", "a"],
        ["--saved_path", "a"],
        ["--latent_dim", "5"],
        ["--dataset", "mnist"],
    ],
)
def test_flags_for_one_run_are_refused(words):
    with pytest.raises(UsageError) as error:
        parse("--compare", "a,b", *words)
    assert f"--compare names its runs, and {words[0]} is for one" in str(error.value)


def write_run(root: Path, name: str, **flags) -> None:
    run = runs.Run(root / "trained_model" / name)
    run.folder.mkdir(parents=True)
    record = {"format": 1, "status": "finished", "started": "1999", "data_dir": None}
    described = {"dataset": "digits", "binarize": "none", "latent_dim": 2, "model": "vae"}
    run.write_record({**record, "flags": {**described, **flags}})
    run.best_path.touch()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("one,two", "is called two: there are fashion, one, unfinished"),
        ("one", "names one run, one"),
        ("*", "differ in dataset: fashion_mnist (fashion), digits (one)"),
        ("one,unfinished", "the run has not finished an epoch yet"),
    ],
)
def test_runs_that_cannot_be_compared_are_reported_in_one_line_without_results(
    tmp_path, in_process, capsys, words, told
):
    for name in ("one", "unfinished"):
        write_run(tmp_path, name)
    write_run(tmp_path, "fashion", dataset="fashion_mnist")
    (tmp_path / "trained_model" / "unfinished" / "best.keras").unlink()
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--compare", words)
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (1, 1)
    assert told in error
    assert not (tmp_path / "result").exists()


def test_trained_runs_are_compared(tmp_path, in_process, capsys):
    in_process("train", *SMALL, "--latent_dim", "2")
    in_process("train", *SMALL, "--latent_dim", "3")
    in_process("train", *SMALL, "--latent_dim", "3", "--model", "autoencoder")
    in_process("evaluate", "--compare", "digits_*", "--num_gen", "12", "--report", "1")
    index, folder = sorted((tmp_path / "result").iterdir(), key=Path.is_dir)
    assert index.name == "index.html"
    listed = capsys.readouterr().out.rpartition("\nwritten:\n")[2].split()
    names = {path.name for path in folder.iterdir()}
    drawn = {f"{name}{ending}" for name in DRAWN for ending in (".png", ".pdf")}
    assert names == drawn | {"table.json", "table.csv", "report.html", "index.json"}
    path = folder / "table.json"
    table = json.loads(path.read_text())
    assert [row["label"] for row in table] == [
        "vae, latent_dim 2",
        "autoencoder, latent_dim 3",
        "vae, latent_dim 3",
    ]
    assert sorted(listed) == sorted([*(str(folder / name) for name in names), str(index)])

    in_process("evaluate", "--latent_dim", "2", "--dataset", "digits", "--nll", "3")
    assert capsys.readouterr().out.count("360 test images, pixels") == 1
    words = ("--nll", "2", "--metrics", "1", "--quality", "1")
    in_process("evaluate", "--latent_dim", "2", "--dataset", "digits", *words)
    assert capsys.readouterr().out.count("360 test images, pixels") == 1  # the table, once
    in_process("evaluate", "--compare", "digits_*", "--num_gen", "12")
    estimated = [row.get("importance_sampling") for row in json.loads(path.read_text())]
    assert [each and each["num_samples"] for each in estimated] == [3, None, None]
    assert "samples of z per image for NLL: 3; none; none\n" in capsys.readouterr().out
