"""What every evaluation is given."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

import runs
from evaluation.context import Context

RECORD = {
    "flags": {"dataset": "digits", "latent_dim": 4},
    "best": {"epoch": 3, "val_loss": 21.5},
    "epochs_done": 8,
}


def make_context(folder=Path("result"), checkpoint="best", record=RECORD, **changes):
    arguments = {
        "run": runs.Run(Path("trained_model") / "a_run"),
        "record": record,
        "checkpoint": checkpoint,
        "result_dir": folder,
        "class_names": tuple("0123456789"),
        "load_model": lambda: None,
        "load_pixels": lambda split: None,
        "num_gen": 10,
        "num_points": 100,
        "seed": 0,
    }
    return Context(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("checkpoint", "name", "expected"),
    [
        ("best", "generated.png", "generated.png"),
        ("last", "generated.png", "generated_last.png"),
        ("best", "metrics.json", "metrics.json"),
        ("last", "metrics.json", "metrics_last.json"),
    ],
)
def test_results_of_the_last_epochs_model_say_so(checkpoint, name, expected):
    assert make_context(checkpoint=checkpoint).path(name) == Path("result") / expected


def test_the_subtitle_names_the_epoch_of_the_model_that_is_drawn():
    assert make_context().subtitle == "digits · run a_run · epoch 3"
    assert make_context(checkpoint="last").subtitle == "digits · run a_run · epoch 8"


def test_latent_dim_is_the_runs():
    assert make_context().latent_dim == 4


def test_model_and_images_are_loaded_when_used_and_once():
    loaded = []

    def load(name):
        loaded.append(name)
        return name

    context = make_context(load_model=lambda: load("model"), load_pixels=load)
    assert loaded == []
    for _ in range(2):
        assert (context.test, context.train, context.model) == ("test", "train", "model")
    assert loaded == ["test", "train", "model"]


@pytest.mark.parametrize(("checkpoint", "stem"), [("best", "map"), ("last", "map_last")])
def test_a_figure_is_written_as_png_and_as_pdf_and_nothing_else(tmp_path, checkpoint, stem):
    paths = make_context(tmp_path, checkpoint).save_figure(Figure(figsize=(1, 1)), "map")
    assert paths == [tmp_path / f"{stem}.png", tmp_path / f"{stem}.pdf"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
