"""Both scripts give the same results, or a one-line error, in any environment."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import environment
from training import device

SMALL = ("--dataset", "digits", "--num_epochs", "1", "--hidden_dim", "8", "--latent_dim", "2")
NAME = "digits_vae_hd8_ld2_e1"
EVERY_KERAS_SETTING = {
    "floatx": "float16",
    "epsilon": 0.1,
    "image_data_format": "channels_first",
    "nnx_enabled": True,
    "backend": "jax",
}
NO_USER = """import pwd

def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = getpwuid
"""


def call(script: Path, *args: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Runs a script with environment variables set, or removed where their value is None."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # set in this process once TensorFlow is imported
    environment.update({name: value for name, value in variables.items() if value is not None})
    for name, value in variables.items():
        if value is None:
            environment.pop(name, None)
    return subprocess.run(
        [sys.executable, os.fspath(script), *args],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def check_one_line(result, status: int, *parts: str) -> None:
    """Checks that a script failed with one line that holds ``parts``."""
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture(scope="module")
def no_user(tmp_path_factory) -> str:
    """A folder for PYTHONPATH in which the user has no entry in the password database."""
    folder = tmp_path_factory.mktemp("no_user")
    (folder / "sitecustomize.py").write_text(NO_USER)
    return str(folder)


def read_losses(root: Path) -> list[dict[str, str]]:
    """Returns the rows of history.csv without the columns that measure time."""
    with (root / "trained_model" / NAME / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = {"seconds", "images_per_second"}
    return [{name: row[name] for name in row if name not in times} for row in rows]


def test_a_hostile_environment_changes_no_number(tree, in_process, no_user, tmp_path):
    in_process("train", *SMALL)
    in_process("evaluate", "--run_name", NAME, "--metrics")
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text(json.dumps(EVERY_KERAS_SETTING))
    hostile = {
        "KERAS_BACKEND": "jax",
        "KERAS_NNX_ENABLED": "1",
        "KERAS_MAX_EPOCHS": "",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONWARNINGS": "error",
        "TF_CPP_MAX_VLOG_LEVEL": "",
        "TF_DETERMINISTIC_OPS": "",
    }
    trained = call(tree / "train.py", *SMALL, "--overwrite", HOME=str(home), **hostile)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert read_losses(tree) == read_losses(tmp_path)

    homeless = {"HOME": None, "PYTHONPATH": no_user, "KERAS_HOME": str(home / ".keras")}
    evaluated = call(
        tree / "evaluate.py", "--run_name", NAME, "--metrics", **{**hostile, **homeless}
    )
    assert (evaluated.returncode, evaluated.stderr) == (0, "")
    found, expected = (
        json.loads((root / "result" / NAME / "metrics.json").read_text())
        for root in (tree, tmp_path)
    )
    assert found == expected
    assert [path.name for path in (home / ".keras").iterdir()] == ["keras.json"]


def test_keras_reads_no_settings_of_the_user(monkeypatch):
    for name in ("KERAS_BACKEND", "KERAS_HOME", "KERAS_MAX_EPOCHS", "KERAS_NNX_ENABLED"):
        monkeypatch.setenv(name, "1")
    device.ignore_keras_settings()
    ours = {name: os.environ[name] for name in os.environ if name.startswith("KERAS_")}
    assert ours == {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": "/dev/null/keras"}


def test_empty_variables_are_removed_unless_empty_means_something(monkeypatch):
    for name in ("TF_CPP_MAX_VLOG_LEVEL", "KERAS_MAX_EPOCHS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, " ")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # no GPU
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    environment.prepare(["train.py"])
    assert not {"TF_CPP_MAX_VLOG_LEVEL", "KERAS_MAX_EPOCHS", "OMP_NUM_THREADS"} & {*os.environ}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_a_script_finds_its_modules_with_a_safe_path(script, tree, no_tensorflow):
    variables = {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error"}
    result = call(tree / script, "--help", PYTHONPATH=str(no_tensorflow), **variables)
    assert (result.returncode, result.stderr) == (0, "")


def test_without_a_home_folder_the_data_must_be_named(tree, no_user):
    missing = {"HOME": None, "TFDS_DATA_DIR": None}
    result = call(tree / "train.py", "--dataset", "mnist", PYTHONPATH=no_user, **missing)
    check_one_line(result, 1, "no home folder", "--data_dir")


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_a_folder_that_is_not_valid_utf8_is_refused(script, tree, tmp_path):
    folder = tmp_path / os.fsdecode(b"a \xff")
    unneeded = shutil.ignore_patterns("trained_model", "result")
    try:
        shutil.copytree(tree, folder, ignore=unneeded)
    except OSError:
        pytest.skip("the file system refuses the name, too")
    result = call(folder / script)
    check_one_line(result, 1, "the program's folder", "\\udcff is not valid UTF-8", "rename")


def test_an_argument_that_is_not_valid_utf8_is_refused(tree):
    result = call(tree / "train.py", "--data_dir", os.fsdecode(b"/\xff"))
    check_one_line(result, 1, "the argument /\\udcff is not valid UTF-8")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS encodes paths in UTF-8 in any locale")
def test_a_locale_that_cannot_read_a_path_is_named(tree):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    result = call(tree / "evaluate.py", "--saved_path", "/é", **ascii_only)
    check_one_line(result, 1, "the argument", "ascii", "set PYTHONUTF8=1")


def test_an_ascii_locale_alone_reads_any_path(tree, tmp_path):
    result = call(
        tree / "evaluate.py", "--saved_path", str(tmp_path / "é"), "--metrics", LC_ALL="C"
    )
    check_one_line(result, 1, "é")
    assert "encoding" not in result.stderr
