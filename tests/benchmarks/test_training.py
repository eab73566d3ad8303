"""The tables of the speed benchmark, without measuring anything."""

import json

from benchmarks import training, workers


def test_measured_tables_are_replaced_and_others_kept(tmp_path):
    path = tmp_path / "speed.json"
    training.replace_tables(path, {"conv": {"rounds": 5}})
    training.replace_tables(path, {"mlp": {"rounds": 5}})
    training.replace_tables(path, {"conv": {"rounds": 7}})
    tables = json.loads(path.read_text())
    assert tables == {"mlp": {"rounds": 5}, "conv": {"rounds": 7}}
    assert list(tables) == ["mlp", "conv"]  # as the benchmark prints them


def test_every_row_names_a_worker():
    for rows in training.ROWS.values():
        assert {worker for worker, _ in rows.values()} <= set(workers.WORKERS)
