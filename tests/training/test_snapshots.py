"""Snapshots: the steps after which they are taken, and that they change no result."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence

import figures
import models
import runs
from data import batches, splits
from tests.settings import make_settings
from training import checkpoint
from training.fit import fit
from training.job import Job
from training.loop import CompiledLoop
from training.signals import Stopped, StopSignals
from training.snapshots import Snapshots, find_next

SETTINGS = make_settings(
    dataset="digits",
    binarize="dynamic",
    hidden_dim=(16,),
    dropout=0.1,
    latent_dim=3,
    batch_size=100,
    num_epochs=2,
)
STEPS = 13  # per epoch


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return splits.load_train_and_validation("digits")[0].images


def make_model() -> keras.Model:
    keras.utils.clear_session()  # variables are named as in a new process
    return models.build((8, 8, 1), SETTINGS)


# ------------------------------------------------------------------- the loop's pauses


def run_loop(images, mode, steps, every, position=0) -> tuple[dict[str, np.ndarray], list, list]:
    """Trains two epochs; returns the variables, the pauses and the positions after each call."""
    model = make_model()
    model.compile(optimizer=keras.optimizers.Adam(0.003))
    model.optimizer.build(model.trainable_variables)
    resident = batches.ResidentBatches(images, 100, 0, models.noise.uniform)
    loop = CompiledLoop(model, model.train_step, resident, mode)
    loop.steps_per_call = steps
    pauses: list[tuple[int, int]] = []
    if every:
        loop.pause_at(
            lambda at: (at // every + 1) * every,
            lambda at: pauses.append((at, int(model.optimizer.iterations) + position)),
        )
    loop.seek(*divmod(position, STEPS))
    ends = []
    while loop.position < 2 * STEPS:
        loop.begin_epoch()
        while not loop.epoch_ended:
            loop()
            ends.append(loop.position)
    return checkpoint.capture(model), pauses, ends


@pytest.fixture(scope="module")
def unpaused(images):
    return run_loop(images, "xla_loop", 5, 0)


@pytest.mark.parametrize(
    ("steps", "every"), [(5, 1), (5, 3), (5, 13), (13, 4), (13, 26), (1, 2), (4, 1000)]
)
def test_the_loop_pauses_at_every_multiple_and_trains_the_same_bits(images, unpaused, steps, every):
    found, pauses, ends = run_loop(images, "xla_loop", steps, every)
    expected = list(range(every, 2 * STEPS + 1, every))
    assert pauses == [(at, at) for at in expected], "exactly the steps before are done"
    starts = [*range(0, STEPS, steps), *range(STEPS, 2 * STEPS, steps)]
    assert ends == [*starts[1:], 2 * STEPS], "calls end where they would without pauses"
    assert found.keys() == unpaused[0].keys()
    for name, value in unpaused[0].items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_resumed_loop_pauses_at_the_same_multiples(images):
    _, pauses, _ = run_loop(images, "xla_loop", 5, 4, position=6)
    assert [at for at, _ in pauses] == [8, 12, 16, 20, 24]


def test_a_loop_in_graph_mode_pauses_at_the_same_steps(images):
    _, pauses, _ = run_loop(images, "graph", 5, 7)
    assert pauses == [(7, 7), (14, 14), (21, 21)]


# ------------------------------------------------------------------- the snapshots


class FakeModel:
    """Decodes z as its first number, and reconstructs half the image."""

    metrics: list[keras.metrics.Metric] = []

    def sample_prior(self, num_samples, seed):
        return models.noise.normal((num_samples, 3), (seed, 0))

    def decode(self, z):
        return tf.reshape(tf.sigmoid(z[:, 0]), (-1, 1, 1, 1)) * tf.ones((1, 8, 8, 1))

    def reconstruct(self, images):
        return images / 2


def make_snapshots(folder, images, **changes) -> Snapshots:
    run = runs.Run(folder)
    folder.mkdir(exist_ok=True)
    arguments = {
        "model": FakeModel(),
        "run": run,
        "images": images[:10] / np.float32(255),
        "seed": 0,
        "steps_per_epoch": STEPS,
        "jit_compile": True,
    }
    return Snapshots(**{**arguments, **changes})


@pytest.fixture
def drawn(monkeypatch) -> list[tuple]:
    """The arguments of every call of figures.draw_snapshot."""
    calls: list[tuple] = []
    draw = figures.draw_snapshot

    def note_and_draw(*args):
        calls.append(args)
        return draw(*args)

    monkeypatch.setattr(figures, "draw_snapshot", note_and_draw)
    return calls


def frames_of(path: Path) -> list[np.ndarray]:
    with Image.open(path) as animation:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(animation)]


def test_images_reconstructions_and_samples_are_drawn(tmp_path, images, drawn):
    snapshots = make_snapshots(tmp_path / "a run", images)
    for step in (0, 20):
        path = snapshots.take(step)
        assert path == tmp_path / "a run" / "snapshots" / f"step_{step:09d}.png"
        assert path.read_bytes().startswith(b"\x89PNG")
    for shown, reconstructions, samples, losses, _, subtitle in drawn:
        np.testing.assert_array_equal(shown, images[:10] / np.float32(255))
        np.testing.assert_array_equal(reconstructions, shown / 2)
        assert samples.shape == (50, 8, 8, 1)
        assert losses == {}
        assert subtitle == "run a run"
    np.testing.assert_array_equal(drawn[0][2], drawn[1][2])  # the same z
    assert 0.1 < drawn[0][2].std() < 0.4, "of z ~ N(0, 1)"
    assert [args[4] for args in drawn] == [
        "After 0 steps, 0.00 epochs",
        "After 20 steps, 1.54 epochs",
    ]


def test_the_losses_are_the_means_of_the_epoch_so_far(tmp_path, images, drawn):
    model = FakeModel()
    model.metrics = [keras.metrics.Mean(name="loss")]
    model.metrics[0].update_state([1.0, 4.0])
    snapshots = make_snapshots(tmp_path / "run", images, model=model)
    for step in (0, 1):
        snapshots.take(step)
    assert [args[3] for args in drawn] == [{}, {"loss": 2.5}]


def test_another_seed_draws_other_samples(tmp_path, images):
    contents = [
        make_snapshots(tmp_path / f"run{seed}", images, seed=seed).take(0).read_bytes()
        for seed in (0, 1)
    ]
    assert contents[0] != contents[1]


def test_the_animation_has_the_snapshots_in_their_order(tmp_path, images):
    model = FakeModel()
    snapshots = make_snapshots(tmp_path / "run", images, model=model)
    for step in (100, 0, 1000, 5):
        snapshots.take(step)
    path = snapshots.animate()
    assert path == tmp_path / "run" / "snapshots" / "snapshots.gif"
    for step, frame in zip((0, 5, 100, 1000), frames_of(path), strict=True):
        with Image.open(path.with_name(f"step_{step:09d}.png")) as picture:
            expected = np.asarray(picture.convert("RGB"))
        assert frame.shape == expected.shape
        assert frame.shape[1] == 780
        difference = np.abs(frame.astype(int) - expected.astype(int))
        assert difference.mean() < 2, "apart from its 32 colors"
    assert path.read_bytes() == snapshots.animate().read_bytes()


# Powers of the square root of two, rounded: computed with integers, as round(sqrt(2^k)).
LOG = sorted({(1 + math.isqrt(4 * 2**exponent)) // 2 for exponent in range(40)})


@pytest.mark.parametrize("last", [1, 2, 13, 32, 27_500])
@pytest.mark.parametrize("every", ["log", 1, 5, 13, 100])
def test_snapshots_are_taken_at_chosen_steps_and_after_the_last(every, last):
    found = [0]
    while (step := find_next(every, last, found[-1])) < math.inf:
        found.append(int(step))
    chosen = LOG if every == "log" else range(every, last + 1, every)
    assert found == sorted({0, *(step for step in chosen if step <= last), last})


def test_steps_of_log_grow_by_the_root_of_two_and_a_long_training_has_few():
    assert LOG[:10] == [1, 2, 3, 4, 6, 8, 11, 16, 23, 32]
    assert sum(step <= 100_000 for step in LOG) == 33
    assert [find_next("log", 100, step) for step in (0, 5, 6, 90, 99)] == [1, 6, 8, 91, 100]


# ------------------------------------------------------------------------- training runs


def train(folder, num_epochs, every, resume=False, stop_at=0) -> runs.Run:
    """Trains as train.py does; a signal stops it after ``stop_at`` steps."""
    settings = {**SETTINGS, "num_epochs": num_epochs}
    training, validation = splits.load_train_and_validation("digits")
    run = runs.Run(folder)
    if not resume:
        run.start({"status": "training", "started": "now", "flags": settings})
    signals = StopSignals()
    take = Snapshots.take

    def take_and_stop(self, step):
        if step == stop_at:
            signals.received = 15
        return take(self, step)

    execution = {
        "resume": resume,
        "strategy": "none",
        "steps_per_execution": 4,
        "jit_compile": None,
        "deterministic": False,
        "checkpoint_minutes": 10.0,
        "verbose": None,
        "snapshot_every": every,
    }
    with pytest.MonkeyPatch.context() as patch:
        if stop_at:
            patch.setattr(Snapshots, "take", take_and_stop)
        fit(
            make_model(),
            batches.ResidentBatches(training.images, 100, 0, models.noise.uniform),
            batches.ResidentBatches(validation.images, 72),
            validation.images[:10] / np.float32(255),
            Job(run, settings, execution, signals),
        )
    return run


def arrays_of(run: runs.Run) -> dict[str, np.ndarray]:
    return checkpoint.load(run.checkpoint_path)[0]


def snapshots_of(run: runs.Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.snapshots_dir.iterdir())}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> runs.Run:
    """A run of two epochs with a snapshot every fifth step, never stopped."""
    return train(tmp_path_factory.mktemp("uninterrupted") / "run", 2, 5)


def test_snapshots_are_taken_from_the_beginning_at_every_multiple_and_at_the_end(uninterrupted):
    names = [f"step_{step:09d}.png" for step in (0, 5, 10, 15, 20, 25, 26)]
    assert sorted(snapshots_of(uninterrupted)) == ["snapshots.gif", *names]
    assert len(frames_of(uninterrupted.snapshots_dir / "snapshots.gif")) == 7
    assert uninterrupted.snapshots_dir in uninterrupted.files()


def test_snapshots_change_no_bit_of_what_is_trained(uninterrupted, tmp_path):
    without = train(tmp_path / "run", 2, None)
    assert not without.snapshots_dir.exists()
    found, expected = arrays_of(uninterrupted), arrays_of(without)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("stop_at", [5, 15])
def test_a_resumed_run_has_every_snapshot_once_and_identical(uninterrupted, tmp_path, stop_at):
    with pytest.raises(Stopped):
        train(tmp_path / "run", 2, 5, stop_at=stop_at)
    run = runs.Run(tmp_path / "run")
    before = snapshots_of(run)
    assert f"step_{stop_at:09d}.png" in before
    assert "snapshots.gif" not in before
    train(tmp_path / "run", 2, 5, resume=True)
    assert snapshots_of(run) == snapshots_of(uninterrupted)


def test_a_resumed_run_has_every_log_spaced_snapshot_once_and_identical(tmp_path):
    expected = snapshots_of(train(tmp_path / "uninterrupted" / "run", 2, "log"))
    steps = (0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 26)
    assert sorted(expected) == ["snapshots.gif", *(f"step_{step:09d}.png" for step in steps)]
    with pytest.raises(Stopped):
        train(tmp_path / "run", 2, "log", stop_at=11)
    assert snapshots_of(train(tmp_path / "run", 2, "log", resume=True)) == expected


def test_a_run_that_starts_again_removes_its_snapshots_and_no_other_file(tmp_path):
    run = runs.Run(tmp_path / "run")
    run.start({"status": "training", "started": "now", "flags": {}})
    run.snapshots_dir.mkdir()
    for name in ("step_000000005.png", "snapshots.gif"):
        (run.snapshots_dir / name).touch()
    run.start({"status": "training", "started": "now", "flags": {}})
    assert not run.snapshots_dir.exists()
    run.snapshots_dir.mkdir()
    (run.snapshots_dir / "mine.png").touch()
    (run.snapshots_dir / "step_000000005.png").touch()
    run.start({"status": "training", "started": "now", "flags": {}})
    assert [path.name for path in run.snapshots_dir.iterdir()] == ["mine.png"]
