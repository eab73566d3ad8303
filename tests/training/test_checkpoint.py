"""Checkpoints: capture, restore, and files that are damaged or of other models."""

from __future__ import annotations

import contextlib
import functools
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import cli
import models
import runs
from tests.settings import make_settings
from training import checkpoint, fit

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SETTINGS = make_settings(
    hidden_dim=(6, 6),
    dropout=0.2,
    latent_dim=3,
)
IMAGES = tf.constant(np.random.default_rng(0).random((10, 4, 4, 1)).astype(np.float32))
OBJECTIVES: list[dict[str, Any]] = [
    {},
    {"cosine": True, "l2": 0.01, "free_bits": 0.3},
    {"beta_schedule": "linear", "beta_start": 0.1, "beta_steps": 5},
    {"beta_schedule": "cyclical", "beta_start": 0.1, "beta_steps": 2, "beta_cycles": 2},
]
ROW = {"epoch": 1, "loss": 1 / 3, "val_loss": float("inf")}
PROGRESS: dict[str, Any] = {"position": 12, "history": [ROW], "seconds": 0.25}


def make_model(cosine: bool = False, **changes) -> keras.Model:
    keras.utils.clear_session()  # variables are named as in a new process
    model = models.build((4, 4, 1), {**SETTINGS, **changes})
    rate = keras.optimizers.schedules.CosineDecay(0.01, 10) if cosine else 0.01
    model.compile(optimizer=models.Adam(rate, changes.get("l2", 0.0)))
    model.optimizer.build(model.trainable_variables)
    return model


def train(model: keras.Model, steps: int) -> dict[str, float]:
    for _ in range(steps):
        logs = model.train_step(IMAGES)
    return {name: float(value) for name, value in logs.items()}


def check_equal(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture(autouse=True)
def no_file_stays_open():
    """An unclosed file is a warning, and so an error, of the test that left it open."""
    yield
    gc.collect()


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_restored_model_trains_exactly_as_the_captured_one(policy, precision, objective):
    """Also a new model with another seed: random streams, metrics and Adam's moments."""
    changes = {"precision": precision, **objective}
    model = make_model(**changes)
    train(model, 3)
    values = checkpoint.capture(model)
    logs = train(model, 4)
    after = checkpoint.capture(model)
    assert any(np.any(after[name] != values[name]) for name in values)
    fresh = make_model(**changes, seed=9)
    for again in (model, fresh):
        checkpoint.restore(again, values)
        check_equal(checkpoint.capture(again), values)
        assert train(again, 4) == logs
        check_equal(checkpoint.capture(again), after)


def test_everything_that_changes_in_a_step_is_captured():
    model = make_model()
    train(model, 1)
    values = checkpoint.capture(model)
    copies = {name: value.copy() for name, value in values.items()}
    train(model, 1)
    check_equal(values, copies)  # copies, not views
    names = " ".join(values)
    # Weights, two moments, iterations and rate; five random streams; three metrics.
    assert len(values) == 3 * len(model.trainable_variables) + 2 + 5 + 2 * 3
    for part in ("encoder", "decoder", "seed_generator", "kl", "adam"):
        assert part in names
    after = checkpoint.capture(model)
    changed = {name for name in values if np.any(after[name] != values[name])}
    assert {name for name in values if "learning_rate" in name} == values.keys() - changed


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_holds_captured_values_except_of_its_metrics_only_inside_the_context(fails):
    model = make_model()
    train(model, 2)
    values = checkpoint.capture(model)
    train(model, 3)
    after = checkpoint.capture(model)
    metrics = {variable.path for variable in model.metrics_variables}
    expected = {
        name: (after if name.split(" ", 1)[1] in metrics else values)[name] for name in values
    }
    assert any(np.any(expected[name] != values[name]) for name in values)
    with contextlib.suppress(KeyboardInterrupt), checkpoint.holding(model, values):
        check_equal(checkpoint.capture(model), expected)
        if fails:
            raise KeyboardInterrupt
    check_equal(checkpoint.capture(model), after)


def damage_name(values):
    first, *_ = values
    values["0000 other/kernel"] = values.pop(first)


def damage_shape(values):
    *_, last = (name for name in values if values[name].ndim == 2)
    values[last] = values[last].T[:, :1]


def leave_out(values):
    values.popitem()


def add_one(values):
    values["9999 more"] = np.zeros(3)


@pytest.mark.parametrize("damage", [damage_name, damage_shape, leave_out, add_one])
def test_values_of_another_model_are_refused_and_change_nothing(damage):
    model = make_model()
    values = checkpoint.capture(model)
    train(model, 2)
    before = checkpoint.capture(model)
    damage(values)
    with pytest.raises(ValueError, match=r"another model|has shape"):
        checkpoint.restore(model, values)
    check_equal(checkpoint.capture(model), before)


def test_a_checkpoint_is_read_from_its_file_without_pickle(tmp_path):
    model = make_model()
    train(model, 2)
    path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, checkpoint.capture(model), PROGRESS)
    assert list(tmp_path.iterdir()) == [path]
    values, progress = checkpoint.load(path)
    assert progress == PROGRESS
    check_equal(values, checkpoint.capture(model))
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_saving_again_replaces_the_file(tmp_path):
    model = make_model()
    path = tmp_path / "checkpoint.npz"
    for position in (1, 2):
        checkpoint.save(path, checkpoint.capture(model), {**PROGRESS, "position": position})
    assert checkpoint.load(path)[1]["position"] == 2
    assert list(tmp_path.iterdir()) == [path]


def cut(content: bytes, part: float) -> bytes:
    return content[: int(part * len(content))]


def flip(content: bytes, part: float) -> bytes:
    """Changes one byte inside an array."""
    at = int(part * len(content))
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda content: None,
    "empty": lambda content: b"",
    "text": lambda content: b"not a checkpoint",
    "zip only": lambda content: b"PK\x03\x04",
    "npy": lambda content: b"\x93NUMPY\x01\x00",
    "cut at 0.1": lambda content: cut(content, 0.1),
    "cut at 0.5": lambda content: cut(content, 0.5),
    "cut at 0.99": lambda content: cut(content, 0.99),
    "flipped": lambda content: flip(content, 0.4),
    "pickle": lambda content: b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_reported_in_one_line_with_its_path(tmp_path, damage):
    path: Path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, checkpoint.capture(make_model(hidden_dim=(300, 300))), PROGRESS)
    content = DAMAGES[damage](path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(runs.RunError) as error:
        checkpoint.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"0000 a": np.zeros(3)},
        {"json": np.frombuffer(b"{", np.uint8)},
        {"json": np.frombuffer(b"\xff\xff", np.uint8)},
        {"json": np.array([{}], object)},
    ],
    ids=["no progress", "incomplete progress", "no text", "an object"],
)
def test_a_file_that_is_no_checkpoint_is_reported_in_one_line(tmp_path, arrays):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, **arrays)
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz cannot be read"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"position": -1},
        {"position": "12"},
        {"position": True},
        {"seconds": None},
        {"history": 5},
        {"history": [5]},
        {"history": [{**ROW, "epoch": 2}]},
        {"history": [{**ROW, "loss": "low"}]},
        {"history": [{**ROW, "evil": 1.0}]},
        {"history": [{"epoch": 1}]},
    ],
)
def test_invalid_progress_is_reported_in_one_line(tmp_path, changes):
    path = tmp_path / "checkpoint.npz"
    progress = json.dumps({**PROGRESS, **changes}).encode()
    np.savez(path, json=np.frombuffer(progress, np.uint8))
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz cannot be read") as error:
        checkpoint.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("other", [{"latent_dim": 4}, {"hidden_dim": (7, 6)}])
def test_the_checkpoint_of_another_model_is_refused_in_one_line(tmp_path, other):
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "now", "flags": {}})
    model = make_model()
    write = functools.partial(checkpoint.save, values=checkpoint.capture(model), progress=PROGRESS)
    runs.commit(run, {runs.CHECKPOINT: write}, 1)
    assert checkpoint.resume(make_model(), run, 12) is not None
    with pytest.raises(runs.RunError, match=r"cannot be read \(its history does not fit"):
        checkpoint.resume(make_model(), run, 5)
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz cannot be read") as error:
        checkpoint.resume(make_model(**other), run, 12)
    assert "\n" not in str(error.value)


def test_an_npy_file_in_the_place_of_a_checkpoint_is_reported(tmp_path):
    path = tmp_path / "checkpoint.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz cannot be read"):
        checkpoint.load(path)


VARIABLES = json.loads((GOLDEN / "checkpoint_variables.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("words", VARIABLES)
def test_a_checkpoint_of_an_earlier_version_is_restored(policy, tmp_path, words):
    """VARIABLES has the names and shapes in checkpoints written before --l2 moved into Adam."""
    sizes = [] if "conv" in words else ["--hidden_dim", "6"]
    sizes += ["--classifier_dims", "3,6"] if "classifier_vae" in words else []  # the default then
    argv = ["train.py", "--dataset", "digits", *sizes, "--latent_dim", "3", *words.split()]
    settings = cli.settings(cli.parse_train(argv))
    keras.utils.clear_session()
    model = models.build((8, 8, 1), settings, 10, 1293)
    fit.compile_with_adam(model, settings, 13)

    rng = np.random.default_rng(0)
    old: dict[str, Any] = {
        name: np.asarray(rng.integers(1, 100, shape)) for name, shape in VARIABLES[words].items()
    }
    progress = np.frombuffer(json.dumps({**PROGRESS, "position": 13}).encode(), np.uint8)
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "now", "flags": {}})

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, json=progress, **old)

    runs.commit(run, {runs.CHECKPOINT: write}, 1)
    resumed = checkpoint.resume(model, run, 13)
    assert resumed is not None
    restored = checkpoint.capture(model)
    check_equal(restored, resumed[0])
    expected = {name.partition(" ")[2]: value for name, value in old.items()}
    if "l2" in words and "free_bits" not in words:
        for name in ("objective/total", "objective/count"):
            del expected[name]
    check_equal({name.partition(" ")[2]: value for name, value in restored.items()}, expected)
