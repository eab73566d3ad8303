"""A session opens a run, loads its model and images by itself, and writes results."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import models
import runs
from data import splits
from evaluation import RequestError, curves, latent, metrics
from evaluation.session import Session
from tests.evaluation.sessions import make_session, save_untrained_run

RECORD = {"best": {"epoch": 3, "val_loss": 21.5}, "epochs_done": 8}


@pytest.mark.parametrize(
    ("checkpoint", "name", "expected"),
    [
        ("best", "generated.png", "generated.png"),
        ("last", "generated.png", "generated_last.png"),
        ("best", "metrics.json", "metrics.json"),
        ("last", "metrics.json", "metrics_last.json"),
    ],
)
def test_names_of_results_of_the_last_epoch_end_in_last(tmp_path, checkpoint, name, expected):
    session = make_session(tmp_path, checkpoint=checkpoint)
    assert session.path(name) == tmp_path / expected


def test_the_subtitle_names_the_epoch_of_the_model_that_is_drawn(tmp_path):
    session = make_session(tmp_path, record=RECORD)
    assert session.subtitle == "digits · vae · latent_dim 2 · run a_run · epoch 3"
    session = make_session(tmp_path, record=RECORD, checkpoint="last")
    assert session.subtitle == "digits · vae · latent_dim 2 · run a_run · epoch 8"


def test_the_caption_has_what_is_not_at_its_default_and_not_a_name_made_from_settings(tmp_path):
    settings = {"beta": 4.0, "prior": "standard_normal", "likelihood": "gaussian", "seed": 3}
    session = make_session(tmp_path, settings=settings)
    session.run = runs.Run(tmp_path / "digits_vae_hd500_ld2_e50_beta4_like-gaussian_s3")
    assert session.caption == "digits · vae · latent_dim 2 · likelihood gaussian · beta 4"
    session.run = runs.Run(tmp_path / ("a_long_name_" * 20))
    assert session.caption.endswith(" · run a_long_name_a_long_n…_long_name_")


def test_the_seed_is_named_if_it_is_not_the_default(tmp_path):
    assert make_session(tmp_path).seed_note == ""
    assert make_session(tmp_path, seed=3).seed_note == " · seed 3"


def test_dollar_signs_in_a_name_are_not_mathematics_in_a_figure(tmp_path):
    session = make_session(tmp_path)
    session.run = runs.Run(tmp_path / "a$b$")
    assert session.caption.endswith(r" · run a\$b\$")


# -------------------------------------------------------------------------- loading


def test_a_session_loads_model_and_images_of_its_run(tmp_path):
    session = save_untrained_run(tmp_path, num_validation=100, binarize="static")
    assert isinstance(session.model, models.VAE)
    assert session.saved_epoch == session.epoch == 1
    images, labels = session.test
    expected = splits.load_test("digits", binarize="static")
    np.testing.assert_array_equal(images, expected.images / np.float32(255))
    np.testing.assert_array_equal(labels, expected.labels)
    assert len(session.train[0]) == 1337
    assert session.class_names == tuple("0123456789")
    assert session.model is session.model


def test_sessions_that_share_images_load_them_once(tmp_path, monkeypatch):
    calls = []
    load = splits.load_test

    def count(*args):
        calls.append(args)
        return load(*args)

    monkeypatch.setattr(splits, "load_test", count)
    first = save_untrained_run(tmp_path)
    second = Session(first.run, first.record, "best", first.result_dir, first.flags, first.loaded)
    assert first.test[0] is second.test[0] is first.test[0]
    assert len(calls) == 1


def test_a_missing_model_is_reported_in_one_line(tmp_path):
    session = save_untrained_run(tmp_path)
    session.check_model()
    session.checkpoint = "last"
    with pytest.raises(
        runs.RunError, match=r"model.keras does not exist: the run has not finished"
    ):
        session.check_model()


def test_a_dataset_without_labels_is_refused_where_labels_are_needed(tmp_path):
    assert make_session(tmp_path).check_labels("classify") == tuple("0123456789")
    session = make_session(tmp_path, info={"class_names": None})
    with pytest.raises(RequestError, match=r"^--classify needs labels, and digits has none$"):
        session.check_labels("classify")


def test_a_folder_of_datasets_in_run_json_is_refused_if_the_run_could_have_written_it(
    tmp_path,
):
    session = make_session(tmp_path, record={"data_dir": str(tmp_path / "a_run" / "images")})
    with pytest.raises(runs.RunError, match="type --data_dir FOLDER"):
        session.load_images("digits", "test")
    session = make_session(tmp_path, record=session.record, data_dir="/mine")
    assert session.data_dir == "/mine"


# -------------------------------------------------------------------------- writing


@pytest.mark.parametrize(("checkpoint", "stem"), [("best", "map"), ("last", "map_last")])
def test_a_figure_is_written_as_png_and_as_pdf_and_nothing_else(tmp_path, checkpoint, stem):
    session = make_session(tmp_path, checkpoint=checkpoint)
    paths = session.save_figure(Figure(figsize=(1, 1)), "map")
    assert paths == [tmp_path / f"{stem}.png", tmp_path / f"{stem}.pdf"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_unfinished_files_of_killed_processes_are_removed(tmp_path):
    session = make_session(tmp_path)
    process = os.fork()
    if process == 0:  # dies while it writes
        with session.write("metrics.json") as path:
            path.write_text("{")
            os._exit(1)
    os.waitpid(process, 0)
    (leftover,) = tmp_path.iterdir()
    assert "partial" in leftover.name
    session.write_json("ood.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["ood.json"]


@pytest.mark.parametrize("name", ["a.json", "a.png"])
def test_a_full_disk_is_reported_in_one_line_that_names_the_file(tmp_path, monkeypatch, name):
    session = make_session(tmp_path)

    def write():
        if name == "a.json":
            return session.write_json("a.json", {})
        return session.save_figure(Figure(figsize=(1, 1)), "a")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(runs.RunError) as error:
        write()
    assert str(error.value) == f"{tmp_path / name} cannot be written (No space left on device)"


def test_a_folder_that_cannot_be_made_is_reported_with_the_file(tmp_path):
    session = make_session(tmp_path)
    session.result_dir = tmp_path / "file" / "result"
    (tmp_path / "file").write_text("")
    with pytest.raises(runs.RunError, match=r"result/a\.json cannot be written \("):
        session.write_json("a.json", {})


def test_runs_of_one_name_in_two_folders_have_results_of_their_own(tmp_path, in_process):
    for folder in ("one", "two"):
        run = save_untrained_run(tmp_path / folder).run
        in_process("evaluate", "--curves", "--saved_path", str(run.folder))
    folders = [path for path in (tmp_path / "result").iterdir() if path.is_dir()]
    assert len(folders) == 2
    for folder in folders:
        assert folder.name.startswith("untrained-")
        assert (folder / "curves.png").is_file()


# ------------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("evaluation", [metrics, latent])
def test_weights_that_give_no_finite_numbers_are_reported_in_one_line(tmp_path, value, evaluation):
    session = save_untrained_run(tmp_path)
    for weight in session.model.encoder.weights:
        weight.assign(np.full(weight.shape, value))
    with pytest.raises(runs.RunError) as error:
        evaluation.run(session)
    message = str(error.value)
    assert message.startswith(f"{session.run.best_path}: ")
    assert "for 360 of 360 images: type" in message
    assert "type --checkpoint last, or train" in message
    assert "\n" not in message


def test_finite_posteriors_with_an_infinite_kl_are_reported_in_one_line(tmp_path):
    session = save_untrained_run(tmp_path)
    session.model.encoder.z_log_var.bias.assign([100.0, 0.0])
    latent.draw_split(session, "test")  # the means are finite
    with pytest.raises(runs.RunError, match="non-finite loss for 360 of 360 images"):
        metrics.run(session)


def test_a_history_with_numbers_that_cannot_be_drawn_is_reported_in_one_line(tmp_path):
    session = save_untrained_run(tmp_path)
    record = session.run.read_record()
    del record["files"]  # an old run, without checksums
    session.run.write_record(record)
    session.run.history_path.write_text("epoch,loss,val_loss\n1,1e308,-1e308\n2,1,1\n")
    with pytest.raises(runs.RunError, match=r"history.csv") as error:
        curves.run(session)
    assert "\n" not in str(error.value)
