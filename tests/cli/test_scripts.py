"""Errors of a script: one line on stderr, and its exit status."""

from __future__ import annotations

import pytest

import cli
import data


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (cli.UsageError("bad flag"), 2, "train.py: bad flag\n"),
        (data.DataError("no images"), 1, "train.py: no images\n"),
        (KeyboardInterrupt(), 130, "\ntrain.py: interrupted\n"),
    ],
)
def test_a_script_that_fails_prints_one_line_and_exits_with_its_status(
    error, status, line, monkeypatch, capsys
):
    def main(argv):
        raise error

    monkeypatch.setattr("sys.argv", ["/somewhere/train.py"])
    with pytest.raises(SystemExit) as stopped:
        cli.run_script(main, (data.DataError,))
    assert stopped.value.code == status
    assert capsys.readouterr() == ("", line)
