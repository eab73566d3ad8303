"""Every flag of the command line, defined once, with its check.

No TensorFlow here: ``--help`` and mistakes are answered at once. A flag that describes
what is trained is defined for both scripts; ``evaluate.py`` has it without a default, to
choose among the trained runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

import data
import evaluation
import part_options
import runs
from command_line import (
    LONGEST_NAME,
    Choice,
    ClassName,
    Folder,
    Number,
    Numbers,
    Option,
    RunName,
    RunNames,
    Several,
    UsageError,
    parse,
)
from part_options import (
    INITIALIZER_OPTIONS,
    LIKELIHOOD_OPTIONS,
    LIKELIHOODS,
    MODEL_OPTIONS,
    MODELS,
    NETWORK_OPTIONS,
    NETWORKS,
    PART_OPTIONS,
    REGULARISATION_OPTIONS,
    SCHEDULE_OPTIONS,
    SIZE,
)

ROOT = Path(__file__).resolve().parent
TRAINED_MODEL_DIR = ROOT / "trained_model"
RESULT_DIR = ROOT / "result"

BINARIZE = ("none", "dynamic", "static")
STRATEGIES = ("none", "mirrored", "multi_worker")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
_COUNT = Number(int, 1, 10**9)

_LATENT_DIM = Option("latent_dim", SIZE, 10, "dimensions of the latent variables")

# What is trained: the same words for train.py, and for evaluate.py to choose a run by.
RUN_OPTIONS = [
    Option("dataset", Choice(data.DATASETS), "mnist", "images to train on"),
    Option("num_validation", _COUNT, None, "training images held out for validation", "nv"),
    Option(
        "binarize",
        Choice(BINARIZE),
        "none",
        "grey pixels, or black and white drawn with the grey value's probability: anew at "
        "every step (dynamic) or once for all (static)",
        "bin-",
    ),
    Option("model", Choice(MODELS), "vae", "what is trained"),
    Option("network", Choice(NETWORKS), "mlp", "the encoder's and decoder's kind", "n"),
    *NETWORK_OPTIONS,
    *INITIALIZER_OPTIONS,
    Option("likelihood", Choice(LIKELIHOODS), "bernoulli", "what p(x|z) is", "lik-"),
    *LIKELIHOOD_OPTIONS,
    _LATENT_DIM,
    *MODEL_OPTIONS,
    *SCHEDULE_OPTIONS,
    *REGULARISATION_OPTIONS,
    Option("learning_rate", Number(float, 0, above=True), 1e-3, "of Adam", "lr"),
    Option(
        "learning_rate_schedule",
        Choice(("constant", "cosine")),
        "constant",
        "cosine: down to 0 over all steps of the run, which cannot be prolonged then",
        "lr-",
    ),
    Option("batch_size", _COUNT, 100, "images a step", "b"),
    Option("num_epochs", _COUNT, 50, "passes over the training images"),
    Option(
        "precision",
        Choice(PRECISIONS),
        "float32",
        "of the networks' arithmetic; likelihood and KL are always in float32",
        "p-",
    ),
]
_SEED = Option(
    "seed", Number(int, 0, 2**31 - 1), 0, "of weights, order and noise; same seed, same run", "s"
)
_DATA_DIR = Option(
    "data_dir", Folder(), None, "folder of TFDS datasets; else TFDS_DATA_DIR, else TFDS's own"
)
_RUN_NAME = Option("run_name", RunName(), None, "the run's folder in trained_model/")
_STREAM = Option(
    "stream",
    Choice(("auto", "1", "0")),
    "auto",
    "read the training images from the disk in every epoch; auto: where they take more than a "
    "quarter of the memory available. Changes their order, and so the result",
    "stream",
)
_HELP = Option("help", None, False, "print this and stop")

# How it is trained; the result is the same.
EXECUTION_OPTIONS = [
    Option("resume", None, False, "go on with the run of these flags, from its last checkpoint"),
    Option(
        "resume_from",
        Choice(("last", "previous")),
        "last",
        "checkpoint to go on from with --resume; previous: the one before the last, which is given "
        "up, as where a disk damaged it",
    ),
    Option(
        "checkpoint_minutes",
        Number(float, 0),
        10.0,
        "between checkpoints within an epoch; there is one after every epoch too",
    ),
    Option(
        "snapshot_every",
        _COUNT,
        None,
        "steps between pictures of images, their reconstructions and samples; in the end they "
        "become an animation, in trained_model/<run>/snapshots/",
    ),
    Option(
        "steps_per_execution", _COUNT, None, "steps a call; measured, if not given: half a second"
    ),
    Option(
        "jit_compile",
        Choice(("auto", "1", "0")),
        "auto",
        "compile the steps with XLA; auto: where it is faster, as measured",
    ),
    Option(
        "deterministic",
        None,
        False,
        "compute in a way that repeats bit for bit, if slower: convolutions on a CPU step by step",
    ),
    Option(
        "strategy",
        Choice(STRATEGIES),
        "none",
        "who shares each batch: nobody, the devices of this machine (mirrored), or the machines "
        "that TF_CONFIG names (multi_worker; the chief alone writes)",
    ),
    Option(
        "num_replicas",
        Number(int, 1, 1024),
        None,
        "GPUs to use; without a GPU, parts of the CPU, to try it out: all GPUs, or 2 parts, if "
        "not given",
        only=("strategy", "mirrored"),
    ),
]

TRAIN_OPTIONS = [
    *(option for option in RUN_OPTIONS if option is not _LATENT_DIM),
    _LATENT_DIM._replace(
        parser=Several(SIZE),
        help=f"{_LATENT_DIM.help}; 2,4,8 trains a run with each, those that are done left out",
    ),
    _SEED,
    _DATA_DIR,
    _STREAM,
    _RUN_NAME,
    Option("overwrite", None, False, "train a run of this name anew; the old one is lost"),
    *EXECUTION_OPTIONS,
    _HELP,
]
_TAKEN = {"": None, "count": _COUNT, "class": ClassName()}  # by an evaluation's flag
EVALUATE_OPTIONS = [
    *(
        Option(name, _TAKEN[entry.takes], None if entry.takes else False, entry.description)
        for name, entry in evaluation.EVALUATIONS.items()
    ),
    Option("all", None, False, "everything that applies, but for what says it is not part of it"),
    Option(
        "compare",
        RunNames(),
        None,
        "runs beside each other: names in trained_model/, or patterns such as 'mnist_vae_*', with "
        "commas between them",
    ),
    Option("num_gen", _COUNT, 50, "images to draw in --reconstruct, --generate, --generate_class"),
    Option(
        "num_points", Number(int, 10), 10_000, "images in a latent map; t-SNE of 10,000: 1 minute"
    ),
    Option(
        "label_counts",
        Numbers(1),
        "100,600,1000,3000",
        "in --classify, labelled images: as many of each class, drawn from those trained on",
    ),
    Option("num_trials", Number(int, 1, 1000), 5, "in --classify, subsets of each size"),
    Option(
        "features",
        Choice(("mean", "sample")),
        "mean",
        "in --classify, of an image: its posterior's mean, or one z drawn from the posterior",
    ),
    Option(
        "ood_dataset",
        Choice(data.DATASETS),
        None,
        "in --ood, one more: its test images, of the same size and binarised alike",
    ),
    _SEED._replace(help="of samples, subsets and t-SNE; same seed, same pictures"),
    Option("checkpoint", Choice(("best", "last")), "best", "lowest validation loss, or last epoch"),
    Option("saved_path", Folder(), None, "the run's folder, or a .keras file in it"),
    _RUN_NAME,
    _DATA_DIR._replace(help=_DATA_DIR.help + "; else where the run was trained from"),
    *(option._replace(default=None) for option in RUN_OPTIONS),
    _HELP,
]


def parse_train(argv: list[str]) -> flags.FlagValues:
    """Returns train.py's flags; raises UsageError. Prints and exits for ``--help``."""
    values = parse(argv, TRAIN_OPTIONS, "Trains a model and saves it in trained_model/<run>/.")
    if values.resume and values.overwrite:
        raise UsageError("--resume and --overwrite contradict each other: give one of them")
    if values.resume_from != "last" and not values.resume:
        raise UsageError(f"--resume_from {values.resume_from} needs --resume beside it: type both")
    if isinstance(values.latent_dim, tuple):
        _check_sweep(values)
    _refuse_foreign(values)
    part_options.complete(values)
    if values.deterministic and values.jit_compile == "0":
        raise UsageError(
            "--deterministic needs steps that XLA compiles, and --jit_compile 0 has none: leave "
            "one of them out"
        )
    if values.strategy != "none" and (values.deterministic or values.jit_compile == "1"):
        raise UsageError(
            f"--strategy {values.strategy} runs as a TensorFlow graph, which XLA cannot compile: "
            f"leave {'--deterministic' if values.deterministic else '--jit_compile'} out"
        )
    num_train = data.DATASETS[values.dataset].num_train
    if values.num_validation is not None and values.num_validation >= num_train:
        raise UsageError(
            f"flag --num_validation={values.num_validation}: expected less than the "
            f"{num_train} training images of {values.dataset}"
        )
    left = num_train - (values.num_validation or data.DATASETS[values.dataset].num_validation)
    if values.num_labels is not None and values.num_labels > left:
        raise UsageError(
            f"flag --num_labels={values.num_labels}: expected at most the {left} images that "
            f"{values.dataset} has for training; leave it out to use all labels"
        )
    if values.stream == "1" and not data.can_stream(values.dataset):
        raise UsageError(
            f"flag --stream=1: {values.dataset} comes embedded and is in memory; leave it out"
        )
    if values.stream == "1" and values.binarize == "static":
        raise UsageError(
            "flag --stream=1: expected --binarize none or dynamic beside it; static draws all "
            "training images once, in memory"
        )
    return values


def _check_sweep(values: flags.FlagValues) -> None:
    """Refuses what cannot be the same for every run of a sweep."""
    several = f"--latent_dim {','.join(map(str, values.latent_dim))} trains several runs"
    if values.run_name:
        raise UsageError(f"{several}, and --run_name names one: leave it out")
    if values.resume_from != "last":
        raise UsageError(f"{several}, and --resume_from is for one: name it by one --latent_dim")
    if values.strategy == "multi_worker":
        raise UsageError(f"{several}, and --strategy multi_worker one at a time: give one")


def parse_each(argv: list[str], values: flags.FlagValues) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns the runs of a sweep: the flag that sets each apart, its name and its settings.

    Empty where ``values``, which ``argv`` gave, are those of one run.
    """
    if not isinstance(values.latent_dim, tuple):
        return []
    each = [f"--latent_dim={latent_dim}" for latent_dim in values.latent_dim]
    parsed = {flag: parse_train([*argv, flag]) for flag in each}
    return [(flag, run_name(of_one), settings(of_one)) for flag, of_one in parsed.items()]


def _refuse_foreign(values: flags.FlagValues) -> None:
    """Refuses a flag that was given a value and that the chosen parts do not read."""
    for option in [*RUN_OPTIONS, *EXECUTION_OPTIONS]:
        if option.only is None or values[option.name].value == option.default:
            continue
        flag, value = option.only
        if values[flag].value != value:
            raise UsageError(
                f"flag --{option.name} belongs to --{flag} {value}: received --{flag} "
                f"{values[flag].value}; leave one of them out"
            )


def parse_evaluate(argv: list[str]) -> flags.FlagValues:
    """Returns evaluate.py's flags; raises UsageError. Prints and exits for ``--help``."""
    values = parse(argv, EVALUATE_OPTIONS, "Draws and measures a trained run, in result/<run>/.")
    names = list(evaluation.EVALUATIONS)
    if values.compare:
        one_run = [*names, "all", "saved_path", "run_name", *given(values)]
        wrong = [name for name in one_run if values[name].value]
        if wrong:
            raise UsageError(f"--compare names its runs, and --{wrong[0]} is for one: leave it out")
        return values
    if not values["all"].value and not any(values[name].value for name in names):
        raise UsageError(
            "nothing to do: give one or more of "
            + ", ".join(f"--{name} 1" for name in [*names, "all"])
            + ", or --compare RUN,RUN"
        )
    if values.saved_path and values.run_name:
        raise UsageError("--saved_path and --run_name both name a run: give one of them")
    return values


def settings(values: flags.FlagValues) -> dict[str, Any]:
    """Returns what determines a run's result, by flag.

    ``stream`` is among it where the user decides; else train.py does, and adds it.
    """
    unread = {option.name for option in PART_OPTIONS}
    unread -= part_options.defaults(values).keys()
    options = [option for option in [*RUN_OPTIONS, _SEED] if option.name not in unread]
    chosen = {option.name: values[option.name].value for option in options}
    if chosen["num_validation"] is None:
        chosen["num_validation"] = data.DATASETS[values.dataset].num_validation
    if values.stream != _STREAM.default:
        chosen["stream"] = values.stream
    return chosen


def check_recorded(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings in a run.json, with those at their defaults that it lacks.

    What it has must be what train.py would take on its command line, and nothing else.

    Raises:
        UsageError: if it has an unknown flag, or a value that is refused.
    """
    known = {option.name: option for option in [*RUN_OPTIONS, _SEED, _STREAM]}
    for name in recorded:
        if name not in known:
            raise UsageError(f"--{name} is no flag of a run: a newer version has it, or none")
    words = [f"--{name}={value}" for name, value in recorded.items() if value is not None]
    accepted = settings(parse_train(["train.py", *words]))
    for name, value in recorded.items():
        taken = accepted.get(name)
        if value is not None and taken != value and str(taken) != str(value):
            raise UsageError(f"flag --{name}={value}: its command line makes {taken} of it")
    return accepted


def execution(values: flags.FlagValues) -> dict[str, Any]:
    """Returns how the run is to be trained, by flag; none of it changes the result."""
    return {option.name: values[option.name].value for option in EXECUTION_OPTIONS}


def run_name(values: flags.FlagValues) -> str:
    """Returns the name of the run that train.py's flags describe.

    Raises:
        UsageError: if no folder can be called so.
    """
    options = [*RUN_OPTIONS, _SEED, _STREAM]
    defaults = {option.name: option.default for option in options}
    defaults |= part_options.defaults(values)
    defaults["num_validation"] = data.DATASETS[values.dataset].num_validation
    letters = {option.name: option.letters for option in options if option.letters}
    name = values.run_name or runs.name_run(settings(values), defaults, letters)
    if len(name.encode()) > LONGEST_NAME:
        raise UsageError(
            f"these flags name a run {name[:40]}…, longer than the {LONGEST_NAME} bytes that a "
            "folder's name may have: type --run_name NAME"
        )
    return name


def given(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the flags of evaluate.py that say which run is meant, by flag."""
    described = {option.name: values[option.name].value for option in RUN_OPTIONS}
    return {name: value for name, value in described.items() if value is not None}
