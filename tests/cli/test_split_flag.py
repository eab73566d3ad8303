"""The flag --split: the validation images of a run in place of its test images."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cli
from data import splits
from tests.evaluation.sessions import save_untrained_run


@pytest.mark.parametrize(
    "words",
    [
        ["--all"],
        ["--metrics", "--generate", "1"],
        ["--nll", "5", "--quality", "1"],
        ["--compare", "a,b"],
        ["--report"],
    ],
)
def test_it_is_for_metrics_and_nll_only(words):
    with pytest.raises(cli.UsageError) as error:
        cli.parse_evaluate(["evaluate.py", "--split", "validation", *words])
    wanted = next(word for word in words if word not in ("--metrics", "--nll", "5"))
    assert str(error.value) == (
        f"--split validation is for --metrics and --nll: leave out {wanted}"
    )
    assert cli.parse_evaluate(["evaluate.py", "--split", "test", *words]).split == "test"


def test_validation_images_have_results_of_their_own(tmp_path, in_process, capsys):
    session = save_untrained_run(tmp_path, binarize="dynamic", num_validation=50)
    words = ["--run_name", "untrained", "--nll", "3"]
    in_process("evaluate", *words)
    folder = tmp_path / "result" / "untrained"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    in_process("evaluate", *words, "--split", "validation")
    assert "50 validation images, pixels: binarize dynamic" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(after.keys() - before.keys()) == [
        "kl_per_dimension_validation.pdf",
        "kl_per_dimension_validation.png",
        "metrics_validation.json",
        "nll_3_validation.bin",
    ]
    assert {name: after[name] for name in before} == before
    measured = json.loads(after["metrics_validation.json"])
    assert (measured["split"], measured["num_images"]) == ("validation", 50)
    assert measured["importance_sampling"]["num_samples"] == 3

    _, validation = splits.load_train_and_validation("digits", None, 50, "dynamic")
    images = validation.images.astype(np.float32) / 255
    reconstructed = np.asarray(session.model.reconstruct(images))
    squares = np.square(images - reconstructed).sum(axis=(1, 2, 3))
    assert measured["mean_squared_error"]["mean"] == pytest.approx(squares.mean(), rel=1e-5)

    in_process("evaluate", "--run_name", "untrained", "--metrics", "--split", "validation")
    assert json.loads((folder / "metrics_validation.json").read_text()) == measured
