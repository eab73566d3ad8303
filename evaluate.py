"""Draws and measures a trained run: python evaluate.py --all 1 (--help lists the flags)."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # missing with python -P

import cli
import data
import figures
import runs
from catalog.evaluations import EVALUATIONS
from catalog.networks import NETWORKS
from evaluation import NotApplicable, RequestError, index
from evaluation.session import Images, Session
from training import device


def main(argv: list[str]) -> None:
    flags = cli.parse_evaluate(argv)
    with figures.use_style(flags.figure_style):
        written = compare(flags) if flags.compare else evaluate(flags)
    written.append(index.write(cli.RESULT_DIR))
    print("\nwritten:", *dict.fromkeys(written), sep="\n  ")


def evaluate(flags) -> list[Path]:
    """Draws and measures one run; returns the paths of the results."""
    chosen = {
        name: row
        for name, row in EVALUATIONS.items()
        if flags[name].value or (flags["all"].value and row.in_all)
    }
    following = {row.then: EVALUATIONS[row.then] for row in chosen.values() if row.then}
    chosen = {name: row for name, row in chosen.items() if name not in following} | following
    modules = {name: f"evaluation.{name}" for name in chosen}
    session = open_session(flags)
    if any(row.needs_images for row in chosen.values()):
        session.check_images()
    for name in [name for name, row in chosen.items() if row.checks]:
        try:
            importlib.import_module(modules[name]).check(session)
        except RequestError as error:
            if flags[name].value or not isinstance(error, NotApplicable):
                raise cli.UsageError(str(error)) from None
            print(f"left out  {error}", flush=True)
            del chosen[name], modules[name]
    if any(row.needs_model for row in chosen.values()):
        print_device(session)
    written = []
    for name, module in modules.items():
        print(f"--{name}", flush=True)
        written += importlib.import_module(module).run(session)
    return written


def compare(flags) -> list[Path]:
    """Draws several runs side by side; returns the paths of the results."""
    found = runs.find_several(cli.TRAINED_MODEL_DIR, flags.compare, cli.read_record)
    records = {run.name: cli.read_record(run) for run in found}
    runs.check_comparable(records)
    folder, values = cli.RESULT_DIR / runs.name_comparison(records), flags.flag_values_dict()
    loaded: dict[tuple[str, str], Images] = {}
    sessions = []
    for run in found:
        own = cli.RESULT_DIR / runs.result_name(run, cli.TRAINED_MODEL_DIR)
        shared = (flags.checkpoint, folder, values, loaded)
        sessions.append(Session(run, records[run.name], *shared, kept_dir=own))
    for session in sessions:
        session.check_model()
        print(f"run       {session.run.folder} ({session.record['status']})", flush=True)
    sessions[0].check_images()
    print_device(*sessions)
    return importlib.import_module("evaluation.comparison").compare(sessions)


def print_device(*sessions: Session) -> None:
    """Imports TensorFlow for the runs of these sessions, and prints the device."""
    networks = [NETWORKS[session.settings["network"]] for session in sessions]
    has_convolutions = any(network.has_convolutions for network in networks)
    has_convolutions |= any(session.flags["quality"] for session in sessions)
    name = device.set_up_tensorflow(has_convolutions=has_convolutions)
    print(f"device    {name}", flush=True)


def open_session(flags) -> Session:
    """Opens the run that the flags name or describe."""
    root, given, file_checkpoint = cli.TRAINED_MODEL_DIR, cli.given(flags), None
    read = cli.reader_of(flags.dataset, bool(flags.saved_path or flags.run_name))
    if flags.saved_path or flags.run_name:
        path = Path(flags.saved_path) if flags.saved_path else root / flags.run_name
        run, file_checkpoint = runs.open_run(path, given, read)
    else:
        run = runs.find_run(root, given, flags.checkpoint, read)
    record = read(run)
    checkpoint = file_checkpoint or flags.checkpoint
    folder = cli.RESULT_DIR / runs.result_name(run, root)
    session = Session(run, record, checkpoint, folder, flags.flag_values_dict())
    session.check_model()
    print(f"run       {run.folder} ({record['status']})", flush=True)
    return session


if __name__ == "__main__":
    cli.run_script(main, (data.DataError, runs.RunError, OSError))
