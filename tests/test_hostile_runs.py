"""Hostile runs from strangers: both scripts refuse them in one line and execute nothing."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runs
from tests.settings import make_settings

FLAGS = make_settings(dataset="digits", hidden_dim="8", latent_dim=2) | {"stream": "0"}
ARRAYS = ("--dataset", "digits", "--hidden_dim", "8", "--latent_dim", "2")


def write_run(root: Path, flags: dict[str, Any] = FLAGS, **files: bytes) -> runs.Run:
    """Writes a run with correct checksums, as a stranger could."""
    run = runs.Run(root / "trained_model" / "stranger")
    record = {"status": "finished", "started": "2999", "flags": flags, "num_train": 1293}
    run.start({**record, "data_dir": None})
    contents = {"best.keras": b"", **{name.replace("_", "."): text for name, text in files.items()}}
    writers = {
        name: lambda path, text=text: path.write_bytes(text) for name, text in contents.items()
    }
    runs.commit(run, writers, 1)
    return run


def alter(run: runs.Run, **changes: Any) -> None:
    record = json.loads(run.record_path.read_text())
    run.record_path.write_text(json.dumps({**record, **changes}))


# --------------------------------------------------------------------------- run.json


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"dataset": "imagenet"}, "flag --dataset=imagenet: expected mnist"),
        ({"dataset": "../mnist"}, "flag --dataset=../mnist: parsed to "),
        ({"dataset": 5}, "flag --dataset=5: expected mnist"),
        ({"model": "os"}, "flag --model=os: expected vae"),
        ({"network": "table"}, "flag --network=table: expected auto, mlp"),
        ({"latent_dim": -1}, "flag --latent_dim=-1"),
        ({"latent_dim": 10**12}, "flag --latent_dim=1000000000000: expected"),
        ({"latent_dim": 1.5}, "flag --latent_dim=1.5: expected an integer"),
        ({"latent_dim": True}, "flag --latent_dim=True"),
        ({"latent_dim": "2,4"}, "flag --latent_dim=2,4"),
        ({"latent_dim": None}, None),
        ({"hidden_dim": "9" * 30}, "flag --hidden_dim="),
        ({"hidden_dim": "8;8"}, "flag --hidden_dim=8;8"),
        ({"beta": "nan"}, "flag --beta=nan: expected a number"),
        ({"seed": 2**40}, "flag --seed=1099511627776: expected"),
        ({"num_validation": 1437}, "flag --num_validation=1437: expected less than"),
        ({"binarize": "perhaps"}, "flag --binarize=perhaps: expected none"),
        ({"precision": "float8"}, "flag --precision=float8: expected float32"),
        ({"activation": "lambda x: x"}, "flag --activation=lambda x: x"),
        ({"filters": "9"}, "does not read it"),
        ({"stream": "1"}, "digits is embedded"),
        ({"flagfile": "/etc/passwd"}, "unknown flag in run.json: --flagfile"),
        ({"data_dir": "/etc"}, "unknown flag in run.json: --data_dir"),
        ({"overwrite": True}, "unknown flag in run.json: --overwrite"),
        ({"evil": 1}, "unknown flag in run.json: --evil"),
        ({"dataset": "digits\n--seed=5"}, "its flags is not flags and their values"),
        ({"dataset": [["digits"]]}, "its flags is not flags and their values"),
    ],
)
def test_flags_that_train_would_refuse_are_refused(changes, part, in_process, tmp_path, capsys):
    run = write_run(tmp_path)
    alter(run, flags={**FLAGS, **changes})
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--generate", "--run_name", "stranger")
    output, error = capsys.readouterr()
    assert (stopped.value.code, error.count("\n")) == (1, 1), error
    if part is None:  # what is left out is at its default: it is the model that is refused
        assert f"{run.best_path} is refused (it is not a zip archive" in error
    else:
        assert error.startswith(f"evaluate.py: {run.record_path} ")
        assert part in error
        assert "device" not in output, "TensorFlow is not asked before"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"flags": {**FLAGS, "dataset": "imagenet"}}, "flag --dataset=imagenet: expected mnist"),
        ({"flags": {}}, None),
        ({"status": "\x1b]0;evil\x07"}, "its status is not a word"),
        ({"data_dir": "gs://evil"}, "its data_dir is not null or the absolute path"),
        ({"files": {"../../x": []}}, "its files is not the checksums"),
        ({"files": {"best.keras": [{"sha256": "0" * 64, "bytes": 0, "epoch": 1}]}}, "SHA-256"),
    ],
)
def test_a_record_of_a_stranger_is_refused_without_tensorflow(tree, run_script, changes, part):
    run = write_run(tree)
    alter(run, **changes)
    result = run_script("evaluate.py", "--curves", "--generate", "--run_name", "stranger")
    if part is None:  # all at their defaults: MNIST's images are looked for, or TensorFlow
        assert "Error" in result.stderr or "mnist" in result.stderr
        return
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert part in result.stderr


# ------------------------------------------------------------------------ other files


def zipped(**members: bytes) -> bytes:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


MODELS = {
    "nothing": b"",
    "pickle": pickle.dumps(print),
    "zip alone": zipped(),
    "path out": zipped(**{"../../evil.py": b""}),
    "absolute path": zipped(**{"/tmp/evil.py": b""}),
    "joblib": zipped(**{"model.joblib": b""}),
    "Lambda": zipped(
        **{
            "metadata.json": b"{}",
            "model.weights.h5": b"",
            "config.json": json.dumps(
                {"module": "keras.layers", "class_name": "Lambda", "registered_name": None}
            ).encode(),
        }
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model_is_refused_in_one_line(name, in_process, tmp_path, capsys):
    run = write_run(tmp_path, best_keras=MODELS[name])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--generate", "--run_name", "stranger")
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (1, 1), error
    assert error.startswith(f"evaluate.py: {run.best_path} is refused (")
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,loss,val_loss\n1,\x00,2\n",
        b'epoch,"loss\n',
        b"\xff\xfe",
        b"epoch,loss\n1," + b"9" * 200_000 + b"x\n",
        b"<html>\n",
        b"epoch\n1\n",
        b"epoch,loss,val_loss\n1,1e308,1e308\n",
        b"epoch,loss,val_loss,\x1b[2J\n1,2,3,4\n",
    ],
)
def test_a_hostile_history_is_refused_in_one_line(content, in_process, tmp_path, capsys):
    run = write_run(tmp_path, history_csv=content)
    with pytest.raises(SystemExit) as stopped:
        in_process("evaluate", "--curves", "--run_name", "stranger")
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (1, 1), error
    assert error.startswith(f"evaluate.py: {run.history_path} ")
    assert len(error) < 1000


def test_a_checkpoint_with_a_pickle_is_refused_in_one_line(in_process, tmp_path, capsys):
    import io

    stream = io.BytesIO()
    np.savez(stream, json=np.array([print], object))
    run = write_run(tmp_path, checkpoint_npz=stream.getvalue())
    alter(run, status="training", epochs_done=0)
    with pytest.raises(SystemExit) as stopped:
        in_process("train", *ARRAYS, "--run_name", "stranger", "--resume")
    error = capsys.readouterr().err
    assert (stopped.value.code, error.count("\n")) == (1, 1), error
    assert f"{run.checkpoint_path} cannot be read (its array 'json' holds" in error


def test_the_program_uses_no_function_that_could_run_code():
    """No file of the program uses pickle, joblib, Keras' unsafe mode or eval."""
    root = Path(__file__).resolve().parents[1]
    words = (
        *("import pickle", "joblib", "safe_mode", "allow_pickle=True", " eval(", " exec("),
        *("enable_unsafe_deserialization", "np.load("),
    )
    allowed = {
        ("data/cache.py", "np.load("),  # the user's own cache, without pickle
        ("evaluation/features.py", "np.load("),  # pinned weights, by SHA-256 and without pickle
        ("catalog/priors.py", "np.load("),  # text for the README of an exported model
    }
    files = [path for path in root.rglob("*.py") if ".venv" not in path.parts]
    found = {
        (str(path.relative_to(root)), word)
        for path in files
        if path.relative_to(root).parts[0] not in ("tests", "benchmarks")
        for word in words
        if word in path.read_text(encoding="utf-8")
    }
    assert len(files) > 100
    assert found == allowed
