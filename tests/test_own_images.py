"""The user's own images from end to end: trained on, evaluated, found again after a move."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import runs
from data.sources import arrays, folder
from tests.test_resume import check_same_result
from training.signals import Stopped

SMALL = (
    *("--num_epochs", "1", "--network", "mlp", "--hidden_dim", "8"),
    *("--latent_dim", "2", "--batch_size", "20"),
)
FEW = ("--num_points", "60", "--num_gen", "20")
NAME = "vae_hd8_ld2_e1_b20"


@pytest.fixture(autouse=True)
def new_process() -> None:
    """Forgets the folders and files that were listed, and names variables as a new process does."""
    forget()
    keras.utils.clear_session()


def forget() -> None:
    folder._open.cache_clear()
    arrays._open.cache_clear()


def write_colors(root: Path) -> Path:
    """Writes 3 classes of 30 color images of 24×16 pixels, as PNG and JPEG."""
    rng = np.random.default_rng(0)
    for name, color in (("red", 0), ("dark green", 1), ("blue", 2)):
        (root / name).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 80, (24, 16, 3)).astype(np.uint8)
            pixels[number % 12 : number % 12 + 12, 2:14, color] = 230
            image = Image.fromarray(pixels)
            image.save(root / name / f"{number}.{'png' if number % 2 else 'jpg'}")
    return root


def write_array(path: Path) -> Path:
    """Writes 60 unlabeled images of floats in [0, 1] to an .npz file."""
    np.savez(path, images=np.random.default_rng(0).random((60, 12, 10), np.float32))
    return path


def write_tiffs(root: Path) -> Path:
    """Writes 60 gray images with 16 bits."""
    root.mkdir()
    y, x = np.mgrid[0:16, 0:16]
    for number in range(60):
        spot = 60_000 * np.exp(-((y - number % 16) ** 2 + (x - number % 13) ** 2) / 12)
        Image.fromarray(spot.astype(np.uint16)).save(root / f"{number:02}.tif")
    return root


FIGURES = {"curves", "generated", "kl_per_dimension", "latent_test", "latent_train", "manifold"}
FIGURES |= {"ood", "reconstruction", "traversal"}


@pytest.mark.parametrize(
    ("write", "name", "size", "classes", "says"),
    [
        (write_colors, "my photos", [24, 16, 3], ["blue", "dark green", "red"], "3 classes"),
        (write_array, "noise.npz", [12, 10, 1], None, "float32 in [0, 1], rounded"),
        (write_tiffs, "tiff", [16, 16, 1], None, "16-bit values scaled from 0..65,535"),
    ],
)
def test_images_are_trained_on_and_evaluated(
    write, name, size, classes, says, tmp_path, in_process, capsys
):
    path = write(tmp_path / name)
    in_process("train", "--dataset", str(path), *SMALL)
    printed = capsys.readouterr().out
    assert says in printed
    assert "drawn by a fixed seed are held out" in printed
    run = tmp_path / "trained_model" / f"{name.removesuffix('.npz').replace(' ', '-')}_{NAME}"
    described = json.loads((run / "run.json").read_text())["dataset"]
    assert (described["image_shape"], described["class_names"]) == (size, classes)
    in_process("evaluate", "--all", "1", *FEW)
    written = {file.stem for file in (tmp_path / "result" / run.name).glob("*.png")}
    assert written >= FIGURES
    assert str(path) not in capsys.readouterr().err


def test_hundreds_of_classes_are_trained_on_and_evaluated(tmp_path, in_process):
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 200
    images = rng.integers(0, 256, (600, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "many.npz", x_train=images, y_train=labels)
    words = ("--model", "classifier_vae", "--classifier_dims", "8")
    in_process("train", "--dataset", str(tmp_path / "many.npz"), *SMALL, *words)
    in_process("evaluate", "--all", "1", *FEW)


def test_one_class_is_trained_on_and_evaluated(tmp_path, in_process):
    write_tiffs(tmp_path / "tiffs")
    (tmp_path / "root").mkdir()
    (tmp_path / "tiffs").rename(tmp_path / "root" / "only")
    in_process("train", "--dataset", str(tmp_path / "root"), *SMALL)
    in_process("evaluate", "--all", "1", *FEW)


def test_a_damaged_file_is_skipped_and_listed_when_asked_for(tmp_path, in_process):
    write_tiffs(tmp_path / "tiffs")
    (tmp_path / "tiffs" / "07.tif").write_bytes(b"II*\0")
    in_process("train", "--dataset", str(tmp_path / "tiffs"), *SMALL, "--skip_bad_images", "1")
    run = tmp_path / "trained_model" / "tiffs_vae_hd8_ld2_e1_skip1_b20"
    (line,) = (run / "skipped_images.txt").read_text().splitlines()
    assert line.startswith("07.tif ")
    assert json.loads((run / "run.json").read_text())["dataset"]["num_train"] == 53
    in_process("evaluate", "--metrics")


def test_a_folder_is_streamed_and_resumed(tmp_path, in_process):
    write_tiffs(tmp_path / "tiffs")
    words = ("--dataset", str(tmp_path / "tiffs"), *SMALL, "--stream", "1")
    in_process("train", *words)
    keras.utils.clear_session()  # as in a new process, which resumes it
    name = f"tiffs_{NAME}_stream1"
    in_process("train", *words, "--resume", "--run_name", name, "--num_epochs", "2")
    history = (tmp_path / "trained_model" / name / "history.csv").read_text().splitlines()
    assert len(history) == 3


def test_images_are_found_again_after_a_move(tmp_path, in_process, capsys):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    write_tiffs(here / "tiffs")
    in_process("train", "--dataset", str(here / "tiffs"), *SMALL, root=here)
    here.rename(there)  # the run and its images
    in_process("evaluate", "--metrics", root=there)

    forget()
    moved = tmp_path / "elsewhere"
    (there / "tiffs").rename(moved)
    with pytest.raises(SystemExit):
        in_process("evaluate", "--metrics", root=there)
    assert "type --dataset with the path of the images" in capsys.readouterr().err
    in_process("evaluate", "--metrics", "--dataset", str(moved), root=there)

    (moved / "00.tif").unlink()
    forget()
    words = ("--metrics", "--run_name", f"tiffs_{NAME}", "--dataset", str(moved))
    with pytest.raises(SystemExit):
        in_process("evaluate", *words, root=there)
    assert "describes another dataset" in capsys.readouterr().err


def test_resuming_with_other_images_is_refused(tmp_path, in_process, capsys):
    path = write_array(tmp_path / "x.npz")
    in_process("train", "--dataset", str(path), *SMALL)
    np.savez(path, images=np.random.default_rng(1).random((60, 12, 10), np.float32))
    forget()
    words = ("--resume", "--run_name", f"x_{NAME}", "--num_epochs", "2")
    with pytest.raises(SystemExit):
        in_process("train", "--dataset", str(path), *SMALL, *words)
    assert "describes another dataset" in capsys.readouterr().err


def test_a_run_is_resumed_with_images_that_have_moved(tmp_path, in_process, capsys):
    words = (*SMALL, "--batch_size", "7", "--stream", "1")
    here, there = write_colors(tmp_path / "photos"), tmp_path / "disk 2" / "renamed"
    two = ("--num_epochs", "2")
    in_process("train", "--dataset", str(here), *words, *two, "--run_name", "uninterrupted")
    keras.utils.clear_session()
    in_process("train", "--dataset", str(here), *words, "--run_name", "moved")
    there.parent.mkdir()
    here.rename(there)
    run = runs.Run(tmp_path / "trained_model" / "moved")
    before = run.read_record()
    again = (*words, *two, "--resume", "--run_name", "moved")

    # Images of the same number and shape, another number of images, and no images are refused.
    checkpoint = run.checkpoint_path.read_bytes()
    write_colors(here)
    Image.new("RGB", (16, 24)).save(here / "red" / "0.jpg")
    for prepare, says in (
        (lambda: None, "its fingerprint is"),
        ((here / "red" / "0.jpg").unlink, "its num_train is"),
        (lambda: here.rename(tmp_path / "gone"), "there is no folder"),
    ):
        prepare()
        forget()
        capsys.readouterr()
        with pytest.raises(SystemExit, match="1"):
            in_process("train", "--dataset", str(here), *again)
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert says in error
    assert run.read_record() == before
    assert run.checkpoint_path.read_bytes() == checkpoint

    keras.utils.clear_session()
    in_process("train", "--dataset", str(there), *again)
    check_same_result(run, runs.Run(tmp_path / "trained_model" / "uninterrupted"))
    record = run.read_record()
    assert record["flags"] == {**before["flags"], "num_epochs": 2, "dataset": str(there)}
    moved = {"name": "renamed", "relative_path": "../../disk 2/renamed"}
    assert record["dataset"] == {**before["dataset"], **moved}
    assert [one["num_epochs"] for one in record["extensions"]] == [2]
    in_process("evaluate", "--metrics", "--run_name", "moved")


def test_the_run_to_resume_is_found_by_images_that_have_moved(tmp_path, in_process, monkeypatch):
    """Without its name, among runs of other images with the same flags."""

    def fit(*args, **kwargs):
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr("training.fit.fit", fit)
    images = np.random.default_rng(0).random((60, 12, 10), np.float32)
    for name, factor in (("first", 1), ("second", 0.5)):
        np.savez(tmp_path / f"{name}.npz", images=images * factor)
        with pytest.raises(SystemExit, match="130"):
            in_process("train", "--dataset", str(tmp_path / f"{name}.npz"), *SMALL)
    moved = (tmp_path / "first.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(SystemExit, match="130"):
        in_process("train", "--dataset", str(moved), *SMALL, "--resume")
    found = {
        name: runs.Run(tmp_path / "trained_model" / f"{name}_{NAME}").read_record()["flags"]
        for name in ("first", "second")
    }
    assert found["first"]["dataset"] == str(moved)
    assert found["second"]["dataset"] == str(tmp_path / "second.npz")


def test_images_are_encoded_and_decoded_where_those_of_the_training_are_gone(
    tmp_path, in_process, capsys
):
    path = write_colors(tmp_path / "photos")
    in_process("train", "--dataset", str(path), *SMALL, "--image_size", "12,8")
    path.rename(tmp_path / "elsewhere")
    forget()
    in_process("evaluate", "--encode", str(tmp_path / "elsewhere"))
    (result,) = (path for path in (tmp_path / "result").iterdir() if path.is_dir())
    in_process("evaluate", "--decode", str(result / "encoded.npz"))
    in_process("evaluate", "--export", "keras")
    assert "prepared first: " in (result / "export" / "README.md").read_text(encoding="utf-8")
    names = np.load(result / "encoded.npz")["names"].tolist()
    assert (len(names), names[0], names[-1]) == (90, "blue/0.jpg", "red/9.png")
    images = sorted((result / "decoded").glob("*.png"))
    assert len(images) == 90
    with Image.open(images[0]) as image:
        assert image.size == (8, 12)
    with pytest.raises(SystemExit):
        in_process("evaluate", "--generate")
    assert "type --dataset with the path of the images" in capsys.readouterr().err


def test_arrays_are_encoded_as_those_of_the_run_were_scaled(tmp_path, in_process, capsys):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 1024, (60, 12, 10)).astype(np.uint16))
    in_process("train", "--dataset", str(tmp_path / "x.npy"), *SMALL)
    dark = rng.integers(0, 200, (5, 12, 10)).astype(np.uint16)
    np.save(tmp_path / "dark.npy", dark)
    np.save(tmp_path / "converted.npy", ((dark.astype(int) * 255 + 511) // 1023).astype(np.uint8))
    z = []
    for name in ("dark.npy", "x.npy"):
        in_process("evaluate", "--encode", str(tmp_path / name))
        (result,) = (path for path in (tmp_path / "result").iterdir() if path.is_dir())
        z.append(np.load(result / "encoded.npz")["z_mean"])
    assert "uint16, of which 1,023 becomes white" in capsys.readouterr().out
    folder_of_files = tmp_path / "files"
    folder_of_files.mkdir()
    for number, image in enumerate(np.load(tmp_path / "converted.npy")):
        Image.fromarray(image).save(folder_of_files / f"{number}.png")
    in_process("evaluate", "--encode", str(folder_of_files))
    np.testing.assert_allclose(np.load(result / "encoded.npz")["z_mean"], z[0], atol=1e-5)
