"""The folder of a run and its record."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

import runs

RECORD = {"status": "training", "started": "2026-01-01T00:00:00+00:00", "flags": {"beta": 1.0}}

NAMES = ("best.keras", "model.keras", "history.csv", "checkpoint.npz", "previous.npz")
BEST = {"epoch": 3, "val_loss": 95.25}


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    return runs.Run(tmp_path / "trained_model" / "a run")


def write_all_files(run: runs.Run) -> None:
    for name in NAMES:
        (run.folder / name).write_text("old")
    for name in ("train", "validation", "images"):
        (run.logs_dir / name).mkdir(parents=True)
        (run.logs_dir / name / "events.out.tfevents.1.host.2.0.v2").write_text("old")
    for name in ("events.out.tfevents.00000", "sprite.png", "tensors.tsv", "metadata.tsv"):
        (run.logs_dir / name).write_text("old")
    (run.logs_dir / "projector_config.pbtxt").write_text("old")


# ---------------------------------------------------------------- check_startable


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_may_start_in_a_new_or_empty_folder(run, overwrite):
    run.check_startable(overwrite)
    assert not run.folder.exists()
    run.folder.mkdir(parents=True)
    run.check_startable(overwrite)


def test_an_existing_run_is_replaced_only_if_asked_for(run):
    run.start(RECORD)
    with pytest.raises(
        runs.RunError, match=r"already holds a run: type --resume .*--overwrite .*--run_name"
    ):
        run.check_startable(overwrite=False)
    run.check_startable(overwrite=True)
    run.finish(BEST, epochs_done=4, seconds=1.0)
    with pytest.raises(runs.RunError, match="--run_name 'a run' and a larger --num_epochs"):
        run.check_startable(overwrite=False)
    run.give_up(step=5, seconds=1.0)
    with pytest.raises(runs.RunError, match="already holds a run: type --overwrite"):
        run.check_startable(overwrite=False)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_files_of_another_program_is_refused(run, overwrite):
    run.folder.mkdir(parents=True)
    (run.folder / "thesis.tex").touch()
    with pytest.raises(runs.RunError, match=r"holds files but no run\.json"):
        run.check_startable(overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_instead_of_the_folder_is_refused(run, overwrite):
    run.folder.parent.mkdir()
    run.folder.touch()
    with pytest.raises(runs.RunError, match="is a file"):
        run.check_startable(overwrite)


# --------------------------------------------------------------------------- start


def test_a_started_run_has_a_record_and_nothing_else(run):
    run.start(RECORD)
    assert list(run.folder.iterdir()) == [run.record_path]
    assert run.read_record() == {"format": 1, "run_name": "a run", **RECORD, "files": {}}


FOREIGN = (
    *("notes.txt", "best.keras.bak", "my/model.keras"),
    *("logs/notes.txt", "logs/train/events.txt", "logs/other/events.out.tfevents.1"),
)


def test_overwriting_removes_the_files_of_the_run_and_reports_the_others(run, capsys):
    run.start(RECORD)
    write_all_files(run)
    foreign = [run.folder / name for name in FOREIGN]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    capsys.readouterr()
    run.start({**RECORD, "status": "again"})
    said = f"{run.folder} keeps files that are not the run's: best.keras.bak, logs, my, notes.txt\n"
    assert capsys.readouterr().out == said
    left = sorted(path for path in run.folder.rglob("*") if path.is_file())
    assert left == sorted([*foreign, run.record_path])
    assert [path.read_text() for path in foreign] == ["mine"] * len(foreign)
    assert run.read_record()["status"] == "again"


def test_temporary_files_of_a_killed_process_are_not_foreign_files(run, capsys):
    (run.folder / ".writing").mkdir(parents=True)
    (run.folder / ".writing" / "model.keras").touch()
    (run.folder / ".lock").touch()
    run.check_startable(overwrite=False)
    run.start(RECORD)
    assert capsys.readouterr().out == ""
    assert {path.name for path in run.folder.iterdir()} == {"run.json", ".lock"}


def test_overwriting_follows_no_link_out_of_the_folder(run, tmp_path):
    run.start(RECORD)
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere, elsewhere / "train"):
        folder.mkdir()
        (folder / "events.out.tfevents.1").write_text("mine")
    (elsewhere / "best.keras").write_text("mine")
    run.logs_dir.symlink_to(elsewhere)
    run.best_path.symlink_to(elsewhere / "best.keras")
    run.start(RECORD)
    assert not run.best_path.is_symlink()
    run.logs_dir.unlink()
    run.logs_dir.mkdir()
    (run.logs_dir / "train").symlink_to(elsewhere / "train")
    run.start(RECORD)
    assert [path.read_text() for path in sorted(elsewhere.rglob("*")) if path.is_file()] == [
        "mine"
    ] * 3


def test_files_lists_the_existing_files_the_record_last(run):
    run.start(RECORD)
    assert run.files() == [run.record_path]
    write_all_files(run)
    (run.folder / "notes.txt").touch()
    assert {path.name for path in run.files()} == {*NAMES, "logs", "run.json"}
    assert run.files()[-1] == run.record_path


# ---------------------------------------------------------------------- the record


def test_a_finished_run_has_its_best_epoch_and_the_fields_it_started_with(run):
    run.start(RECORD)
    best = dict.fromkeys(runs.COLUMNS, 0.5) | {"epoch": 3, "val_loss": 95.25}
    run.finish(best, epochs_done=4, seconds=12.3456)
    assert run.read_record() == {
        "format": 1,
        "run_name": "a run",
        **RECORD,
        "files": {},
        "status": "finished",
        "best": {"epoch": 3, "val_loss": 95.25},
        "epochs_done": 4,
        "seconds": 12.3,
    }


def test_an_extended_run_records_its_new_number_of_epochs_and_the_command(run):
    run.start({**RECORD, "flags": {"beta": 1.0, "num_epochs": 4}})
    run.resume(4)  # stopped in its middle
    run.finish(BEST, epochs_done=4, seconds=1.0)
    before = run.read_record()
    with pytest.raises(runs.RunError, match="has finished its 4 epochs: type a larger"):
        run.resume(4)
    assert run.read_record() == before
    run.resume(6, ["train.py", "--run_name", "a run", "--resume"])
    flags = {"beta": 1.0, "num_epochs": 6}
    command = "python train.py --run_name 'a run' --resume"
    extensions = [{"num_epochs": 6, "command": command}]
    extended = {**before, "status": "training", "flags": flags, "extensions": extensions}
    assert run.read_record() == extended
    run.resume(6, ["train.py"])  # stopped again: nothing new to say
    assert run.read_record() == extended
    run.resume(8, ["train.py"])
    assert [one["num_epochs"] for one in run.read_record()["extensions"]] == [6, 8]


@pytest.mark.parametrize("status", ["training", "finished"])
@pytest.mark.parametrize("num_epochs", [3, 5])
def test_a_run_whose_schedule_ends_cannot_have_another_number_of_epochs(run, status, num_epochs):
    flags = {"num_epochs": 4, "learning_rate_schedule": "cosine"}
    run.start({**RECORD, "flags": flags})
    if status == "finished":
        run.finish(BEST, epochs_done=4, seconds=1.0)
    before = run.read_record()
    with pytest.raises(runs.RunError, match="ends after 4 epochs: type --num_epochs 4") as error:
        run.resume(num_epochs)
    assert "\n" not in str(error.value)
    assert run.read_record() == before
    if status == "training":
        assert run.resume(4)["flags"] == flags
    else:
        with pytest.raises(runs.RunError, match="has finished its 4 epochs: nothing is left to do"):
            run.resume(4)


def test_a_diverged_run_records_the_step_and_cannot_be_resumed(run):
    run.start({**RECORD, "flags": {"num_epochs": 4}})
    run.give_up(step=1234, seconds=1.26)
    record = run.read_record()
    assert (record["status"], record["diverged_in_step"], record["seconds"]) == (
        "diverged",
        1234,
        1.3,
    )
    with pytest.raises(
        runs.RunError, match="diverged in step 1,234, and would diverge again"
    ) as error:
        run.resume(9)
    assert "\n" not in str(error.value)
    assert run.read_record() == record


def test_a_record_is_json_that_people_can_read(run):
    run.start({**RECORD, "command": "python train.py --data_dir ~/Bücher"})
    text = run.record_path.read_text(encoding="utf-8")
    assert "Bücher" in text
    assert json.loads(text) == run.read_record()


def test_a_number_that_is_not_json_is_refused_and_the_old_record_stays(run):
    run.start(RECORD)
    with pytest.raises(ValueError, match="JSON"):
        run.write_record({**run.read_record(), "loss": math.nan})
    assert run.read_record() == {"format": 1, "run_name": "a run", **RECORD, "files": {}}
    assert list(run.folder.iterdir()) == [run.record_path]


# -------------------------------------------------------------------- what can be typed


def test_the_advice_about_a_damaged_record_works(run):
    run.start(RECORD)
    run.record_path.write_text("{")
    with pytest.raises(runs.RunError, match="with --overwrite, or move its folder") as error:
        run.check_startable(overwrite=False)
    assert "--resume" not in str(error.value)
    run.check_startable(overwrite=True)
    run.start(RECORD)
    assert run.read_record()["status"] == "training"


@pytest.mark.parametrize("name", ["logs", "logs/train", "logs/images", "snapshots"])
@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "not writable"])
def test_a_folder_that_cannot_be_written_is_reported_before_training(run, name, kind, monkeypatch):
    run.start(RECORD)
    folder = run.folder / name
    folder.parent.mkdir(exist_ok=True)
    if kind == "file":
        folder.touch()
    elif kind == "not writable":
        folder.mkdir()
        # Nothing stops root, so that permissions alone would not show it.
        access = os.access
        monkeypatch.setattr("os.access", lambda path, mode: path != folder and access(path, mode))
    else:
        folder.symlink_to(run.folder.parent if kind == "link" else "missing")
    for act in (lambda: run.check_startable(overwrite=True), lambda: runs.settle(run)):
        with pytest.raises(
            runs.RunError, match=f"^{folder} is (a|not) {kind.split()[-1]}"
        ) as error:
            act()
        assert "\n" not in str(error.value)


# ------------------------------------------------------------------------ its name


@pytest.mark.parametrize("name", ["a\nb", "\x1b]0;evil\x07", "a\u202eb", "a\x9bb"])
def test_a_name_that_controls_the_terminal_is_refused_and_escaped(tmp_path, name):
    run = runs.Run(tmp_path / name)
    run.start(RECORD)
    with pytest.raises(runs.RunError, match="has control characters in its path") as error:
        run.read_record()
    assert str(error.value).isprintable()


def test_foreign_files_are_listed_with_escapes(run, capsys):
    run.folder.mkdir(parents=True)
    (run.folder / "a\x1b[2Jb é").touch()
    run.start(RECORD)
    assert "a\\x1b[2Jb é\n" in capsys.readouterr().out


def test_runs_of_one_name_in_two_folders_have_two_results(tmp_path):
    root = tmp_path / "trained_model"
    inside, outside, other = (
        runs.Run(folder / "name") for folder in (root, tmp_path / "a", tmp_path / "b")
    )
    (tmp_path / "link").symlink_to(root)
    assert runs.result_name(inside, root) == "name"
    assert runs.result_name(inside, tmp_path / "link") == "name"
    assert runs.result_name(runs.Run(tmp_path / "link" / "name"), root) == "name"
    names = {runs.result_name(run, root) for run in (inside, outside, other)}
    assert len(names) == 3
    assert all(name.startswith("name") for name in names)


# ----------------------------------------------------------------- folder of datasets


@pytest.mark.parametrize(
    "data_dir",
    [
        "{run}",
        "{run}/data",
        "{run}/../a run/data",
        "{parent}/link to run/data",
        "{run}/link out",
        "/proc/self/cwd",
        "//proc/self/cwd",
        "/usr/../proc/self/cwd",
        "/dev/fd/5",
        "{parent}/link to proc",
    ],
)
def test_a_folder_of_datasets_that_the_run_could_control_is_refused(run, tmp_path, data_dir):
    run.start(RECORD)
    parent = run.folder.parent
    (parent / "link to run").symlink_to(run.folder)
    (parent / "link to proc").symlink_to("/proc/self/task")
    (run.folder / "link out").symlink_to(tmp_path)
    record = {"data_dir": data_dir.format(run=run.folder, parent=parent)}
    with pytest.raises(runs.RunError, match=r"type --data_dir FOLDER$") as error:
        run.trusted_data_dir(record)
    assert "\n" not in str(error.value)


def test_another_folder_of_datasets_is_used(run, tmp_path):
    run.start(RECORD)
    (tmp_path / "a run").mkdir()
    for data_dir in (None, str(tmp_path), f"{run.folder}s", str(tmp_path / "a run"), "/missing"):
        assert run.trusted_data_dir({"data_dir": data_dir}) == data_dir
    assert run.trusted_data_dir({}) is None
