"""Writing and reading history.csv."""

from __future__ import annotations

import math
import re

import pytest

import runs
from catalog.metrics import METRICS


def row(epoch: int, value: float) -> dict[str, float]:
    return dict.fromkeys(runs.COLUMNS, value) | {"epoch": epoch}


def test_a_history_is_read_with_all_its_digits(tmp_path):
    values = [0.1 + 0.2, 1 / 3, 1e-300, 12345678.912345678, -0.0, math.inf]
    rows = [row(epoch, value) for epoch, value in enumerate(values, start=1)]
    runs.write_history(tmp_path / "history.csv", rows)
    assert runs.read_history(tmp_path / "history.csv") == rows


def test_losses_of_a_diverged_run_are_read_as_nan(tmp_path):
    runs.write_history(tmp_path / "history.csv", [row(1, math.nan)])
    assert math.isnan(runs.read_history(tmp_path / "history.csv")[0]["val_loss"])


def test_the_file_is_plain_csv_with_a_header(tmp_path):
    runs.write_history(tmp_path / "history.csv", [row(1, 2.5)])
    header, first, *more = (tmp_path / "history.csv").read_text().splitlines()
    assert header == ",".join(runs.COLUMNS)
    assert first == "1" + (len(runs.COLUMNS) - 1) * ",2.5"
    assert more == []


def test_columns_without_values_are_left_out(tmp_path):
    rows = [row(epoch, 1.5) for epoch in (1, 2)]
    for read in rows:
        del read["kl"], read["val_kl"]
    runs.write_history(tmp_path / "history.csv", rows)
    header, *_ = (tmp_path / "history.csv").read_text().splitlines()
    assert not {"kl", "val_kl"} & {*header.split(",")}
    assert runs.read_history(tmp_path / "history.csv") == rows


def test_a_longer_history_replaces_the_shorter(tmp_path):
    path = tmp_path / "history.csv"
    for num_epochs in (1, 2, 3):
        runs.write_history(path, [row(epoch, 1.0) for epoch in range(1, num_epochs + 1)])
        assert [read["epoch"] for read in runs.read_history(path)] == list(range(1, num_epochs + 1))
    assert list(tmp_path.iterdir()) == [path]


def test_a_metric_that_is_not_declared_is_refused_and_the_old_history_stays(tmp_path):
    path = tmp_path / "history.csv"
    runs.write_history(path, [row(1, 1.0)])
    with pytest.raises(ValueError, match="declares no metric nonsense"):
        runs.write_history(path, [{**row(1, 1.0), "nonsense": 2.0}])
    assert runs.read_history(path) == [row(1, 1.0)]


def test_a_missing_history_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        runs.read_history(tmp_path / "history.csv")


@pytest.mark.parametrize(
    "damaged",
    [
        "1,2,3,4,5,6,7,8,9,nonsense\n",
        "1,2,3,4\n",
        "1,2,3,4,5,6,7,8,9,10,11\n",
        "1,,3,4,5,6,7,8,9,10\n",
    ],
    ids=["not a number", "cut off", "too long", "empty value"],
)
def test_a_damaged_history_is_a_valueerror(tmp_path, damaged):
    path = tmp_path / "history.csv"
    path.write_text(",".join(runs.COLUMNS) + "\n" + damaged)
    with pytest.raises(ValueError, match=r".+"):
        runs.read_history(path)


def test_the_columns_are_those_of_the_trained_metrics_in_the_order_of_their_table():
    trained = [name for name, metric in METRICS.items() if metric.is_trained]
    assert [name for name in runs.COLUMNS if name in METRICS] == trained
    assert {name.removeprefix("val_") for name in runs.COLUMNS} == {
        *("epoch", "seconds", "images_per_second"),
        *trained,
    }


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("epoch,loss,val_loss,evil\n1,2,3,4\n", "unknown column 'evil'"),
        ("epoch,loss\n1,2\n", "the column val_loss is missing"),
        ("epoch,loss,val_loss\n1,1e308,3\n", "a value is larger than 1e+30"),
        ("epoch,loss,val_loss\n1,2,-1e308\n", "a value is larger than 1e+30"),
    ],
)
def test_a_history_that_cannot_be_drawn_is_refused_in_one_line(tmp_path, text, part):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(part)):
        runs.read_history(path)
