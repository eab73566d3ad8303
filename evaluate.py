"""Draws and measures a trained run: python evaluate.py --all 1 (--help lists the flags)."""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # missing with python -P

import cli
import data
import evaluation
import runs
from evaluation.context import Context
from training import device


def main(argv: list[str]) -> None:
    flags = cli.parse_evaluate(argv)
    written = compare(flags) if flags.compare else evaluate(flags)
    print("\nwritten:", *written, sep="\n  ")


def evaluate(flags) -> list[Path]:
    """Draws and measures one run; returns the files written."""
    chosen = {
        name: entry
        for name, entry in evaluation.EVALUATIONS.items()
        if flags[name].value or (flags["all"].value and entry.in_all)
    }
    run, checkpoint = choose_run(flags)
    context = open_context(flags, run, checkpoint, cli.RESULT_DIR / run.name)
    if any(entry.checks for entry in chosen.values()):
        check_requests([name for name, entry in chosen.items() if entry.checks], context, flags)
    if any(entry.needs_model for entry in chosen.values()):
        set_up(context.record, flags)
    written = []
    for name in chosen:
        print(f"--{name}", flush=True)
        written += importlib.import_module(f"evaluation.{name}").run(context)
    return written


def compare(flags) -> list[Path]:
    """Draws several runs beside each other; returns the files written."""
    found = runs.find_several(cli.TRAINED_MODEL_DIR, flags.compare)
    records = {run.name: cli.read_record(run) for run in found}
    runs.check_comparable(records)
    for run in found:
        check_checkpoint(run, flags.checkpoint)
    folder = cli.RESULT_DIR / runs.name_comparison(records)
    contexts = [open_context(flags, run, flags.checkpoint, folder) for run in found]
    load_once = functools.cache(contexts[0].load_pixels)
    for context in contexts:
        context.load_pixels = load_once
    set_up(contexts[0].record, flags)
    return importlib.import_module("evaluation.comparison").compare(contexts)


def check_requests(names: list[str], context: Context, flags) -> None:
    """Raises UsageError where the flags ask for what the run cannot give."""
    check_images(context.record, flags)
    for name in names:
        try:
            importlib.import_module(f"evaluation.{name}").check(context)
        except evaluation.RequestError as error:
            raise cli.UsageError(str(error)) from None


def check_images(record, flags) -> None:
    """Raises DataError where the run's images are not there and not to be had."""
    for name in filter(None, (record["flags"]["dataset"], flags.ood_dataset)):
        data.check_available(name, flags.data_dir or record["data_dir"])


def set_up(record, flags) -> None:
    """Prepares TensorFlow, for images that are there."""
    check_images(record, flags)
    print(f"device    {device.set_up_tensorflow()}", flush=True)


def open_context(flags, run: runs.Run, checkpoint: str, result_dir: Path) -> Context:
    """Returns what the evaluations need to know of a run."""
    record = cli.read_record(run)
    print(f"run       {run.folder} ({record['status']})", flush=True)
    settings = record["flags"]
    info = data.DATASETS[settings["dataset"]]
    data_dir = flags.data_dir or record["data_dir"]

    def load_model():
        import models
        from evaluation import trained_model

        num_train = info.num_train - settings["num_validation"]
        facts = (info.image_shape, settings, len(info.class_names or ()), num_train)
        build = functools.partial(models.build, *facts)
        model, context.epoch_of_model = trained_model.load(run, checkpoint, build)
        return model

    def load_test_of(dataset):
        from data import splits

        loaded = splits.load_test(dataset, data_dir, settings["binarize"])
        return loaded.images.astype("float32") / 255, loaded.labels

    def load_pixels(split):
        from data import splits

        if split == "test":
            return load_test_of(settings["dataset"])
        loaded, _ = splits.load_train_and_validation(
            settings["dataset"], data_dir, settings["num_validation"], settings["binarize"]
        )
        return loaded.images.astype("float32") / 255, loaded.labels

    context = Context(
        run=run,
        record=record,
        checkpoint=checkpoint,
        result_dir=result_dir,
        class_names=info.class_names or (),
        load_model=load_model,
        load_pixels=load_pixels,
        num_gen=flags.num_gen,
        num_points=flags.num_points,
        seed=flags.seed,
        load_test_of=load_test_of,
        datasets=data.DATASETS,
        flags=flags.flag_values_dict(),
    )
    return context


def choose_run(flags) -> tuple[runs.Run, str]:
    """Returns the run that the flags mean, and which of its models to take."""
    wanted = cli.given(flags)
    if flags.saved_path:
        run, named = runs.open_run(Path(flags.saved_path), wanted, cli.read_record)
    elif flags.run_name:
        run, named = runs.open_run(cli.TRAINED_MODEL_DIR / flags.run_name, wanted, cli.read_record)
    else:
        root = cli.TRAINED_MODEL_DIR
        run, named = runs.find_run(root, wanted, flags.checkpoint, cli.read_record), None
    checkpoint = named or flags.checkpoint
    check_checkpoint(run, checkpoint)
    return run, checkpoint


def check_checkpoint(run: runs.Run, checkpoint: str) -> None:
    """Raises RunError where the run has no such model, or a damaged one."""
    path = run.folder / runs.CHECKPOINTS[checkpoint]
    record = run.read_record()
    if not path.is_file() and not record.get("files", {}).get(path.name):
        why = "the run has not finished an epoch yet"
        if record["status"] == "diverged":
            why = "the run diverged before it had finished an epoch"
        raise runs.RunError(f"{path} is not there: {why}")
    with runs.open_file(run, path.name):
        pass


if __name__ == "__main__":
    cli.run_script(main, (data.DataError, runs.RunError, OSError))
