"""Sweeps: ``train.py --sweep latent_dim=2,4,8`` trains one run for each value.

Each run is the command itself with one value, in its own process, one after another. Nothing
is shared between them, so that each run is bit-identical to the same run trained alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import runs
from training.signals import StopSignals, command_to_resume


class Member(NamedTuple):
    """One run of a sweep: the flag that distinguishes it, its folder's name, and its settings."""

    flag: str  # such as "--latent_dim=4"
    run_name: str
    settings: Mapping[str, Any]


def train_each(
    argv: Sequence[str],
    each: Sequence[tuple[str, str, Mapping[str, Any]]],
    root: Path,
    resume: bool,
    overwrite: bool,
    read: Callable[[runs.Run], dict[str, Any]] = runs.Run.read_record,
) -> int:
    """Trains the runs that have not finished; returns the exit status.

    A finished run with exactly these flags is skipped, unless ``overwrite``. With ``resume`` the
    sweep continues where it stopped: an interrupted run continues from its checkpoint, and the
    remaining ones are started. SIGINT and SIGTERM stop the current run and the sweep.

    Args:
        argv: the command line of the sweep.
        each: the fields of a ``Member``, for each run.
        root: the folder of runs.
        resume, overwrite: whether these flags are given.
        read: reads run.json; see ``runs.find_run``.

    Raises:
        RunError: before anything is trained, if an existing folder is in the way.
    """
    members = [Member(*fields) for fields in each]
    planned = [(member, *_plan(member, root, resume, overwrite, read)) for member in members]
    for member, done, _ in planned:
        if done:
            print(f"done      {member.flag}: run {done.name}", flush=True)
    with StopSignals() as signals:
        for place, (member, done, words) in enumerate(planned, start=1):
            if done:
                continue
            print(f"\nsweep     {member.flag}, {place} of {len(members)}", flush=True)
            command = [sys.executable, *argv, member.flag, *words]
            status = _run(command, signals)
            if signals.received or status in (130, 143):
                status = 128 + signals.received if signals.received else status
                again = command_to_resume(argv, resume, overwrite, rewound=False)
                print(f"\nContinue the sweep with: {again}", flush=True)
            if status:
                return status
    print(f"\nsweep     all {len(members)} runs are trained:")
    for member in members:
        run = runs.find_finished(root, member.settings, read)
        if run is not None:  # else it was removed in the meantime
            best = run.read_record()["best"]
            print(f"  {member.flag:<20} best validation loss {best['val_loss']:>9.3f}  {run.name}")
    return 0


def _plan(
    member: Member,
    root: Path,
    resume: bool,
    overwrite: bool,
    read: Callable[[runs.Run], dict[str, Any]],
) -> tuple[runs.Run | None, list[str]]:
    """Returns the run if it has finished; else None, and the flags that start or continue it."""
    run = runs.Run(root / member.run_name)
    runs.check_unlocked(run)  # another process may be training it
    if overwrite:
        run.check_startable(overwrite)
        return None, []
    done = runs.find_finished(root, member.settings, read)
    if done:
        return done, []
    if not resume:
        if run.record_path.exists():
            raise runs.RunError(
                f"{run.folder} already holds a run that has not finished, or has other flags: "
                "type --resume to continue the sweep, or --overwrite to train all its runs again"
            )
        run.check_startable(overwrite)
        return None, []
    stopped = runs.find_stopped(root, member.settings, read)
    if stopped and stopped.checkpoint_path.is_file():
        stopped.check_resumable(member.settings["num_epochs"])
        return None, [f"--run_name={stopped.name}"]
    # Killed before its first checkpoint: nothing is lost.
    run.check_startable(overwrite=stopped is not None and stopped.name == run.name)
    return None, ["--resume=0", *(["--overwrite"] if run.record_path.exists() else [])]


def _run(command: Sequence[str], signals: StopSignals) -> int:
    """Runs one training; returns its exit status, or 128 + number if a signal ended it.

    A signal that arrives here is passed on as SIGTERM, upon which the training saves. Ctrl-C
    reaches it from the terminal too; the first of two signals counts.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    is_passed_on = False
    while process.poll() is None:
        if signals.received and not is_passed_on:
            process.terminate()
            is_passed_on = True
        time.sleep(0.05)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
