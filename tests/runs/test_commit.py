"""Files of a run replaced as one transaction, with a fault at every step."""

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
    r"[^\n]*cannot be written \(No space left on device\): earlier files are intact; check the "
    r"disk, then type the same command with --resume"
)
NAMES = ("checkpoint.npz", "history.csv", *MODELS)


def content(name: str, epoch: int) -> bytes:
    return f"{name} of epoch {epoch}, ".encode() * 1000


def commit(run: runs.Run, epoch: int, names: tuple[str, ...] = NAMES) -> None:
    def make(name: str):
        return lambda path: path.write_bytes(content(name, epoch))

    runs.commit(run, {name: make(name) for name in names}, epoch, epochs_done=epoch)


def read(run: runs.Run, name: str) -> int:
    """Opens a file, checks its contents, and returns its epoch."""
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


def test_a_commit_leaves_the_files_with_their_checksums_and_nothing_else(run):
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


def test_a_file_that_is_not_committed_again_does_not_change(run):
    commit(run, 1)
    commit(run, 2, NAMES[:3])
    commit(run, 2, NAMES[:1])
    assert [read(run, name) for name in (*NAMES, "previous.npz")] == [2, 2, 2, 1, 2]


def test_a_writer_finds_the_files_before_it(run):
    def copy(path: Path) -> None:
        shutil.copyfile(path.with_name("model.keras"), path)

    runs.commit(run, {"model.keras": lambda path: path.write_text("x"), "best.keras": copy}, 1)
    assert run.best_path.read_text() == "x"


# ----------------------------------------------------------------- faults at every step


@pytest.fixture
def dead(monkeypatch) -> None:
    """Treats the processes that left temporary files (here: this process) as dead."""
    monkeypatch.setattr("runs.files._is_alive", lambda pid: False)


def faults_of(tmp_path: Path, act, prepare) -> list[str]:
    """Returns the steps of an act on a prepared run."""
    run = runs.Run(tmp_path / "counted" / "run")
    prepare(run)
    return count(run.folder, lambda: act(run))


def prepare(run: runs.Run) -> None:
    run.start(RECORD)
    for epoch in (1, 2):
        commit(run, epoch)


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("mode", MODES)
def test_after_any_fault_of_a_commit_each_file_is_the_old_or_the_new_one_and_the_run_resumes(
    tmp_path, mode
):
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
            # A file system may have no links; temporary files may be left for the next time.
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
    """Checks that every file is intact, old or new, and none older than one after it."""
    epochs = [read(run, name) for name in NAMES]
    assert set(epochs) <= {old, new}
    assert epochs == sorted(epochs, reverse=True), "the checkpoint first"
    assert read(run, "previous.npz") in (old - 1, old)
    assert run.read_record()["epochs_done"] in (old, new)


def test_after_any_fault_of_settle_the_next_settle_succeeds(tmp_path):
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
def test_after_any_fault_of_overwriting_the_run_is_the_old_or_the_new_one(tmp_path, mode):
    def start(run: runs.Run) -> None:
        run.start({**RECORD, "started": "later"})

    steps = faults_of(tmp_path, start, prepare)
    assert len(steps) > 8, steps
    for fail_at in range(len(steps)):
        run = runs.Run(tmp_path / f"{fail_at}" / "run")
        prepare(run)
        # Failing to create a folder that exists is no failure.
        with disk(run.folder, fail_at, mode), contextlib.suppress(OSError, Killed):
            start(run)
            assert (mode, steps[fail_at]) == ("full disk", "mkdir run")
        if run.read_record()["started"] == "now":
            assert [read(run, name) for name in NAMES] == [2] * 4
        else:  # the old run's files no longer belong to a run
            for name in NAMES:
                with pytest.raises(
                    runs.RunError,
                    match=f"{name} (does not belong to this run|cannot be read .No such)",
                ):
                    read(run, name)
        start(run)
        assert list(run.folder.iterdir()) == [run.record_path]


def test_after_any_fault_of_returning_to_the_previous_checkpoint_one_can_be_resumed(tmp_path):
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


def test_files_are_flushed_before_run_json_lists_them_and_renamed_after_that(run):
    """Otherwise a power failure could leave truncated files, or files missing in run.json."""
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
        (cut, "is truncated to 1,234 of its"),
        (flip, "was modified: its SHA-256 differs"),
        (Path.unlink, "cannot be read (No such file or directory)"),
    ],
)
@pytest.mark.parametrize(
    ("name", "offer"),
    [
        (
            "checkpoint.npz",
            "--resume_from previous to continue from the checkpoint before it (epoch 1, intact)",
        ),
        ("best.keras", "type --checkpoint last for the model of epoch 2, which is intact"),
        ("model.keras", "type --checkpoint best for the model of epoch 2, which is intact"),
        ("history.csv", "--resume --run_name 'a run' with a larger --num_epochs to write it again"),
    ],
)
def test_a_damaged_file_is_named_and_an_intact_one_offered(run, damage, told, name, offer):
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
def test_files_that_are_damaged_too_are_not_offered(run, name):
    commit(run, 1)
    commit(run, 2)
    for path in run.folder.iterdir():
        if path != run.record_path:
            flip(path)
    with pytest.raises(runs.RunError, match="train the run again with --overwrite") as error:
        read(run, name)
    assert "no checkpoint is intact" in str(error.value) or "intact" not in str(error.value)


def test_a_damaged_checkpoint_is_not_resumed_nor_an_older_one_unless_asked_for(run):
    commit(run, 1)
    commit(run, 2)
    flip(run.checkpoint_path)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with pytest.raises(runs.RunError, match=r"checkpoint\.npz was modified"):
        runs.settle(run)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    runs.settle(run, previous=True)
    assert read(run, "checkpoint.npz") == 1
    assert not (run.folder / "previous.npz").exists()


def test_a_file_put_into_the_folder_of_a_run_does_not_belong_to_it(run):
    commit(run, 1, NAMES[:2])
    run.best_path.write_text("a stranger's")
    with pytest.raises(runs.RunError, match=r"does not belong to this run: run\.json has no"):
        read(run, "best.keras")


def test_a_run_without_checksums_is_read_unverified_and_gets_them(run):
    commit(run, 1)
    record = run.read_record()
    del record["files"]
    run.write_record(record)
    with runs.open_file(run, "best.keras") as opened:
        assert opened.epoch is None
        assert opened.file.read() == content("best.keras", 1)
    runs.settle(run)
    flip(run.best_path)
    with pytest.raises(runs.RunError, match="was modified"):
        read(run, "best.keras")


# ---------------------------------------------------------------- read while it is written


def test_a_file_read_while_it_is_replaced_is_intact_and_listed_in_the_record(run):
    """A file, its epoch and the record that it is read with fit each other."""
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
