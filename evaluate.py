"""Draws and measures a trained run: python evaluate.py --all 1 (--help lists the flags)."""

from __future__ import annotations

import importlib
from pathlib import Path

import command_line
import data
import evaluation
import options
import runs
from evaluation.context import Context
from training import device


def main(argv: list[str]) -> None:
    flags = options.parse_evaluate(argv)
    chosen = {
        name: entry
        for name, entry in evaluation.EVALUATIONS.items()
        if flags["all"].value or flags[name].value
    }
    run, checkpoint = choose_run(flags)
    record = run.read_record()
    print(f"run       {run.folder} ({record['status']})", flush=True)
    settings = record["flags"]
    data_dir = flags.data_dir or record["data_dir"]

    if any(entry.needs_model for entry in chosen.values()):
        data.check_available(settings["dataset"], data_dir)
        print(f"device    {device.set_up_tensorflow()}", flush=True)

    def load_model():
        import keras

        import models  # noqa: F401  registers the classes

        path = run.folder / runs.CHECKPOINTS[checkpoint]
        try:
            return keras.saving.load_model(path)
        except Exception as error:  # a damaged file raises whatever its damage leads to
            reason = " ".join(str(error).split())[:200]
            raise runs.RunError(
                f"{path} cannot be opened ({type(error).__name__}: {reason}): try --checkpoint "
                f"{'last' if checkpoint == 'best' else 'best'}, or train the run anew"
            ) from error

    def load_pixels(split):
        from data import splits

        if split == "test":
            loaded = splits.load_test(settings["dataset"], data_dir, settings["binarize"])
        else:
            loaded, _ = splits.load_train_and_validation(
                settings["dataset"], data_dir, settings["num_validation"], settings["binarize"]
            )
        return loaded.images.astype("float32") / 255, loaded.labels

    context = Context(
        run=run,
        record=record,
        checkpoint=checkpoint,
        result_dir=options.RESULT_DIR / run.name,
        class_names=data.DATASETS[settings["dataset"]].class_names,
        load_model=load_model,
        load_pixels=load_pixels,
        num_gen=flags.num_gen,
        num_points=flags.num_points,
        seed=flags.seed,
    )
    context.result_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for name in chosen:
        print(f"--{name}", flush=True)
        written += importlib.import_module(f"evaluation.{name}").run(context)
    print("\nwritten:", *written, sep="\n  ")


def choose_run(flags) -> tuple[runs.Run, str]:
    """Returns the run that the flags mean, and which of its models to take."""
    wanted = options.given(flags)
    if flags.saved_path:
        run, named = runs.open_run(Path(flags.saved_path), wanted)
    elif flags.run_name:
        run, named = runs.open_run(options.TRAINED_MODEL_DIR / flags.run_name, wanted)
    else:
        run, named = runs.find_run(options.TRAINED_MODEL_DIR, wanted, flags.checkpoint), None
    checkpoint = named or flags.checkpoint
    path = run.folder / runs.CHECKPOINTS[checkpoint]
    if not path.is_file():
        raise runs.RunError(f"{path} is not there: the run has not finished an epoch yet")
    return run, checkpoint


if __name__ == "__main__":
    command_line.run_script(main, (data.DataError, runs.RunError, OSError))
