"""Both scripts on a dataset of TFDS that the catalog does not know."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import runs
from tests.data.sources.tfds_datasets import draw, prepare

SMALL = ("--hidden_dim", "4", "--latent_dim", "2", "--batch_size", "10", "--run_name", "small")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    from tensorflow_datasets import features

    parts = {"train": draw(40, 8, 8, 3), "test": draw(10, 8, 8, 3)}
    folder = tmp_path_factory.mktemp("original")
    prepare(
        folder,
        "mini",
        {
            part: [{"image": image, "label": n % 3} for n, image in enumerate(images)]
            for part, images in parts.items()
        },
        {
            "image": features.Image(shape=(8, 8, 3)),
            "label": features.ClassLabel(names=["a", "b", "c"]),
        },
        configuration="color",
    )
    return folder


@pytest.mark.parametrize("stream", ["0", "1"])
def test_a_run_is_trained_resumed_and_evaluated(
    original, in_process, tmp_path, monkeypatch, capsys, stream
):
    data_dir = tmp_path / "prepared"
    shutil.copytree(original, data_dir)
    words = ("--dataset", "mini/color", "--data_dir", str(data_dir), "--stream", stream, *SMALL)
    keras.utils.clear_session()  # the checkpoint has the names of its layers
    in_process("train", *words, "--num_epochs", "1")
    printed = capsys.readouterr().out
    assert "dataset   mini/color: 36 training and 4 validation images, 8×8×3" in printed
    assert f"source    version 1.0.0 in {data_dir}/mini/color\n" in printed
    assert "network   mlp: hidden_dim 4, activation tanh" in printed
    assert "; chosen by auto for 8×8 pixels, color: at most 1,024 values per image\n" in printed
    run = runs.Run(tmp_path / "trained_model" / "small")
    record = run.read_record()
    chosen = {"dataset": "mini/color", "network": "mlp", "hidden_dim": [4]}
    assert chosen.items() <= record["flags"].items()
    assert record["dataset"]["version"] == "1.0.0"

    shutil.copytree(data_dir / "mini/color/1.0.0", data_dir / "mini/color/1.1.0")
    monkeypatch.chdir(tmp_path)
    os.mkdir("mini")  # a folder of the dataset's name does not hide the run's dataset
    os.mkdir("mini/color")
    in_process("evaluate", "--metrics", "--run_name", "small")
    printed = capsys.readouterr().out
    assert "10 test images" in printed
    assert (tmp_path / "result" / "small" / "metrics.json").is_file()
    shutil.rmtree("mini")
    shutil.rmtree(data_dir / "mini/color/1.1.0")
    keras.utils.clear_session()
    in_process("train", *words, "--num_epochs", "2", "--resume")
    assert len(np.loadtxt(run.folder / "history.csv", delimiter=",", skiprows=1)) == 2
