"""The table that a training prints, called as fit does."""

from __future__ import annotations

import types
from typing import Any

import pytest

from catalog.metrics import METRICS
from training import progress
from training.progress import Progress, choose_columns, format_row, format_seconds

KNOWN = {name for name, metric in METRICS.items() if metric.is_trained}
COLUMNS = ("epoch", "loss", "reconstruction", "kl", "val_loss", "images_per_second", "left")
LOGS = {"loss": 110.126, "reconstruction": 90.0, "kl": 20.126}


@pytest.mark.parametrize("width", range(9, 200))
def test_a_row_is_narrower_than_the_terminal(width):
    columns = choose_columns({*COLUMNS, *KNOWN}, width)
    assert len(format_row(columns, {})) < max(width, 10)
    assert columns[0] == "epoch"


def test_80_columns_have_room_for_the_loss_and_its_parts():
    assert choose_columns({*COLUMNS, *KNOWN}, 80) == COLUMNS


def test_a_file_has_all_columns():
    assert set(choose_columns({*COLUMNS, *KNOWN}, None)) == {*COLUMNS, *KNOWN}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (750, "12:30"), (3599.7, "1:00:00"), (11_100, "3:05:00")],
)
def test_seconds_are_formatted(seconds, text):
    assert format_seconds(seconds) == text


class FakeTraining:
    """A training of 3 epochs of 4 steps; each step takes 2 seconds."""

    loop: Any

    def __init__(self, monkeypatch: pytest.MonkeyPatch, live: bool, position: int = 0):
        batches = types.SimpleNamespace(steps_per_epoch=4)
        self.loop = types.SimpleNamespace(position=0, batches=batches)
        self.seconds = 1000.0
        self.done = position
        clock = types.SimpleNamespace(perf_counter=lambda: self.seconds)
        monkeypatch.setattr(progress, "time", clock)
        history: Any = types.SimpleNamespace(rows=[{"images_per_second": 12_345.6}])
        self.progress = Progress(history, self.loop, position, live)
        self.progress.set_params({"epochs": 3})
        self.progress.on_train_begin()

    def step(self) -> None:
        self.seconds += 2
        self.done += 1
        self.loop.position = self.done
        self.progress.on_train_batch_end(0, LOGS)
        if self.done % 4 == 0:
            self.progress.on_epoch_end(self.done // 4 - 1, {**LOGS, "val_loss": 123.456})


def test_a_file_gets_a_row_per_epoch(monkeypatch, capsys):
    training = FakeTraining(monkeypatch, live=False)
    for _ in range(8):
        training.step()
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        *("epoch", "loss", "reconstruction", "KL", "validation", "images/s", "time", "left")
    ]
    assert [row.split() for row in rows] == [
        ["1/3", "110.13", "90.00", "20.13", "123.46", "12,346", "0:16"],
        ["2/3", "110.13", "90.00", "20.13", "123.46", "12,346", "0:08"],
    ]


def test_a_terminal_gets_a_row_that_is_overwritten(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    training = FakeTraining(monkeypatch, live=True)
    training.step()
    training.step()
    out = capsys.readouterr().out
    heading, rest = out.split("\n")
    first, second = rest.removeprefix("\r").split("\r")
    assert len(first) == len(second) == len(heading) < 80
    assert first.split() == ["1", "25%", "110.13", "90.00", "20.13", "0:22"]
    assert second.split() == ["1", "50%", "110.13", "90.00", "20.13", "0:20"]
    training.progress.close()
    assert capsys.readouterr().out == "\n"
    training.progress.close()
    assert capsys.readouterr().out == ""


def test_a_narrower_terminal_gets_new_headings(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    training = FakeTraining(monkeypatch, live=True)
    training.step()
    monkeypatch.setenv("COLUMNS", "45")
    training.step()
    lines = capsys.readouterr().out.split("\n")
    assert lines[2].split() == ["epoch", "loss", "validation", "time", "left"]
    assert lines[3].split() == ["1", "50%", "110.13", "0:20"]


def test_a_resumed_training_counts_its_own_steps(monkeypatch, capsys):
    training = FakeTraining(monkeypatch, live=False, position=6)
    training.step()
    training.step()
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[0] == "2/3"
    assert row.split()[-1] == "0:08"
