"""Replaces several files of a run as one transaction, and verifies checksums when reading.

run.json lists the SHA-256, the size and the epoch of every file of the run. New files are
written to a separate folder, ``.writing``, and flushed to the disk. Then run.json lists their
checksums in addition to those of the old files. Then the new files are renamed into place, and
run.json drops the old checksums.

If the process is killed or the disk fills up at any point, each file is either the old or the
new one, intact, and run.json knows its checksum. If the checkpoint is new, resuming the training
writes the files after it again, because the checkpoint holds all that they are made of.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runs.files import flush, open_regular
from runs.run import CHECKPOINT, CHECKPOINTS, FILES, PREVIOUS, STAGING, Run, RunError

_ATTEMPTS = 1000  # to read a file that another process keeps replacing
_MAX_BYTES = 2**34  # of a file; a larger one would take minutes to verify


class Opened(NamedTuple):
    """A verified file of a run, and the run.json that lists it."""

    file: BinaryIO
    record: dict[str, Any]
    epoch: int | None  # after which it was written; None for a run without checksums


def commit(
    run: Run,
    writers: Mapping[str, Callable[[Path], object]],
    epoch: int,
    epochs: Mapping[str, int] | None = None,
    **outcome: Any,
) -> None:
    """Replaces files of a run; the last checkpoint is kept as previous.npz.

    Args:
        run: a started run that this process has locked.
        writers: file name → function that writes this file to a given path, in the order in
            which the files are renamed. Each function finds the files of those before it in
            the same folder.
        epoch: number of epochs completed, to which the files belong.
        epochs: file name → epoch, of files that belong to an earlier one.
        outcome: further fields of run.json.

    Raises:
        RunError: if a file cannot be written; the earlier files stay intact.
    """
    staging = run.folder / STAGING
    name = STAGING
    try:
        run.empty_staging()
        staging.mkdir()
        facts = {}
        for name, write in writers.items():
            write(staging / name)
            facts[name] = _describe(staging / name, (epochs or {}).get(name, epoch))
        name = run.record_path.name
        record = run.read_record()
        before = record.get("files", {})
        after = {**before, **{name: [fact] for name, fact in facts.items()}}
        keeps = CHECKPOINT in facts and run.checkpoint_path.is_file()
        if keeps:
            after[PREVIOUS] = before.get(CHECKPOINT, [])
            _link(run.checkpoint_path, staging / PREVIOUS)
        either = {
            name: known if known == before.get(name) else [*known, *before.get(name, [])]
            for name, known in after.items()
        }
        run.write_record({**record, "files": either})
        for name in ([PREVIOUS] if keeps else []) + list(writers):
            os.replace(staging / name, run.folder / name)
        name = run.record_path.name
        flush(run.folder)
        run.write_record({**record, **outcome, "files": after})
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise RunError(
            f"{run.folder / name} cannot be written ({reason}): earlier files are intact; check "
            "the disk, then type the same command with --resume"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            run.empty_staging()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
        flush(target)


def _describe(path: Path, epoch: int | None) -> dict[str, Any]:
    """Flushes a file to the disk; returns its entry in run.json."""
    flush(path)
    with open_regular(path, _MAX_BYTES) as file:
        return {"sha256": _digest(file), "bytes": path.stat().st_size, "epoch": epoch}


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


# -------------------------------------------------------------------------- reading


@contextlib.contextmanager
def open_file(run: Run, name: str) -> Iterator[Opened]:
    """Opens a file of a run after verifying its checksum.

    This is safe while another process trains the run: the opened file does not change when
    another takes its place. Files of old runs that have no checksums are not verified.

    Raises:
        RunError: if the file is missing, truncated, modified or not a regular file; the
            message names the files that are intact.
    """
    for _ in range(_ATTEMPTS):
        record = run.read_record()
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open_regular(run.folder / name, _MAX_BYTES))
            except OSError as error:
                damage = f"cannot be read ({error.strerror or error})"
            else:
                if "files" not in record:
                    yield Opened(file, record, None)
                    return
                known = record["files"].get(name, [])
                fact = _identify(file, known)
                if fact:
                    file.seek(0)
                    yield Opened(file, record, fact["epoch"])
                    return
                damage = _describe_damage(known, os.fstat(file.fileno()).st_size)
        if run.read_record() == record:  # unchanged, so the file was not replaced while read
            raise RunError(f"{run.folder / name} {damage}: {_advise(run, record, name)}")
    raise RunError(f"{run.folder / name} is replaced faster than it can be read: try again")


def _identify(file: BinaryIO, known: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns which of the entries in run.json describes an opened file, or None."""
    size = os.fstat(file.fileno()).st_size
    known = [fact for fact in known if fact["bytes"] == size]
    digest = _digest(file) if known else ""
    return next((fact for fact in known if fact["sha256"] == digest), None)


def _describe_damage(known: list[dict[str, Any]], size: int) -> str:
    if not known:
        return "does not belong to this run: run.json has no checksum of it"
    if size < known[0]["bytes"]:
        return f"is truncated to {size:,} of its {known[0]['bytes']:,} bytes"
    return "was modified: its SHA-256 differs from the one in run.json"


def _advise(run: Run, record: Mapping[str, Any], name: str) -> str:
    """Returns what to type when a file is damaged, depending on which others are intact."""
    intact = {
        other: fact["epoch"]
        for other in (CHECKPOINT, PREVIOUS, *CHECKPOINTS.values())
        if other != name and (fact := _find_intact(run, record, other))
    }
    again = "train the run again with --overwrite"
    if name == CHECKPOINT:
        if PREVIOUS not in intact:
            return f"no checkpoint is intact; {again}"
        return (
            "type --resume --resume_from previous to continue from the checkpoint before it "
            f"(epoch {intact[PREVIOUS]}, intact), or {again}"
        )
    for checkpoint, file in CHECKPOINTS.items():
        if file in intact and name in CHECKPOINTS.values():
            return (
                f"type --checkpoint {checkpoint} for the model of epoch {intact[file]}, which is "
                f"intact, or {again}"
            )
    if CHECKPOINT in intact:
        return (
            f"type python train.py --resume --run_name {shlex.quote(run.name)} with a larger "
            f"--num_epochs to write it again, or {again}"
        )
    return again


def _find_intact(run: Run, record: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    with contextlib.suppress(OSError), open_regular(run.folder / name, _MAX_BYTES) as file:
        return _identify(file, record.get("files", {}).get(name, []))
    return None


# ----------------------------------------------------------------- resuming a run


def settle(run: Run, previous: bool = False) -> None:
    """Prepares a run for resuming after its process ended at any point.

    Removes temporary files, and leaves one checksum per file in run.json.

    Args:
        run: a run that this process has locked.
        previous: whether to discard the last checkpoint and use the one before it.

    Raises:
        RunError: if the checkpoint to resume from is missing or damaged, or TensorBoard's
            files or snapshots cannot be written.
    """
    run.check_folders()
    run.remove_temporary_files()
    if previous:
        with open_file(run, PREVIOUS) as opened:
            record = opened.record
        files = record.get("files", {})
        taken = [*files.get(PREVIOUS, []), *files.get(CHECKPOINT, [])]
        run.write_record({**record, "files": {**files, CHECKPOINT: taken}})
        os.replace(run.folder / PREVIOUS, run.checkpoint_path)
        flush(run.folder)
    record = run.read_record()
    if "files" not in record:  # written before checksums were introduced: add them
        existing = [name for name in FILES if (run.folder / name).is_file()]
        files = {name: [_describe(run.folder / name, None)] for name in existing}
        run.write_record({**record, "files": files})
        return
    if CHECKPOINT in record["files"]:
        with open_file(run, CHECKPOINT):
            pass
    files = {}
    for name, known in record["files"].items():
        fact = _find_intact(run, record, name)
        if fact or (run.folder / name).exists():
            files[name] = [fact] if fact else known
    if files != record["files"]:
        run.write_record({**record, "files": files})
