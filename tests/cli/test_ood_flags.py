"""The flag --ood_dataset, and the errors about it before TensorFlow is imported."""

from __future__ import annotations

import pytest

import cli
import data
from tests.untrained_runs import write_run


def test_ood_dataset_has_no_default():
    assert cli.parse_evaluate(["evaluate.py", "--ood"]).ood_dataset is None
    for name in data.DATASETS:
        flags = cli.parse_evaluate(["evaluate.py", "--ood", "--ood_dataset", name])
        assert flags.ood_dataset == name
    with pytest.raises(
        cli.UsageError, match="expected mnist, fashion_mnist, digits, patches or shapes"
    ):
        cli.parse_evaluate(["evaluate.py", "--ood", "--ood_dataset", "noise"])


@pytest.mark.parametrize("asked", ["--ood", "--all"])
def test_a_dataset_of_other_image_shapes_is_refused_without_tensorflow(tree, run_script, asked):
    """The file of the run's model is invalid, and is not opened."""
    write_run(tree / "trained_model" / "of_digits")
    words = (asked, "1", "--run_name", "of_digits", "--ood_dataset", "digits")
    result = run_script("evaluate.py", *words)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("evaluate.py: flag --ood_dataset=digits: the run was trained")
    assert result.stderr.count("\n") == 1
