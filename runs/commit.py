"""Several files of a run replaced as one, with checksums; and read as they were written.

run.json has, for every file that the run consists of, its SHA-256, its size and the epoch that
it is of. New files are written in a folder of their own beside, ``.writing``, and flushed to
the disk; then run.json takes up their checksums beside those of the files that are still there;
then they are renamed into place, the checkpoint first; then run.json lets go of the old ones.

A process that is killed, or a disk that is full, at any instant of this leaves files that are
each the old or the new one, whole, and known to run.json. Where the checkpoint is the new one
and the others are not, training that goes on writes them anew: it has all they are made of.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runs.files import flush
from runs.run import CHECKPOINT, CHECKPOINTS, FILES, PREVIOUS, STAGING, Run, RunError

_ATTEMPTS = 1000  # at reading a file that is replaced meanwhile


class Opened(NamedTuple):
    """A file of a run, whole, with the record that knows it."""

    file: BinaryIO
    record: dict[str, Any]
    epoch: int | None  # after which it was written; None for a run without checksums


def commit(
    run: Run, writers: Mapping[str, Callable[[Path], object]], epoch: int, **outcome: Any
) -> None:
    """Replaces files of a run; a new checkpoint leaves the one before as previous.npz.

    Args:
        run: started, and held by this process.
        writers: file name → what writes such a file to the path it is given, in the order in
            which they take their places. Each finds those before it in the same folder.
        epoch: epochs done, to which the files belong.
        outcome: what run.json says of the training from then on.

    Raises:
        RunError: if a file cannot be written; what was there is whole.
    """
    staging = run.folder / STAGING
    name = STAGING
    try:
        run.empty_staging()
        staging.mkdir()
        facts = {}
        for name, write in writers.items():
            write(staging / name)
            facts[name] = _describe(staging / name, epoch)
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
            f"{run.folder / name} cannot be written ({reason}): what was saved before is whole; "
            "see to the disk, then go on with the same command and --resume"
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
    """Has the disk take a file; returns what run.json says of it."""
    flush(path)
    with path.open("rb") as file:
        return {"sha256": _digest(file), "bytes": path.stat().st_size, "epoch": epoch}


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


# -------------------------------------------------------------------------- reading


@contextlib.contextmanager
def open_file(run: Run, name: str) -> Iterator[Opened]:
    """Opens a file of a run, and checks that it is as it was written.

    Also while another process trains the run: what is opened stays what it is, whatever takes
    its place meanwhile. A run of before there were checksums is taken as it is.

    Raises:
        RunError: if the file is missing, cut off or altered; it names what is whole.
    """
    for _ in range(_ATTEMPTS):
        record = run.read_record()
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context((run.folder / name).open("rb"))
            except OSError as error:
                damage = error.strerror or str(error)
            else:
                if "files" not in record:
                    yield Opened(file, record, None)
                    return
                digest = _digest(file)
                known = record["files"].get(name, [])
                for fact in known:
                    if fact["sha256"] == digest:
                        file.seek(0)
                        yield Opened(file, record, fact["epoch"])
                        return
                damage = _damage(known, os.fstat(file.fileno()).st_size)
        if run.read_record() == record:  # and so it was not replaced while it was read
            raise RunError(f"{run.folder / name} {damage}: {_advise(run, record, name)}")
    raise RunError(f"{run.folder / name} is replaced faster than it can be read: try again")


def _damage(known: list[dict[str, Any]], size: int) -> str:
    if not known:
        return "is not of this run: run.json has no checksum of it"
    if size < known[0]["bytes"]:
        return f"is cut off, with {size:,} of its {known[0]['bytes']:,} bytes"
    return "is not as it was written: its SHA-256 is another than run.json says"


def _advise(run: Run, record: Mapping[str, Any], name: str) -> str:
    """Returns what to type where a file is damaged: what else there is, and is whole."""
    whole = {
        other: fact["epoch"]
        for other in (CHECKPOINT, PREVIOUS, *CHECKPOINTS.values())
        if other != name and (fact := _find_whole(run, record, other))
    }
    anew = "train the run anew with --overwrite"
    if name == CHECKPOINT:
        if PREVIOUS not in whole:
            return f"{anew}; there is no whole checkpoint of it"
        return (
            f"type --resume --resume_from previous to go on from the checkpoint before it, of "
            f"epoch {whole[PREVIOUS]}, which is whole, or {anew}"
        )
    for checkpoint, file in CHECKPOINTS.items():
        if file in whole and name in CHECKPOINTS.values():
            return (
                f"type --checkpoint {checkpoint} for the model of epoch {whole[file]}, which is "
                f"whole, or {anew}"
            )
    if CHECKPOINT in whole:
        return f"python train.py --resume with more --num_epochs writes it again, or {anew}"
    return anew


def _find_whole(run: Run, record: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    with contextlib.suppress(OSError), (run.folder / name).open("rb") as file:
        digest = _digest(file)
        for fact in record.get("files", {}).get(name, []):
            if fact["sha256"] == digest:
                return fact
    return None


# ----------------------------------------------------------------- going on with a run


def settle(run: Run, previous: bool = False) -> None:
    """Brings a run into order that a process left in the middle of something.

    Removes what was being written, and has run.json know each file by one checksum.

    Args:
        run: held by this process.
        previous: take the checkpoint before the last one, which is given up.

    Raises:
        RunError: if the checkpoint to go on from is missing or damaged.
    """
    run.remove_half_written()
    if previous:
        with open_file(run, PREVIOUS) as opened:
            record = opened.record
        files = record.get("files", {})
        taken = [*files.get(PREVIOUS, []), *files.get(CHECKPOINT, [])]
        run.write_record({**record, "files": {**files, CHECKPOINT: taken}})
        os.replace(run.folder / PREVIOUS, run.checkpoint_path)
        flush(run.folder)
    record = run.read_record()
    if "files" not in record:  # of before there were checksums: from now on it has them
        there = [name for name in FILES if (run.folder / name).is_file()]
        files = {name: [_describe(run.folder / name, None)] for name in there}
        run.write_record({**record, "files": files})
        return
    if CHECKPOINT in record["files"]:
        with open_file(run, CHECKPOINT):
            pass
    files = {}
    for name, known in record["files"].items():
        fact = _find_whole(run, record, name)
        if fact or (run.folder / name).exists():
            files[name] = [fact] if fact else known
    if files != record["files"]:
        run.write_record({**record, "files": files})
