"""Two of the kills of ``python -m benchmarks.kills``, and its published results."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runs
from benchmarks import kills
from benchmarks.killed_processes import CONFIGURATIONS, Configuration
from training import checkpoint

FLAGS = "--network conv --filters 4,8 --dropout 0.1 --binarize dynamic --batch_size 50"
DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIGURATION = Configuration(
    f"{FLAGS} --beta_schedule linear --beta_steps 60 --deterministic 1", epochs=4, steps=1
)


@pytest.fixture(scope="module")
def played(tree, tmp_path_factory) -> kills.Round:
    """A training without interruption, and one that was killed twice."""
    folder = tmp_path_factory.mktemp("kills") / "round"
    found = kills.Round("convolutions", CONFIGURATION, tree, folder)
    found.train_uninterrupted()
    found.train_killed(random.Random(0), 2)
    return found


def test_a_killed_and_resumed_training_ends_like_an_uninterrupted_one(played):
    assert [kill.when for kill in played.kills] == ["training", "training"]
    first, second = (kill.position for kill in played.kills)
    assert 0 < first < second < 4 * played.steps_per_epoch
    assert played.resumed == [first, second]
    assert played.compare() == []
    for run in (played.uninterrupted, played.run):
        assert run.read_record()["repeats"] == runs.BIT_FOR_BIT
        assert run.read_record()["loop"] == "xla_step"


def test_the_step_from_which_a_process_resumed_is_read_in_the_singular_too():
    assert kills.find_resumed("loop\nresume    after 2 epochs and 1 step\n") == (2, 1)
    assert kills.find_resumed("resume    after 1 epoch and 29 steps\n") == (1, 29)
    assert kills.find_resumed("loop\n") is None


@pytest.fixture
def altered(played, tmp_path) -> runs.Run:
    """A copy of the run that was killed."""
    shutil.copytree(played.run.folder, tmp_path / "altered")
    return runs.Run(tmp_path / "altered")


def test_a_difference_of_one_bit_in_the_optimizer_is_found(played, altered):
    values, progress = checkpoint.load(altered)
    arrays: dict[str, Any] = dict(values)
    name = next(name for name in arrays if "adam" in name and arrays[name].dtype == np.float32)
    arrays[name].view(np.uint32).reshape(-1)[0] ^= 1

    def write(path: Path) -> None:
        text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
        with path.open("wb") as file:
            np.savez(file, json=text, **arrays)

    runs.commit(altered, {runs.CHECKPOINT: write}, 4)
    assert kills.find_differences(altered, played.uninterrupted) == [name]


def test_a_different_loss_in_the_history_is_found(played, altered):
    rows = runs.read_history(altered.history_path)
    rows[1]["loss"] = float(np.nextafter(rows[1]["loss"], np.inf))
    rows[2]["seconds"] += 1  # no two trainings take the same time
    runs.write_history(altered.history_path, rows)
    differences = kills.find_differences(altered, played.uninterrupted)
    assert differences == ["history.csv, epoch 2, loss"]
    assert kills.find_differences(altered, played.uninterrupted, rounding=1e-9) == []
    runs.write_history(altered.history_path, rows[:3])
    differences = kills.find_differences(altered, played.uninterrupted, rounding=1e-9)
    assert {name.rpartition(",")[0] for name in differences} == {"history.csv, epoch 4"}


@pytest.mark.parametrize("name", ["run.json", "checkpoint.npz", "best.keras", "model.keras"])
def test_a_truncated_file_is_reported(played, altered, name):
    assert kills.inspect(altered) == (4 * played.steps_per_epoch, 2)
    content = (altered.folder / name).read_bytes()
    (altered.folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(kills.Broken):
        kills.inspect(altered)


def test_the_documented_kills_are_those_in_kills_json():
    content = json.loads((DOCS / "kills.json").read_text(encoding="utf-8"))
    rounds = content["rounds"]
    assert content["totals"] == kills.count(rounds)
    assert content["totals"]["kills"] >= 30
    assert {found["configuration"] for found in rounds} == CONFIGURATIONS.keys()
    text = (DOCS / "reliability.md").read_text(encoding="utf-8")
    for found in rounds:
        positions = ", ".join(str(kill["position"]) for kill in found["kills"])
        name, number, steps = found["configuration"], len(found["kills"]), found["steps"]
        assert f"| {name} | {number} | {positions} of {steps} | the same bits |" in text
        assert found["broken"] == ""


def test_rounds_of_other_configurations_are_kept_in_the_order_of_the_table(tmp_path):
    first, second = list(CONFIGURATIONS)[:2]
    kill = kills.Kill("training", 1.0, "it", 5, 2)._asdict()

    def played(name: str, broken: str = "") -> dict[str, Any]:
        return {"configuration": name, "kills": [kill], "resumed_from": [5], "broken": broken}

    path = tmp_path / "kills.json"
    kills.write(path, [played(second, "differs")])
    kills.write(path, [played(first)])
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [found["configuration"] for found in content["rounds"]] == [first, second]
    assert content["totals"]["kills"] == content["totals"]["checkpoints"] == 2
    assert (content["totals"]["rounds"], content["totals"]["same_bits"]) == (2, 1)
    kills.write(path, [played(second)])
    assert json.loads(path.read_text(encoding="utf-8"))["totals"]["same_bits"] == 2
