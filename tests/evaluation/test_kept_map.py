"""The t-SNE map of a split is computed once, kept among the results, and never trusted blindly."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from PIL import Image

from evaluation import latent, report
from evaluation.statistics import tsne
from tests.evaluation.sessions import load_digits, make_session

POINTS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def one_thread():
    """As in test_embed.py."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture
def computed(monkeypatch):
    """Replaces t-SNE by a fast map; returns the seeds with which it is called."""
    seeds: list[int] = []

    def compute(points, seed, report):
        seeds.append(seed)
        return (points[:, :2] * 2 + seed).astype(np.float32)

    monkeypatch.setattr(tsne, "embed", compute)
    return seeds


class Encoder:
    """Enough of a model for a latent map: posterior means are three of the pixels."""

    is_variational = True
    uses_labels = False

    def encode(self, images):
        means = images[:, 2, 2:5, 0]
        return means, 0 * means


def test_a_map_is_computed_once(computed, tmp_path):
    first = latent.place(make_session(tmp_path), POINTS, "test")
    second = latent.place(make_session(tmp_path), POINTS, "test")
    assert len(computed) == 1
    np.testing.assert_array_equal(first, second)
    assert second.dtype == first.dtype == np.float32
    second[:] = 0  # the caller may change it
    assert [path.name for path in tmp_path.iterdir()] == ["tsne_test.bin"]
    assert (tmp_path / "tsne_test.bin").stat().st_size == 32 + 40 * 2 * 4


def test_the_splits_and_the_checkpoints_are_kept_apart(computed, tmp_path):
    for checkpoint in ("best", "last"):
        for split in ("test", "train"):
            latent.place(make_session(tmp_path, checkpoint=checkpoint), POINTS, split)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tsne_test.bin",
        "tsne_test_last.bin",
        "tsne_train.bin",
        "tsne_train_last.bin",
    ]
    assert len(computed) == 4


def replace_algorithm(monkeypatch, tmp_path):
    changed = tmp_path.with_name("tsne.py")
    changed.write_text("NUM_STEPS = 301\n")
    monkeypatch.setattr(tsne, "__file__", str(changed))


@pytest.mark.parametrize("change", ["points", "number", "seed", "algorithm"])
def test_a_map_of_something_else_is_computed_again_and_replaced(
    computed, tmp_path, monkeypatch, change
):
    latent.place(make_session(tmp_path), POINTS, "test")
    points, seed = POINTS, 0
    if change == "points":  # as another checkpoint or other images give
        points = POINTS.copy()
        points[7, 1] = np.nextafter(points[7, 1], 9)
    if change == "number":
        points = POINTS[:-1]
    if change == "seed":
        seed = 1
    if change == "algorithm":
        replace_algorithm(monkeypatch, tmp_path)
    for _ in range(2):
        found = latent.place(make_session(tmp_path, seed=seed), points, "test")
        np.testing.assert_array_equal(found, points[:, :2] * 2 + seed)
    assert len(computed) == 2


def sign_of(points, seed, content):
    def prefix(part: bytes) -> bytes:
        return len(part).to_bytes(8, "little") + part

    algorithm = prefix(Path(tsne.__file__).read_bytes())
    shape = f"{points.dtype.str} {points.shape}".encode()
    sources = algorithm + prefix(f"seed {seed}".encode()) + shape + prefix(points.tobytes())
    return hashlib.sha256(sources + content).digest()


def with_signed_nan(kept: bytes) -> bytes:
    y = np.frombuffer(kept[32:], "<f4").copy()
    y[3] = np.nan
    return sign_of(POINTS, 0, y.tobytes()) + y.tobytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: b"",
        lambda kept: kept[:31],
        lambda kept: kept[:-1],
        lambda kept: kept + b"\0",
        lambda kept: kept + bytes(8),
        lambda kept: kept[:50] + bytes([kept[50] ^ 1]) + kept[51:],
        lambda kept: bytes([kept[0] ^ 1]) + kept[1:],
        lambda kept: bytes(len(kept)),
        lambda kept: pickle.dumps(sys.exit),
        with_signed_nan,
    ],
    ids=[
        "empty",
        "short",
        "cut",
        "longer",
        "by_a_point",
        "flipped",
        "hash",
        "zeros",
        "pickle",
        "nan",
    ],
)
def test_a_damaged_or_hostile_file_is_replaced(computed, tmp_path, damage, capsys):
    first = latent.place(make_session(tmp_path), POINTS, "test")
    path = tmp_path / "tsne_test.bin"
    kept = path.read_bytes()
    path.write_bytes(damage(kept))
    np.testing.assert_array_equal(latent.place(make_session(tmp_path), POINTS, "test"), first)
    assert len(computed) == 2
    assert path.read_bytes() == kept
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["pipe", "link", "endless"])
def test_what_is_no_regular_file_is_replaced(computed, tmp_path, kind):
    path, elsewhere = tmp_path / "tsne_test.bin", tmp_path.with_name("elsewhere")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        elsewhere.write_text("mine")
        path.symlink_to(elsewhere if kind == "link" else "/dev/zero")
    latent.place(make_session(tmp_path), POINTS, "test")
    assert path.is_file()
    assert not path.is_symlink()
    assert kind != "link" or elsewhere.read_text() == "mine"


def test_the_file_is_signed_as_documented(computed, tmp_path):
    latent.place(make_session(tmp_path), POINTS, "test")
    kept = (tmp_path / "tsne_test.bin").read_bytes()
    assert kept[:32] == sign_of(POINTS, 0, kept[32:])


def test_figures_of_a_kept_map_have_the_pixels_of_a_computed_one(tmp_path, monkeypatch):
    images, labels = load_digits("test")
    test = (images[:90] / np.float32(255), labels[:90])

    def draw() -> list[bytes]:
        session = make_session(tmp_path, Encoder(), test, settings={"latent_dim": 3})
        paths = latent.draw_split(session, "test")
        return [Image.open(path).tobytes() for path in paths if path.suffix == ".png"]

    before = draw()
    monkeypatch.setattr(tsne, "embed", lambda *arguments: pytest.fail("t-SNE was computed again"))
    assert draw() == before


def test_the_page_and_the_figure_share_a_map(computed, tmp_path):
    images, labels = load_digits("test")
    test = (images[:90] / np.float32(255), labels[:90])
    session = make_session(tmp_path, Encoder(), test, settings={"latent_dim": 3})
    latent.draw_split(session, "test")
    report._place(session, session.test_posterior[0])
    assert len(computed) == 1


TWO = """
import sys
from pathlib import Path
import numpy as np
from evaluation import latent
from evaluation.statistics import tsne
from tests.evaluation.sessions import make_session

points = np.arange(120, dtype=np.float32).reshape(40, 3)
tsne.embed = lambda points, seed, report: points[:, :2] + seed
for turn in range(20):
    seed = (turn + int(sys.argv[2])) % 2
    found = latent.place(make_session(Path(sys.argv[1]), seed=seed), points, "test")
    assert np.array_equal(found, points[:, :2] + seed)
"""


def test_two_processes_may_keep_maps_at_once(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tmp_path), str(number)], cwd=ROOT)
        for number in range(2)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["tsne_test.bin"]
