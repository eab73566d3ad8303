"""Checks of run.json, which may come from a stranger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runs

RECORD = {"status": "training", "started": "2026-01-01T00:00:00+00:00", "flags": {"beta": 1.0}}


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    return runs.Run(tmp_path / "trained_model" / "a run")


DATASET = {
    "name": "digits",
    "image_shape": [8, 8, 1],
    "num_train": 1437,
    "num_test": 360,
    "num_validation": 144,
    "class_names": list("0123456789"),
    "value_range": [0, 255],
    "source": "embedded",
    "can_stream": False,
}


@pytest.mark.parametrize("class_names", [None, list("0123456789")])
def test_a_record_may_hold_lists_booleans_and_a_dataset(run, class_names):
    flags = {"hidden_dim": [512, 256], "paddings": ["same"], "decoder_dims": [], "stream": False}
    dataset = {**DATASET, "class_names": class_names}
    run.start({**RECORD, "flags": flags, "dataset": dataset})
    record = run.read_record()
    assert (record["flags"], record["dataset"]) == (flags, dataset)


FACT = {"sha256": "0" * 64, "bytes": 1, "epoch": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_name", "a\nb"),
        ("run_name", 5),
        ("status", "\x1b[2J"),
        ("status", "x" * 10_001),
        ("started", None),
        ("flags", {"a": {}}),
        ("flags", {"a b": 1}),
        ("flags", {"--flagfile": "/etc/passwd"}),
        ("flags", {"": 1}),
        ("flags", {"a": "two\nlines"}),
        ("data_dir", "relative"),
        ("flags", {"a": [None]}),
        ("flags", {"a": [[1]]}),
        ("flags", {"a": ["x\x1b"]}),
        ("flags", {"a": [1] * 10_001}),
        ("dataset", "digits"),
        ("dataset", {**DATASET, "name": None}),
        ("dataset", {**DATASET, "image_shape": [8, 8]}),
        ("dataset", {**DATASET, "image_shape": [8, 8, 0]}),
        ("dataset", {**DATASET, "num_train": -1}),
        ("dataset", {**DATASET, "class_names": "0123456789"}),
        ("dataset", {**DATASET, "class_names": ["x"] * 10_001}),
        ("dataset", {**DATASET, "value_range": [0]}),
        ("dataset", {**DATASET, "other": {"a": 1}}),
        ("extensions", [{"num_epochs": 6}]),
        ("data_dir", "gs://bucket"),
        ("data_dir", "/a://b"),
        ("data_dir", 5),
        ("num_train", -1),
        ("num_train", 1.5),
        ("num_train", True),
        ("num_train", 10**30),
        ("num_parameters", "many"),
        ("versions", {"keras": 3}),
        ("loop", 5),
        ("repeats", "to the bit"),
        ("repeats", True),
        ("repeats", ["bit for bit"]),
        ("repeats_because", None),
        ("best", {"epoch": 0, "val_loss": 1.0}),
        ("best", {"epoch": 1, "val_loss": "low"}),
        ("best", {"epoch": 1}),
        ("best", [1]),
        ("epochs_done", "2"),
        ("seconds", -1),
        ("seconds", "1"),
        ("files", []),
        ("files", {"best.keras": FACT}),
        ("files", {"../best.keras": [FACT]}),
        ("files", {"best.keras": [{**FACT, "sha256": "x" * 64}]}),
        ("files", {"best.keras": [{**FACT, "sha256": 5}]}),
        ("files", {"best.keras": [{**FACT, "bytes": -1}]}),
        ("files", {"best.keras": [{**FACT, "epoch": "1"}]}),
        ("files", {"best.keras": [{"sha256": "0" * 64, "bytes": 1}]}),
    ],
)
def test_an_invalid_field_of_a_record_is_named(run, name, value):
    run.start(RECORD)
    content = json.loads(run.record_path.read_text())
    run.record_path.write_text(json.dumps({**content, name: value}))
    with pytest.raises(runs.RunError, match=rf"cannot be read \(its {name} is not") as error:
        run.read_record()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b'{"format": 1, "a": ' + b"[" * 200_000, "cannot be read"),
        (b'{"format": NaN}', "NaN is not a JSON number"),
        (b'{"format": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"format": ' + b"9" * 5000 + b"}", "cannot be read"),
        (b'{"format": 1, "x": "' + b"x" * 2**20 + b'"}', "more than the 1,048,576 accepted"),
    ],
    ids=["deep", "nan", "infinity", "digits", "long"],
)
def test_a_record_made_to_exhaust_its_reader_is_refused(run, text, part):
    run.folder.mkdir(parents=True)
    run.record_path.write_bytes(text)
    with pytest.raises(runs.RunError) as error:
        run.read_record()
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "does not exist: name the folder of a run"),
        (b"", "cannot be read"),
        (b'{"format": 1, "flags"', "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"{}", "is not of format 1"),
        (b'{"format": 2, "flags": {}, "status": "", "started": ""}', "is not of format 1"),
        (b'{"format": 1, "flags": {}, "status": ""}', "lacks started"),
        (b'{"format": 1}', "lacks flags, status, started"),
        (b'{"format": 1, "flags": null, "status": "", "started": ""}', "flags"),
        (b'{"format": 1, "flags": [1], "status": "", "started": ""}', "flags"),
        (b'{"format": 1, "flags": {}, "status": "", "started": 5}', "started"),
    ],
)
def test_a_damaged_record_is_reported_with_its_path(run, text, part):
    run.folder.mkdir(parents=True)
    if text is not None:
        run.record_path.write_bytes(text)
    with pytest.raises(runs.RunError) as error:
        run.read_record()
    assert part in str(error.value)
    assert str(run.record_path) in str(error.value)
    assert "\n" not in str(error.value)
