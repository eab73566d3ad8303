"""Two replicas compared with one: two parts of a CPU, and two processes over loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import cli
import models
import runs
from benchmarks.killed_processes import worker_configs
from tests.training import steps_of_replicas
from training import checkpoint
from training.distributed import take_share
from training.loop import CompiledLoop

ROOT = Path(__file__).resolve().parents[2]
STEPS = Path(__file__).with_name("steps_of_replicas.py")
FLAGS = ("--dataset", "digits", "--hidden_dim", "16", "--latent_dim", "3")
ENDS_WITHIN = 60  # seconds, once the other worker is gone


def start(folder: Path, *words: str, config: str = "", **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    if config:
        environment["TF_CONFIG"] = config
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(folder: Path, *words: str, **variables: str) -> list[subprocess.Popen[str]]:
    return [start(folder, *words, config=config, **variables) for config in worker_configs(2)]


def end(process: subprocess.Popen[str], timeout: float = 120) -> tuple[int, str, str]:
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
    return process.returncode, output, errors


# -------------------------------------------------------------------- the arithmetic


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """What steps_of_replicas.py saves: on one device, mirrored, and in each of two workers.

    Mirrored, it also compares a step of every model, objective and prior with the model's own step.
    """
    folder = tmp_path_factory.mktemp("steps")
    waiting = {}
    for name in ("none", "mirrored"):
        waiting[name] = start(folder, str(STEPS), name, f"{name}.npz", PYTHONPATH=str(ROOT))
    for index, config in enumerate(worker_configs(2)):
        name = f"worker {index}"
        words = (str(STEPS), "multi_worker", f"{name}.npz")
        waiting[name] = start(folder, *words, config=config, PYTHONPATH=str(ROOT))
    try:
        for process in waiting.values():
            status, _, errors = end(process, 900)  # 42 trainings in total
            assert status == 0, errors
    finally:
        for process in waiting.values():
            process.kill()
            process.communicate()
    found: dict[str, dict[str, np.ndarray]] = {}
    for name in waiting:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            found[name] = dict(file)
    return found


# In half precision, sums over a share and over a batch round differently; XLA rounds less often.
@pytest.mark.parametrize("name", ["mirrored", "worker 0", "worker 1"])
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        *(("resident", 1e-5), ("streamed", 1e-5), ("labeled", 1e-4)),
        *(("float16", 1e-3), ("bfloat16", 1e-2), ("total correlation", 1e-4)),
        ("exemplars", 1e-4),
        *(("xla resident", 1e-5), ("xla labeled", 1e-4), ("xla float16", 3e-3)),
    ],
)
def test_replicas_without_noise_train_as_one_on_the_same_batches(results, name, kind, tolerance):
    workers = 1 if name == "mirrored" else 2  # whose images are shuffled
    of_kind = f"{kind}, {workers}: "
    expected = {key: value for key, value in results["none"].items() if key.startswith(of_kind)}
    assert expected.keys() == {key for key in results[name] if key.startswith(of_kind)}
    # 52 steps; the metrics, their counts and Adam's averages are among the variables.
    steps = int(next(v for key, v in expected.items() if key.endswith("adam/iteration")))
    assert steps == 52 or (
        "float16" in kind and 48 <= steps < 52
    )  # steps that overflow are skipped
    for key, value in expected.items():
        np.testing.assert_allclose(
            results[name][key], value, rtol=tolerance, atol=tolerance, err_msg=key
        )


def test_replicas_draw_the_same_noise_in_a_graph_and_compiled_by_xla(results):
    """Dynamic binarization, corruption, dropout and z."""
    expected = {
        key.removeprefix("noisy graph: "): value
        for key, value in results["mirrored"].items()
        if key.startswith("noisy graph: ")
    }
    assert len(expected) > 20
    for key, value in expected.items():
        found = results["mirrored"][f"noisy xla: {key}"]
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5, err_msg=key)


def test_two_workers_end_with_equal_weights(results):
    compared = 0
    for key, value in results["worker 0"].items():
        if ", 2: " in key:
            np.testing.assert_array_equal(results["worker 1"][key], value, err_msg=key)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_replicas_draw_different_noise_and_the_first_that_of_a_single_one(results, kind):
    first, second = results["mirrored"][f"drawn {kind}"]
    draw, seed = {
        "normal": (models.noise.normal, [7, 0]),
        "uniform": (models.noise.uniform, [-7, 0]),
    }[kind]
    np.testing.assert_array_equal(first, draw((50,), seed))
    assert np.all(first != second)
    for index, drawn in enumerate((first, second)):
        np.testing.assert_array_equal(results[f"worker {index}"][f"drawn {kind}"], [drawn])


@pytest.mark.parametrize("name", ["mirrored", "worker 0", "worker 1"])
def test_a_step_in_which_one_replica_overflows_is_skipped_by_all(results, name):
    # The second step is taken: two gradients of 1, with half the scale, 2 · 2.
    assert results[name]["weight"].tolist() == [1.0, 1.0 - 4.0]


def test_workers_agree_on_the_largest_of_each_number(results):
    assert results["worker 0"]["agreed"].tolist() == results["worker 1"]["agreed"].tolist()
    assert results["worker 0"]["agreed"].tolist() == [1.0, 0.0, 52.0]
    assert CompiledLoop.agree(None, 3, True) == (3, True)  # type: ignore[arg-type]  # needs no loop


@pytest.mark.parametrize(("size", "replicas"), [(100, 2), (93, 2), (1, 2), (0, 2), (10, 4), (3, 8)])
def test_shares_are_the_batch_and_differ_by_one_at_most(size, replicas):
    shares = [take_share(tf.range(size), tf.constant(i), replicas) for i in range(replicas)]
    np.testing.assert_array_equal(np.concatenate(shares), np.arange(size))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", ["adam", "scaled adam"])
@pytest.mark.parametrize("name", ["none", "mirrored", "worker 0", "worker 1"])
def test_adam_with_l2_on_replicas_is_numpys(results, name, kind):
    weight = np.array(steps_of_replicas.ADAM_START)
    mean = square = np.zeros_like(weight)
    expected = []
    for step, of_loss in enumerate(steps_of_replicas.ADAM_GRADIENTS, start=1):
        gradient = np.array(of_loss) + steps_of_replicas.ADAM_L2 * weight  # of ½ · l2 · ‖w‖² too
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = steps_of_replicas.ADAM_RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weight = weight - rate * mean / (np.sqrt(square) + 1e-7)
        expected.append(weight)
    np.testing.assert_allclose(results[name][kind], expected, rtol=1e-5)


# ----------------------------------------------------------------------- the scripts


def test_a_single_replica_trains_bit_for_bit_as_one_device(tree, run_script):
    variables = {}
    for name, words in {
        "one": (),
        "single": ("--strategy", "mirrored", "--num_replicas", "1"),
    }.items():
        words = (*FLAGS, "--num_epochs", "2", "--run_name", f"device {name}", *words)
        result = run_script("train.py", *words, tensorflow=True)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
        run = runs.Run(tree / "trained_model" / f"device {name}")
        variables[name] = checkpoint.load(run.checkpoint_path)[0]
    assert "a single replica, as on one device: compiled by XLA, many steps" in result.stdout
    record = run.read_record()
    assert (record["strategy"], record["num_replicas"]) == ("mirrored", 1)
    assert (record["loop"], record["repeats"]) == ("xla_loop", runs.BIT_FOR_BIT)
    assert variables["one"].keys() == variables["single"].keys()
    for key, value in variables["one"].items():
        np.testing.assert_array_equal(variables["single"][key], value, err_msg=key)


def test_two_workers_train_a_run_that_the_chief_alone_writes(tree, run_script, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = (*FLAGS, "--num_epochs", "2", "--run_name", "two workers")
    program = str(tree / "train.py")
    chief, other = start_two(
        tmp_path, program, *words, "--strategy", "multi_worker", TMPDIR=str(temporary)
    )
    status, output, errors = end(chief)
    assert (status, errors) == (0, ""), output
    assert "shared by 2 replicas" in output
    status, output, errors = end(other)
    assert (status, errors) == (0, "")
    assert output.count("\n") == 1
    assert "the chief" in output
    assert list(temporary.iterdir()) == []
    run = runs.Run(tree / "trained_model" / "two workers")
    record = run.read_record()
    assert record["status"] == "finished"
    assert (record["strategy"], record["num_replicas"]) == ("multi_worker", 2)
    assert "strategy" not in record["flags"]
    assert (record["loop"], record["repeats"]) == ("xla_replicas", runs.UP_TO_ROUNDING)
    result = run_script("evaluate.py", "--run_name", run.name, "--metrics", tensorflow=True)
    assert (result.returncode, result.stderr) == (0, "")


def wait_for_checkpoint(run: runs.Run, position: int, *processes: subprocess.Popen[str]) -> int:
    """Returns the position of the first checkpoint beyond one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in processes:
            assert process.poll() is None, process.communicate()
        if run.checkpoint_path.exists():
            found = checkpoint.load(run.checkpoint_path)[1]["position"]
            if found > position:
                return found
        time.sleep(0.05)
    raise AssertionError("no checkpoint within two minutes")


def test_a_killed_worker_ends_the_other_and_both_resume_from_the_checkpoint(tree, tmp_path):
    run = runs.Run(tree / "trained_model" / "killed")
    words = (
        *(str(tree / "train.py"), *FLAGS, "--num_epochs", "100000", "--run_name", run.name),
        *("--strategy", "multi_worker", "--steps_per_execution", "5"),
    )
    chief, other = start_two(tmp_path, *words)
    position = wait_for_checkpoint(run, 0, chief, other)
    other.kill()
    status, _, errors = end(chief, ENDS_WITHIN)
    assert (status, errors.count("\n")) == (1, 1), errors
    assert "start all workers again, with --resume" in errors
    end(other)

    position = max(position, checkpoint.load(run.checkpoint_path)[1]["position"])
    chief, other = start_two(tmp_path, *words, "--resume")
    wait_for_checkpoint(run, position, chief, other)
    assert runs.read_history(run.history_path)[0]["epoch"] == 1  # of the first training
    # A signal to one worker stops both, with everything saved.
    other.send_signal(signal.SIGTERM)
    for process in (chief, other):
        status, output, errors = end(process, ENDS_WITHIN)
        assert (status, errors) == (143, ""), output
        assert "SIGTERM: saved. Resume with" in output
    assert checkpoint.load(run.checkpoint_path)[1]["position"] > position


def test_a_batch_smaller_than_the_replicas_is_refused(run_script):
    words = ("--dataset", "digits", "--strategy", "mirrored", "--batch_size", "1")
    result = run_script("train.py", *words, tensorflow=True)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert "a batch of 1 images cannot be shared by 2 replicas" in result.stderr


WORKERS = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ("", "needs the variable TF_CONFIG"),
        ("{", "TF_CONFIG={: expected JSON such as"),
        ("[]", "expected JSON"),
        (json.dumps({"cluster": WORKERS}), "expected JSON"),
        (json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}), "expected JSON"),
        (json.dumps({"cluster": WORKERS, "task": {"type": "ps", "index": 0}}), "expected JSON"),
        (json.dumps({"cluster": {}, "task": {"type": "worker", "index": 0}}), "expected JSON"),
    ],
)
def test_an_invalid_tf_config_is_reported_in_one_line_without_tensorflow(run_script, config, part):
    words = ("--dataset", "digits", "--strategy", "multi_worker")
    result = run_script("train.py", *words, TF_CONFIG=config)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert part in result.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--strategy mirored", "expected none, mirrored or multi_worker; did you mean mirrored"),
        (
            "--num_replicas 2",
            "--num_replicas belongs to --strategy mirrored, and --strategy is none",
        ),
        ("--strategy mirrored --deterministic", "leave --deterministic out"),
    ],
)
def test_flags_that_exclude_each_other_are_refused(words, part):
    with pytest.raises(cli.UsageError) as error:
        cli.parse_train(["train.py", *words.split()])
    assert part in str(error.value)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--batch_size", "101"), "2 workers cannot share a batch evenly: type --batch_size 102"),
        (("--num_validation", "1"), "2 workers need at least one image each"),
    ],
)
def test_batches_and_images_that_workers_cannot_share_are_refused_without_tensorflow(
    run_script, words, part
):
    words = ("--dataset", "digits", "--strategy", "multi_worker", *words)
    config = {"cluster": WORKERS, "task": {"type": "worker", "index": 0}}
    result = run_script("train.py", *words, TF_CONFIG=json.dumps(config))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert part in result.stderr
