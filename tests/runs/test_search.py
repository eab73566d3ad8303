"""Finding the run that a user means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runs


def make_run(root: Path, name: str, day: int = 1, models: str = "best last", **flags) -> runs.Run:
    run = runs.Run(root / name)
    started = f"2026-01-{day:02}T00:00:00.5+00:00"
    run.start({"status": "finished", "started": started, "flags": {"latent_dim": 10, **flags}})
    for model in models.split():
        (run.folder / runs.CHECKPOINTS[model]).touch()
    return run


# ------------------------------------------------------------------------ find_run


def test_the_newest_run_is_the_one_started_last_whatever_its_name(tmp_path):
    make_run(tmp_path, "b", day=2)
    make_run(tmp_path, "a", day=3)
    make_run(tmp_path, "c", day=1)
    assert runs.find_run(tmp_path, {}).name == "a"


def test_the_newest_of_those_that_agree_with_every_flag_given(tmp_path):
    make_run(tmp_path, "a", day=1, latent_dim=5, beta=1.0)
    make_run(tmp_path, "b", day=2, latent_dim=5, beta=4.0)
    make_run(tmp_path, "c", day=3, latent_dim=2, beta=1.0)
    assert runs.find_run(tmp_path, {"latent_dim": 5}).name == "b"
    assert runs.find_run(tmp_path, {"latent_dim": 5, "beta": 1.0}).name == "a"
    assert runs.find_run(tmp_path, {"beta": 1.0}).name == "c"


def test_a_flag_that_the_run_does_not_know_is_a_contradiction(tmp_path):
    make_run(tmp_path, "a")
    with pytest.raises(runs.RunError, match="no trained run with --prior vamp"):
        runs.find_run(tmp_path, {"prior": "vamp"})


@pytest.mark.parametrize(("models", "found"), [("best", "b"), ("last", "a"), ("", "a")])
def test_a_run_counts_once_it_has_the_model_that_is_asked_for(tmp_path, models, found):
    make_run(tmp_path, "a", day=1)
    make_run(tmp_path, "b", day=2, models=models)
    assert runs.find_run(tmp_path, {}, "best").name == found


def test_without_a_run_the_command_that_trains_one_is_named(tmp_path):
    make_run(tmp_path, "a", latent_dim=10)
    with pytest.raises(runs.RunError) as error:
        runs.find_run(tmp_path, {"latent_dim": 5, "dataset": "digits"})
    assert str(error.value) == (
        f"no trained run with --latent_dim 5 --dataset digits in {tmp_path}: "
        "train one with python train.py --latent_dim 5 --dataset digits"
    )


@pytest.mark.parametrize("root", [".", "missing"])
def test_where_nothing_was_ever_trained_the_plain_command_is_named(tmp_path, root):
    with pytest.raises(runs.RunError, match=r"no trained run at all in .*: .* python train\.py$"):
        runs.find_run(tmp_path / root, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 99}',
        '{"format": 1, "status": "finished", "started": "2027", "flags": null}',
        '{"format": 1, "status": "finished", "started": null, "flags": {"latent_dim": 10}}',
        '{"format": 1, "status": "finished", "started": 2027, "flags": {"latent_dim": 10}}',
    ],
)
def test_a_broken_record_does_not_break_the_search(tmp_path, text):
    make_run(tmp_path, "a")
    broken = make_run(tmp_path, "b")
    broken.record_path.write_text(text)
    (tmp_path / "README.md").touch()
    assert runs.find_run(tmp_path, {"latent_dim": 10}).name == "a"


def test_where_only_a_broken_record_is_found_the_message_names_it(tmp_path):
    broken = make_run(tmp_path, "a").record_path
    broken.write_text("{")
    with pytest.raises(runs.RunError) as error:
        runs.find_run(tmp_path, {})
    assert "python train.py" in str(error.value)
    assert f"{broken} cannot be read" in str(error.value)


# ------------------------------------------------------------------------ open_run


def test_a_folder_names_a_run_and_neither_of_its_models(tmp_path):
    run = make_run(tmp_path, "a")
    opened, checkpoint = runs.open_run(run.folder, {"latent_dim": 10})
    assert (opened.folder, checkpoint) == (run.folder, None)


@pytest.mark.parametrize(("file", "checkpoint"), [("best.keras", "best"), ("model.keras", "last")])
def test_a_model_names_its_run_and_itself(tmp_path, file, checkpoint):
    run = make_run(tmp_path, "a")
    opened, named = runs.open_run(run.folder / file, {})
    assert (opened.folder, named) == (run.folder, checkpoint)


def test_a_file_that_is_no_model_of_a_run_is_refused(tmp_path):
    run = make_run(tmp_path, "a", models="last")
    (run.folder / "other.keras").touch()
    for name in ("other.keras", "best.keras"):
        with pytest.raises(runs.RunError, match=rf"{name} is not the model .*best\.keras or model"):
            runs.open_run(run.folder / name, {})


@pytest.mark.parametrize("name", ["missing", "a/history.csv"])
def test_a_path_without_a_run_is_told(tmp_path, name):
    (make_run(tmp_path, "a").folder / "history.csv").touch()
    with pytest.raises(runs.RunError, match=rf"no run in .*{name}.*python train\.py"):
        runs.open_run(tmp_path / name, {})


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(runs.RunError, match=r"run\.json cannot be read"):
        runs.open_run(tmp_path, {})


def test_a_model_that_lies_alone_is_told(tmp_path):
    (tmp_path / "best.keras").touch()
    with pytest.raises(runs.RunError, match=r"run\.json cannot be read"):
        runs.open_run(tmp_path / "best.keras", {})


def test_flags_that_contradict_the_run_are_told_with_what_it_was_trained_with(tmp_path):
    run = make_run(tmp_path, "a", beta=1.0)
    wanted = {"latent_dim": 5, "beta": 1.0, "seed": 3}
    with pytest.raises(runs.RunError) as error:
        runs.open_run(run.folder, wanted)
    message = str(error.value)
    assert message.startswith(f"--latent_dim 5 --seed 3 contradicts {run.folder}, trained with")
    assert "trained with --latent_dim 10 --seed" in message
    assert message.endswith("python train.py --latent_dim 5 --beta 1.0 --seed 3")


# ------------------------------------------------------------------ find_resumable

SETTINGS: dict[str, Any] = {"latent_dim": 10, "beta": 1.0, "num_epochs": 5}


def make_resumable(root: Path, name: str, day: int = 1, **changes) -> None:
    run = make_run(root, name, day, **{**SETTINGS, **changes})
    run.checkpoint_path.touch()


def test_the_run_to_go_on_with_is_the_newest_with_these_settings_and_a_checkpoint(tmp_path):
    make_resumable(tmp_path, "old")
    make_resumable(tmp_path, "new", day=2)
    make_resumable(tmp_path, "other", day=3, beta=2.0)
    make_run(tmp_path, "without", day=4, **SETTINGS)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "new"
    assert runs.find_resumable(tmp_path, SETTINGS, "old").name == "old"


def test_a_run_killed_before_its_first_checkpoint_begins_at_the_beginning(tmp_path):
    make_run(tmp_path, "without", day=4, **SETTINGS)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "without"
    make_resumable(tmp_path, "with", day=1)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "with"
    assert runs.find_resumable(tmp_path, SETTINGS, "without").name == "without"


def test_a_run_may_go_on_for_more_epochs_than_it_was_to_have(tmp_path):
    make_resumable(tmp_path, "a")
    assert runs.find_resumable(tmp_path, {**SETTINGS, "num_epochs": 9}, None).name == "a"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "no run in .* that can go on"),
        ("other", "--beta 1.0 contradicts"),
        ("old", "no run in .* that can go on"),
        ("missing", "there is no run in"),
    ],
)
def test_without_a_run_to_go_on_with_that_is_told(tmp_path, name, message):
    make_resumable(tmp_path, "other", beta=2.0)
    old = make_run(tmp_path, "old", **SETTINGS)
    record = old.read_record()
    del record["files"]  # as of before run.json listed them: nothing says it ever had a checkpoint
    old.write_record(record)
    with pytest.raises(runs.RunError, match=message) as error:
        runs.find_resumable(tmp_path, SETTINGS, name)
    assert "\n" not in str(error.value)
