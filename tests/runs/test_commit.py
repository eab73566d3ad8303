"""Files of a run replaced as one: what is there after every fault that there can be."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import threading
from pathlib import Path

import pytest

import runs
from tests.faults import MODES, Killed, count, disk

RECORD = {"status": "training", "started": "now", "flags": {"num_epochs": 9}}
MODELS = ("model.keras", "best.keras")
SAFE = re.compile(
    r"[^\n]*cannot be written \(No space left on device\): what was saved before is whole; see "
    r"to the disk, then go on with the same command and --resume"
)
NAMES = ("checkpoint.npz", "history.csv", *MODELS)


def content(name: str, epoch: int) -> bytes:
    return f"{name} of epoch {epoch}, ".encode() * 1000


def commit(run: runs.Run, epoch: int, names: tuple[str, ...] = NAMES) -> None:
    def make(name: str):
        return lambda path: path.write_bytes(content(name, epoch))

    runs.commit(run, {name: make(name) for name in names}, epoch, epochs_done=epoch)


def read(run: runs.Run, name: str) -> int:
    """Opens a file, checks that it is whole, and returns its epoch."""
    with runs.open_file(run, name) as opened:
        epoch = opened.epoch
        assert epoch is not None
        kind = "checkpoint.npz" if name == "previous.npz" else name
        assert opened.file.read() == content(kind, epoch)
        return epoch


@pytest.fixture
def run(tmp_path: Path) -> runs.Run:
    run = runs.Run(tmp_path / "a run")
    run.start(RECORD)
    return run


def test_what_is_committed_is_there_with_its_checksums_and_nothing_else(run):
    commit(run, 1)
    assert {path.name for path in run.folder.iterdir()} == {*NAMES, "run.json"}
    commit(run, 2)
    assert {path.name for path in run.folder.iterdir()} == {*NAMES, "run.json", "previous.npz"}
    record = run.read_record()
    assert record["epochs_done"] == 2
    for name in NAMES:
        path = run.folder / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        size = path.stat().st_size
        assert record["files"][name] == [{"sha256": digest, "bytes": size, "epoch": 2}]
        assert read(run, name) == 2
    assert read(run, "previous.npz") == 1


def test_a_file_that_is_not_committed_again_stays_what_it_was(run):
    commit(run, 1)
    commit(run, 2, NAMES[:3])
    commit(run, 2, NAMES[:1])
    assert [read(run, name) for name in (*NAMES, "previous.npz")] == [2, 2, 2, 1, 2]


def test_a_writer_finds_the_files_before_it(run):
    def copy(path: Path) -> None:
        shutil.copyfile(path.with_name("model.keras"), path)

    runs.commit(run, {"model.keras": lambda path: path.write_text("x"), "best.keras": copy}, 1)
    assert run.best_path.read_text() == "x"


# ----------------------------------------------------------------- every fault there is


@pytest.fixture
def dead(monkeypatch) -> None:
    """Lets every process that left something count as dead: here it is this one."""
    monkeypatch.setattr("runs.files._is_alive", lambda pid: False)


def faults_of(tmp_path: Path, act, prepare) -> list[str]:
    """Returns what an act does to a run that was prepared so."""
    run = runs.Run(tmp_path / "counted" / "run")
    prepare(run)
    return count(run.folder, lambda: act(run))


def prepare(run: runs.Run) -> None:
    run.start(RECORD)
    for epoch in (1, 2):
        commit(run, epoch)


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("mode", MODES)
def test_every_fault_of_a_commit_leaves_the_old_files_or_the_new_and_goes_on(tmp_path, mode):
    steps = faults_of(tmp_path, lambda run: commit(run, 3), prepare)
    kinds = {step.split()[0] for step in steps}
    assert kinds >= {"open", "write", "fsync", "replace", "link", "mkdir", "rmdir"}
    assert sum(step.startswith("replace") for step in steps) == 5 + 2
    for fail_at, step in enumerate(steps):
        run = runs.Run(tmp_path / f"{fail_at}" / "run")
        prepare(run)
        error = None
        with disk(run.folder, fail_at, mode) as watched:
            try:
                commit(run, 3)
            except (runs.RunError, Killed) as raised:
                error = raised
        if mode == "full disk":
            # A file system may have no links; what is left for the next time is no failure.
            assert error or step in ("link previous.npz", "rmdir .writing")
            assert not error or SAFE.fullmatch(str(error)), error
        else:
            assert isinstance(error, Killed)
        assert watched.done[fail_at] == step, "the same happens every time"
        check_state(run, old=2, new=3)
        runs.settle(run)
        check_state(run, old=2, new=3)
        left = {path.name for path in run.folder.iterdir()}
        assert left == {*NAMES, "previous.npz", "run.json"}, step
        assert {len(known) for known in run.read_record()["files"].values()} == {1}
        commit(run, 4)
        assert [read(run, name) for name in NAMES] == [4] * 4


def check_state(run: runs.Run, old: int, new: int) -> None:
    """Checks that every file is whole, old or new, and none older than one after it."""
    epochs = [read(run, name) for name in NAMES]
    assert set(epochs) <= {old, new}
    assert epochs == sorted(epochs, reverse=True), "the checkpoint first"
    assert read(run, "previous.npz") in (old - 1, old)
    assert run.read_record()["epochs_done"] in (old, new)


def test_every_fault_of_setting_a_run_in_order_is_mended_by_the_next_time(tmp_path):
    last_rename = max(
        place
        for place, step in enumerate(faults_of(tmp_path, lambda run: commit(run, 3), prepare))
        if step == "replace best.keras"
    )

    def cut_off(run: runs.Run) -> None:
        prepare(run)
        with disk(run.folder, last_rename), pytest.raises(Killed):
            commit(run, 3)
        (run.folder / ".writing").mkdir(exist_ok=True)

    shutil.rmtree(tmp_path / "counted")
    steps = faults_of(tmp_path, runs.settle, cut_off)
    assert len(steps) > 4
    for mode in MODES:
        for fail_at in range(len(steps)):
            run = runs.Run(tmp_path / f"{mode} {fail_at}" / "run")
            cut_off(run)
            with disk(run.folder, fail_at, mode), pytest.raises((OSError, Killed)):
                runs.settle(run)
            check_state(run, old=2, new=3)
            runs.settle(run)
            check_state(run, old=2, new=3)
            assert {len(known) for known in run.read_record()["files"].values()} == {1}


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("mode", MODES)
def test_every_fault_of_overwriting_leaves_the_old_run_or_the_new_one(tmp_path, mode):
    def start(run: runs.Run) -> None:
        run.start({**RECORD, "started": "later"})

    steps = faults_of(tmp_path, start, prepare)
    assert len(steps) > 8, steps
    for fail_at in range(len(steps)):
        run = runs.Run(tmp_path / f"{fail_at}" / "run")
        prepare(run)
        # That a folder that is there cannot be made is no failure.
        with disk(run.folder, fail_at, mode), contextlib.suppress(OSError, Killed):
            start(run)
            assert (mode, steps[fail_at]) == ("full disk", "mkdir run")
        if run.read_record()["started"] == "now":
            assert [read(run, name) for name in NAMES] == [2] * 4
        else:  # what is left of the old run belongs to nobody
            for name in NAMES:
                with pytest.raises(runs.RunError, match=f"{name} (is not of this run|No such)"):
                    read(run, name)
        start(run)
        assert list(run.folder.iterdir()) == [run.record_path]


def test_every_fault_of_going_back_leaves_a_checkpoint_to_go_on_from(tmp_path):
    def damaged(run: runs.Run) -> None:
        prepare(run)
        run.checkpoint_path.write_bytes(b"cut")

    def go_back(run: runs.Run) -> None:
        runs.settle(run, previous=True)

    steps = faults_of(tmp_path, go_back, damaged)
    for mode in MODES:
        for fail_at in range(len(steps)):
            run = runs.Run(tmp_path / f"{mode} {fail_at}" / "run")
            damaged(run)
            with disk(run.folder, fail_at, mode), pytest.raises((OSError, Killed)):
                go_back(run)
            if (run.folder / "previous.npz").exists():
                go_back(run)
            else:
                runs.settle(run)
            assert read(run, "checkpoint.npz") == 1
            commit(run, 2)
            assert [read(run, name) for name in (*NAMES, "previous.npz")] == [2, 2, 2, 2, 1]


def test_files_are_flushed_before_run_json_knows_them_and_that_before_they_take_places(run):
    """Else a failing power supply could leave a file that run.json does not know, or half of it."""
    commit(run, 1)
    steps = count(run.folder, lambda: commit(run, 2))
    flushed = max(steps.index(f"fsync {name}") for name in NAMES)
    known, done = (place for place, step in enumerate(steps) if step == "replace run.json")
    renamed = [steps.index(f"replace {name}") for name in ("previous.npz", *NAMES)]
    folder = f"fsync {run.folder.name}"
    assert flushed < known < steps.index(folder, known) < renamed[0]
    assert renamed == sorted(renamed)
    assert renamed[-1] < steps.index(folder, renamed[-1]) < done


# ------------------------------------------------------------------------ damaged files


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1234])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut, "is cut off, with 1,234 of its"),
        (flip, "is not as it was written: its SHA-256 is another"),
        (Path.unlink, "No such file or directory"),
    ],
)
@pytest.mark.parametrize(
    ("name", "offer"),
    [
        (
            "checkpoint.npz",
            "--resume --resume_from previous to go on from the checkpoint before it, of epoch 1",
        ),
        ("best.keras", "type --checkpoint last for the model of epoch 2, which is whole"),
        ("model.keras", "type --checkpoint best for the model of epoch 2, which is whole"),
        ("history.csv", "train.py --resume with more --num_epochs writes it again"),
    ],
)
def test_a_damaged_file_is_named_and_what_is_whole_is_offered(run, damage, told, name, offer):
    commit(run, 1)
    commit(run, 2)
    damage(run.folder / name)
    with pytest.raises(runs.RunError) as error:
        read(run, name)
    message = str(error.value)
    assert message.startswith(f"{run.folder / name} {told}")
    assert offer in message
    assert "\n" not in message


@pytest.mark.parametrize("name", NAMES)
def test_what_is_damaged_too_is_not_offered(run, name):
    commit(run, 1)
    commit(run, 2)
    for path in run.folder.iterdir():
        if path != run.record_path:
            flip(path)
    with pytest.raises(runs.RunError, match="train the run anew with --overwrite") as error:
        read(run, name)
    assert "whole checkpoint of it" in str(error.value) or "whole" not in str(error.value)


def test_a_damaged_checkpoint_is_not_gone_on_from_nor_is_an_older_one_unasked(run):
    commit(run, 1)
    commit(run, 2)
    flip(run.checkpoint_path)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz is not as it was written"):
        runs.settle(run)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    runs.settle(run, previous=True)
    assert read(run, "checkpoint.npz") == 1
    assert not (run.folder / "previous.npz").exists()


def test_a_file_put_into_the_folder_of_a_run_is_not_of_it(run):
    commit(run, 1, NAMES[:2])
    run.best_path.write_text("a stranger's")
    with pytest.raises(runs.RunError, match=r"is not of this run: run\.json has no"):
        read(run, "best.keras")


def test_a_run_of_before_there_were_checksums_is_read_as_it_is_and_gets_them(run):
    commit(run, 1)
    record = run.read_record()
    del record["files"]
    run.write_record(record)
    with runs.open_file(run, "best.keras") as opened:
        assert opened.epoch is None
        assert opened.file.read() == content("best.keras", 1)
    runs.settle(run)
    flip(run.best_path)
    with pytest.raises(runs.RunError, match="is not as it was written"):
        read(run, "best.keras")


# ---------------------------------------------------------------- read while it is written


def test_what_is_read_while_it_is_replaced_is_whole_and_known_to_the_record(run):
    """Each with the other: a file, its epoch, and the record it is read with."""
    commit(run, 0)
    stop = threading.Event()
    failed = []

    def write() -> None:
        epoch = 0
        try:
            while not stop.is_set():
                epoch += 1
                commit(run, epoch)
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    seen: dict[str, list[int]] = {"best.keras": [], "history.csv": []}
    try:
        while len(set(seen["best.keras"])) < 30 and not failed:
            for name in seen:
                with runs.open_file(run, name) as opened:
                    assert opened.epoch is not None
                    text = opened.file.read()
                    assert text == content(name, opened.epoch)
                    digest = hashlib.sha256(text).hexdigest()
                    known = [fact["sha256"] for fact in opened.record["files"][name]]
                    assert digest in known
                    assert opened.record["epochs_done"] in (opened.epoch, opened.epoch - 1)
                seen[name].append(opened.epoch)
    finally:
        stop.set()
        writer.join()
    assert not failed
    assert all(epochs == sorted(epochs) for epochs in seen.values()), "never an older one again"


def test_records_are_plain_json(run):
    commit(run, 1)
    files = json.loads(run.record_path.read_text())["files"]
    assert set(files) == set(NAMES)
