"""One run for each value of a flag: ``train.py --latent_dim 2,4,8``, one process after another.

Each run is the command itself with one value, in a process of its own: nothing of one
training is left to the next, and the bits are those of the run trained alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import runs
from training.signals import StopSignals, command_to_resume


class Member(NamedTuple):
    """One run of a sweep: the flag that sets it apart, its folder's name, and its settings."""

    flag: str  # such as "--latent_dim=4"
    run_name: str
    settings: Mapping[str, Any]


def train_each(
    argv: Sequence[str],
    each: Sequence[tuple[str, str, Mapping[str, Any]]],
    root: Path,
    resume: bool,
    overwrite: bool,
) -> int:
    """Trains the runs that are not done; returns the exit status.

    A finished run of the very same flags is done, unless ``overwrite``. With ``resume`` the
    sweep goes on wherever it stopped: a run that was interrupted goes on from its
    checkpoint, and those not begun are begun. SIGINT and SIGTERM stop the run and the sweep.

    Args:
        argv: the command line of the sweep.
        each: the fields of a ``Member``, of each run.
        root: the folder of runs.

    Raises:
        RunError: before anything is trained, if a run stands in the way.
    """
    members = [Member(*fields) for fields in each]
    planned = [(member, *_plan(member, root, resume, overwrite)) for member in members]
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
                print(f"\nThe whole sweep goes on with: {again}", flush=True)
            if status:
                return status
    print(f"\nsweep     all {len(members)} are trained:")
    for member in members:
        run = runs.find_finished(root, member.settings)
        if run is not None:  # nobody took it away meanwhile
            best = run.read_record()["best"]
            print(f"  {member.flag:<20} best validation loss {best['val_loss']:>9.3f}  {run.name}")
    return 0


def _plan(
    member: Member, root: Path, resume: bool, overwrite: bool
) -> tuple[runs.Run | None, list[str]]:
    """Returns the run if it is done; else None, and the flags that begin it or go on with it."""
    run = runs.Run(root / member.run_name)
    runs.check_unlocked(run)  # another process may be at it
    if overwrite:
        run.check_startable(overwrite)
        return None, []
    done = runs.find_finished(root, member.settings)
    if done:
        return done, []
    if not resume:
        if run.record_path.exists():
            raise runs.RunError(
                f"{run.folder} already holds a run that has not finished, or of other flags: "
                "type --resume to go on with what is missing, or --overwrite to train all of "
                "the sweep anew"
            )
        run.check_startable(overwrite)
        return None, []
    stopped = runs.find_stopped(root, member.settings)
    if stopped and stopped.checkpoint_path.is_file():
        stopped.check_resumable(member.settings["num_epochs"])
        return None, [f"--run_name={stopped.name}"]
    # Killed before its first checkpoint: there is nothing to lose.
    run.check_startable(overwrite=stopped is not None and stopped.name == run.name)
    return None, ["--resume=0", *(["--overwrite"] if run.record_path.exists() else [])]


def _run(command: Sequence[str], signals: StopSignals) -> int:
    """Runs a training to its end; returns its exit status, 128 + number if a signal ended it.

    A signal that arrives here is passed on as SIGTERM, upon which the training saves. Ctrl-C
    reaches it from the terminal as well; the first of two signals counts.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    told = False
    while process.poll() is None:
        if signals.received and not told:
            process.terminate()
            told = True
        time.sleep(0.05)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
