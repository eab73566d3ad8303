"""Finding the run that the user's flags refer to."""

from __future__ import annotations

import shutil
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


def test_the_newest_run_that_agrees_with_every_given_flag_is_found(tmp_path):
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
def test_a_run_without_the_wanted_model_is_left_out(tmp_path, models, found):
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
def test_without_any_run_the_plain_command_is_named(tmp_path, root):
    with pytest.raises(runs.RunError, match=r"^no trained run in .*: .* python train\.py$"):
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


def test_if_the_only_record_is_broken_the_message_names_it(tmp_path):
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


def test_a_file_that_is_not_a_model_of_a_run_is_refused(tmp_path):
    run = make_run(tmp_path, "a", models="last")
    (run.folder / "other.keras").touch()
    for name in ("other.keras", "best.keras"):
        with pytest.raises(runs.RunError, match=rf"{name} is not the model .*best\.keras or model"):
            runs.open_run(run.folder / name, {})


@pytest.mark.parametrize("name", ["missing", "a/history.csv"])
def test_a_path_without_a_run_is_reported(tmp_path, name):
    (make_run(tmp_path, "a").folder / "history.csv").touch()
    with pytest.raises(runs.RunError, match=rf"no run in .*{name}.*python train\.py"):
        runs.open_run(tmp_path / name, {})


def test_a_folder_without_a_record_is_reported(tmp_path):
    with pytest.raises(runs.RunError, match=r"run\.json does not exist"):
        runs.open_run(tmp_path, {})


def test_a_model_without_a_record_is_reported(tmp_path):
    (tmp_path / "best.keras").touch()
    with pytest.raises(runs.RunError, match=r"run\.json does not exist"):
        runs.open_run(tmp_path / "best.keras", {})


def test_contradicting_flags_are_reported_with_those_of_the_run(tmp_path):
    run = make_run(tmp_path, "a", beta=1.0)
    wanted = {"latent_dim": 5, "beta": 1.0, "seed": 3}
    with pytest.raises(runs.RunError) as error:
        runs.open_run(run.folder, wanted)
    message = str(error.value)
    assert message.startswith(f"--latent_dim 5 --seed 3 contradicts {run.folder}, which was")
    assert "which was trained with --latent_dim 10 --seed" in message
    assert message.endswith("python train.py --latent_dim 5 --beta 1.0 --seed 3")


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [("500", (500,)), ("512,256", (512, 256)), ([512, 256], (512, 256)), ("none", ()), (1, 1.0)],
)
def test_flags_agree_whether_they_were_written_as_text_or_as_lists(tmp_path, recorded, wanted):
    run = make_run(tmp_path, "a", hidden_dim=recorded)
    assert runs.find_run(tmp_path, {"hidden_dim": wanted}).name == "a"
    assert runs.find_finished(tmp_path, {"hidden_dim": wanted}) is not None
    runs.open_run(run.folder, {"hidden_dim": wanted})
    with pytest.raises(runs.RunError, match=r"^--hidden_dim 512,128 contradicts"):
        runs.open_run(run.folder, {"hidden_dim": (512, 128)})


def test_records_are_read_by_the_function_that_is_passed(tmp_path):
    """It adds flags that older versions did not write, or refuses the record."""

    def read(run: runs.Run) -> dict[str, Any]:
        if run.name == "refused":
            raise runs.RunError("this run is refused")
        record = run.read_record()
        return {**record, "flags": {"prior": "standard_normal", **record["flags"]}}

    make_run(tmp_path, "old", day=1)
    make_run(tmp_path, "other", day=2, prior="mixture")
    make_run(tmp_path, "refused", day=3)
    wanted = {"prior": "standard_normal"}
    assert runs.find_run(tmp_path, wanted, read=read).name == "old"
    runs.open_run(tmp_path / "old", wanted, read)
    with pytest.raises(runs.RunError, match="this run is refused"):
        runs.find_run(tmp_path, {"prior": "none"}, read=read)


def test_a_copy_of_a_run_is_found_only_by_its_name(tmp_path):
    run = make_run(tmp_path, "a")
    shutil.copytree(run.folder, tmp_path / "z_backup")
    assert runs.find_run(tmp_path, {}).name == "a"
    shutil.rmtree(run.folder)
    with pytest.raises(runs.RunError, match="z_backup is a copy of a, used only if it is named"):
        runs.find_run(tmp_path, {})
    assert runs.find_finished(tmp_path, {}) is None
    assert runs.open_run(tmp_path / "z_backup", {})[0].name == "z_backup"


# ------------------------------------------------------------------ find_resumable

SETTINGS: dict[str, Any] = {"latent_dim": 10, "beta": 1.0, "num_epochs": 5}


def make_resumable(
    root: Path,
    name: str,
    day: int = 1,
    status: str = "training",
    checkpoint: bool = True,
    **changes,
) -> runs.Run:
    run = make_run(root, name, day, **{**SETTINGS, **changes})
    done = {"epochs_done": changes.get("num_epochs", 5)} if status == "finished" else {}
    run.write_record({**run.read_record(), "status": status, **done})
    if checkpoint:
        run.checkpoint_path.touch()
    return run


def test_the_run_to_resume_is_the_newest_with_these_settings_and_a_checkpoint(tmp_path):
    make_resumable(tmp_path, "old")
    make_resumable(tmp_path, "new", day=2)
    make_resumable(tmp_path, "other", day=3, beta=2.0)
    make_resumable(tmp_path, "without", day=4, checkpoint=False)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "new"
    assert runs.find_resumable(tmp_path, SETTINGS, "old").name == "old"


def test_a_run_killed_before_its_first_checkpoint_is_resumed_from_the_start(tmp_path):
    make_resumable(tmp_path, "without", day=4, checkpoint=False)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "without"
    make_resumable(tmp_path, "with", day=1)
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "with"
    assert runs.find_resumable(tmp_path, SETTINGS, "without").name == "without"


def test_a_finished_run_and_a_copy_are_never_resumed_unless_they_are_named(tmp_path):
    stopped = make_resumable(tmp_path, "stopped", day=1)
    make_resumable(tmp_path, "finished", day=2, status="finished")
    shutil.copytree(stopped.folder, tmp_path / "a copy")
    assert runs.find_resumable(tmp_path, SETTINGS, None).name == "stopped"
    assert runs.find_resumable(tmp_path, SETTINGS, "a copy").name == "a copy"
    more = {**SETTINGS, "num_epochs": 9}
    assert runs.find_resumable(tmp_path, more, "finished").name == "finished"
    assert runs.find_stopped(tmp_path, SETTINGS).name == "stopped"  # type: ignore[union-attr]
    assert runs.find_stopped(tmp_path, more) is None


@pytest.mark.parametrize(
    ("status", "num_epochs", "message"),
    [
        ("finished", 5, "it has finished its 5 epochs: type --run_name 'a b' and a larger"),
        ("finished", 9, "it has these flags but --num_epochs 5: type --run_name 'a b' to"),
        ("training", 9, "it has these flags but --num_epochs 5: type --run_name 'a b' to"),
    ],
)
def test_the_name_to_extend_a_run_by_is_offered(tmp_path, status, num_epochs, message):
    run = make_resumable(tmp_path, "a b", status=status)
    with pytest.raises(runs.RunError) as error:
        runs.find_resumable(tmp_path, {**SETTINGS, "num_epochs": num_epochs}, None)
    assert str(error.value).startswith(message.replace("it", str(run.folder), 1))


@pytest.mark.parametrize(
    ("schedule", "epochs_done"), [("constant", 3), ("cosine", 5), ("steps", 5)]
)
def test_a_run_that_cannot_be_extended_is_not_offered(tmp_path, schedule, epochs_done):
    settings = {**SETTINGS, "learning_rate_schedule": schedule}
    run = make_resumable(tmp_path, "a", status="finished", learning_rate_schedule=schedule)
    run.write_record({**run.read_record(), "epochs_done": epochs_done})
    with pytest.raises(runs.RunError, match="it cannot be extended: leave out --resume to train"):
        runs.find_resumable(tmp_path, settings, None)


def test_a_damaged_record_is_named_with_advice_that_works(tmp_path):
    run = make_resumable(tmp_path, "a")
    run.record_path.write_text("{")
    for name in (None, "a"):
        with pytest.raises(runs.RunError, match="train the run again with --overwrite, or move"):
            runs.find_resumable(tmp_path, SETTINGS, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "no run in .* with these flags can be resumed"),
        ("other", "--beta 1.0 contradicts"),
        ("old", "old has no checkpoint to resume from"),
        ("missing", "there is no run in"),
    ],
)
def test_if_no_run_can_be_resumed_that_is_reported(tmp_path, name, message):
    make_resumable(tmp_path, "other", beta=2.0)
    old = make_run(tmp_path, "old", **SETTINGS)
    record = old.read_record()
    del record["files"]  # as in old versions: nothing shows that it ever had a checkpoint
    old.write_record(record)
    with pytest.raises(runs.RunError, match=message) as error:
        runs.find_resumable(tmp_path, SETTINGS, name)
    assert "\n" not in str(error.value)
