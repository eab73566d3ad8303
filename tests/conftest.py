"""Fixtures shared by tests of several packages."""

from __future__ import annotations

import concurrent.futures
import ctypes
import dataclasses
import gc
import importlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import cli
import data
import runs
from data import memory
from training import device

device.ignore_keras_settings()  # before any test imports Keras

ROOT = Path(__file__).resolve().parents[1]
ROOMS = [
    "catalog",
    "cli",
    "data",
    "models",
    "runs",
    "figures",
    "report",
    "training",
    "evaluation",
    "configs",
    "notebooks",
]

Script = Callable[..., subprocess.CompletedProcess[str]]

FILES_PER_PROCESS = 4  # at most, of those that import TensorFlow
BYTES_PER_PROCESS = 2.5e9
# Folders whose tests do not import it, or in processes of their own only.
WITHOUT_TENSORFLOW = ("cli", "figures", "publishing", "runs")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Runs ``pytest`` without paths in several processes, two at a time if memory suffices.

    XLA keeps every compiled function, of several megabytes, until its process ends; all tests in
    one process need 7 GB.
    """
    if config.args_source != pytest.Config.ArgsSource.TESTPATHS:
        return None
    tests = ROOT / "tests"
    by_folder: dict[str, list[Path]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        folder = path.relative_to(tests).parts[0] if path.parent != tests else ""
        if folder not in WITHOUT_TENSORFLOW:
            by_folder.setdefault(folder, []).append(path)
    groups = [[tests / name for name in WITHOUT_TENSORFLOW]]
    for paths in by_folder.values():
        num_processes = math.ceil(len(paths) / FILES_PER_PROCESS)
        groups += [paths[first::num_processes] for first in range(num_processes)]

    def run(paths: list[Path]) -> int:
        arguments = (str(each) for each in (*config.invocation_params.args, *paths))
        command = [sys.executable, "-m", "pytest", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout, flush=True)
        return 0 if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED else done.returncode

    at_once = 2 if (memory.available() or 0) > 2 * BYTES_PER_PROCESS else 1
    print(f"{len(groups)} processes, {at_once} at a time; each prints its results at its end")
    pool = concurrent.futures.ThreadPoolExecutor(at_once)
    codes = []
    try:
        for code in concurrent.futures.as_completed([pool.submit(run, group) for group in groups]):
            codes.append(code.result())
            if config.option.maxfail and codes[-1]:
                break
    finally:  # no further process starts after Ctrl-C either
        pool.shutdown(cancel_futures=True)
    return max(codes)


@pytest.fixture(scope="module", autouse=True)
def returned_memory() -> Iterator[None]:
    """Returns the memory that the tests of a module have freed to the system."""
    yield
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the tests, and the scripts that they run, out of the user's cache of images.

    matplotlib's cache is kept, because listing the fonts again takes seconds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def copy_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Copies the program to a new folder, in which no model has been trained yet."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("copy") / "of the program"
        folder.mkdir()
        for script in ROOT.glob("*.py"):
            shutil.copy(script, folder)
        ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        for room in ROOMS:
            shutil.copytree(ROOT / room, folder / room, ignore=ignore)
        for output in ("trained_model", "result"):
            (folder / output).mkdir()
        return folder

    return copy


@pytest.fixture(scope="session")
def tree(copy_program: Callable[[], Path]) -> Path:
    """A copy of the program for all tests that run its scripts."""
    return copy_program()


@pytest.fixture(scope="session")
def no_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH in which TensorFlow and Keras fail to import."""
    folder = tmp_path_factory.mktemp("no_tensorflow")
    for name in ("tensorflow", "keras", "tensorflow_datasets"):
        (folder / f"{name}.py").write_text(f"raise AssertionError('{name} was imported')\n")
    return folder


@pytest.fixture(scope="session")
def run_script(tree: Path, no_tensorflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Script:
    """Runs a script of the copy from another folder, by default where TensorFlow is missing."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(script: str, *args: str, tensorflow: bool = False, **variables: str):
        # One thread for t-SNE: on a busy machine two wait for each other at every step.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.update(variables)
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        if not tensorflow:
            environment["PYTHONPATH"] = str(no_tensorflow)
        result = subprocess.run(
            [sys.executable, str(tree / script), *args],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert list(elsewhere.iterdir()) == [], "files must lie beside the scripts"
        return result

    return run


@pytest.fixture
def in_process(tmp_path, monkeypatch):
    """Runs a script in this process, which saves the seconds of importing TensorFlow.

    By default it runs in a folder of its own; ``root`` chooses the folder if existing runs are
    needed.
    """

    def run(script: str, *args: str, root: Path = tmp_path) -> None:
        monkeypatch.setattr(cli, "TRAINED_MODEL_DIR", root / "trained_model")
        monkeypatch.setattr(cli, "RESULT_DIR", root / "result")
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *args])
        main = importlib.import_module(script).main
        cli.run_script(main, (data.DataError, runs.RunError, MemoryError, OSError))

    return run


@pytest.fixture(scope="session")
def make_images() -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Draws different images of MNIST's shape, and labels; the same for the same number."""

    def make(count: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(count)
        images = rng.integers(0, 256, (count, 28, 28, 1)).astype(np.uint8)
        return images, rng.integers(0, 10, count)

    return make


@pytest.fixture
def small_mnist(make_images, monkeypatch) -> Callable[[Path, dict[str, int]], Path]:
    """Writes a prepared MNIST of a few images, and changes the table of datasets accordingly.

    The files are those that TFDS would write: PNG images in TFRecords, and their description.
    """
    import tensorflow as tf

    def record(image, label) -> bytes:
        png = tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
        feature = {
            "image": tf.train.Feature(bytes_list=png),
            "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        }
        features = tf.train.Features(feature=feature)
        return tf.train.Example(features=features).SerializeToString()

    def write(data_dir: Path, counts: dict[str, int]) -> Path:
        folder = data_dir / "mnist" / "3.0.1"
        folder.mkdir(parents=True)
        splits = []
        for split, count in counts.items():
            path = folder / f"mnist-{split}.tfrecord-00000-of-00001"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for image, label in zip(*make_images(count), strict=True):
                    writer.write(record(image, label))
            splits.append(
                {
                    "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                    "name": split,
                    "numBytes": str(path.stat().st_size),
                    "shardLengths": [str(count)],
                }
            )
        info = {"name": "mnist", "version": "3.0.1", "fileFormat": "tfrecord", "splits": splits}
        (folder / "dataset_info.json").write_text(json.dumps(info))
        small = dataclasses.replace(
            data.DATASETS["mnist"],
            num_train=counts["train"],
            num_test=counts["test"],
            num_validation=counts["train"] // 5,
            sha256={},
        )
        monkeypatch.setitem(data.DATASETS, "mnist", small)
        return folder

    return write


@pytest.fixture
def read_events() -> Callable[[Path, str], list[tuple[int, np.ndarray]]]:
    """Reads TensorBoard's logs as it does itself: (folder, tag) → the steps and their values."""
    from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
        plugin_event_accumulator,
    )
    from tensorboard.util import tensor_util  # type: ignore[import-untyped]

    def read(folder: Path, tag: str) -> list[tuple[int, np.ndarray]]:
        everything = {plugin_event_accumulator.TENSORS: 0}
        events = plugin_event_accumulator.EventAccumulator(str(folder), everything).Reload()
        return [
            (event.step, tensor_util.make_ndarray(event.tensor_proto))
            for event in events.Tensors(tag)
        ]

    return read
