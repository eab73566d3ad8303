"""Every flag of the command line, defined once, with its check.

No TensorFlow here: ``--help`` and mistakes are answered at once. A flag that describes
what is trained is defined for both scripts; ``evaluate.py`` has it without a default, to
choose among the trained runs.
"""

from __future__ import annotations

import difflib
import math
import re
import runpy
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

import data
import evaluation
import runs

ROOT = Path(__file__).resolve().parent
TRAINED_MODEL_DIR = ROOT / "trained_model"
RESULT_DIR = ROOT / "result"

# The table alone: importing the package would import TensorFlow.
_MODELS = runpy.run_path(str(ROOT / "models" / "table.py"))

BINARIZE = ("none", "dynamic", "static")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu")


class UsageError(Exception):
    """A bad command line; the message is one line for the user."""


# --------------------------------------------------------------------------- values


class _Number(flags.ArgumentParser):
    """A finite number within bounds."""

    def __init__(self, kind: type, low: float, high: float = math.inf, above: bool = False):
        self.kind, self.low, self.high, self.above = kind, low, high, above
        noun = "a whole number" if kind is int else "a number"
        bound = f"above {low}" if above else f"of at least {low}"
        self.accepted = f"{noun} {bound}" + (f", at most {high}" if high < math.inf else "")

    def parse(self, argument: Any) -> Any:
        try:
            number = self.kind(argument)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"expected {self.accepted}") from None
        too_low = number <= self.low if self.above else number < self.low
        if not math.isfinite(number) or too_low or number > self.high:
            raise ValueError(f"expected {self.accepted}")
        return number

    def flag_type(self) -> str:
        return self.accepted


class _Choice(flags.ArgumentParser):
    """One of a few names; a near miss is answered with the closest."""

    def __init__(self, names: Collection[str]):
        self.names = list(names)

    def parse(self, argument: Any) -> str:
        if argument not in self.names:
            close = difflib.get_close_matches(str(argument), self.names, n=2, cutoff=0.5)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise ValueError(f"expected {_either(self.names)}{hint}")
        return argument

    def flag_type(self) -> str:
        return "|".join(self.names)


class _Folder(flags.ArgumentParser):
    """A path, not empty."""

    def parse(self, argument: Any) -> str:
        if not argument or "\0" in argument:
            raise ValueError("expected a path")
        return argument

    def flag_type(self) -> str:
        return "path"


class _RunName(flags.ArgumentParser):
    """The name of a folder in trained_model/."""

    def parse(self, argument: Any) -> str:
        if not re.fullmatch(r"[^\W_][\w.,=+ -]{0,150}", argument):
            raise ValueError(
                "expected a folder's name: a letter or digit, then up to 150 letters, digits, "
                "spaces or any of _ . , = + -"
            )
        return argument

    def flag_type(self) -> str:
        return "name"


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


# ---------------------------------------------------------------------------- flags


class Option(NamedTuple):
    """One flag. ``letters`` stand before its value in a run's name when it is not at its
    default; a flag without them does not change the result, or shows in every name."""

    name: str
    parser: flags.ArgumentParser | None  # None: a boolean
    default: Any
    help: str
    letters: str = ""


_COUNT = _Number(int, 1, 10**9)
_SIZE = _Number(int, 1, 10**6)  # of a layer

# What is trained: the same words for train.py, and for evaluate.py to choose a run by.
RUN_OPTIONS = [
    Option("dataset", _Choice(data.DATASETS), "mnist", "images to train on"),
    Option("num_validation", _COUNT, None, "training images held out for validation", "nv"),
    Option(
        "binarize",
        _Choice(BINARIZE),
        "none",
        "grey pixels, or black and white drawn with the grey value's probability: anew at "
        "every step (dynamic) or once for all (static)",
        "bin-",
    ),
    Option("model", _Choice(_MODELS["MODELS"]), "vae", "what is trained"),
    Option("network", _Choice(_MODELS["NETWORKS"]), "mlp", "the encoder's and decoder's kind", "n"),
    Option("hidden_dim", _SIZE, 500, "units of a hidden layer"),
    Option(
        "num_hidden_layers",
        _Number(int, 1, 1000),
        1,
        "hidden layers in the encoder, and the decoder",
        "nh",
    ),
    Option("activation", _Choice(ACTIVATIONS), "tanh", "of the hidden layers", "act-"),
    Option("latent_dim", _SIZE, 10, "dimensions of the latent variables"),
    Option("beta", _Number(float, 0), 1.0, "weight of the KL term", "beta"),
    Option("learning_rate", _Number(float, 0, above=True), 1e-3, "of Adam", "lr"),
    Option("batch_size", _COUNT, 100, "images a step", "b"),
    Option("num_epochs", _COUNT, 50, "passes over the training images"),
    Option("dropout", _Number(float, 0, 0.99), 0.0, "part of the hidden units set to 0", "do"),
    Option(
        "precision",
        _Choice(PRECISIONS),
        "float32",
        "of the networks' arithmetic; likelihood and KL are always in float32",
        "p-",
    ),
]
_SEED = Option(
    "seed", _Number(int, 0, 2**31 - 1), 0, "of weights, order and noise; same seed, same run", "s"
)
_DATA_DIR = Option(
    "data_dir", _Folder(), None, "folder of TFDS datasets; else TFDS_DATA_DIR, else TFDS's own"
)
_RUN_NAME = Option("run_name", _RunName(), None, "the run's folder in trained_model/")
_HELP = Option("help", None, False, "print this and stop")

# How it is trained; the result is the same.
EXECUTION_OPTIONS = [
    Option("resume", None, False, "go on with the run of these flags, from its last checkpoint"),
    Option(
        "checkpoint_minutes",
        _Number(float, 0),
        10.0,
        "between checkpoints within an epoch; there is one after every epoch too",
    ),
    Option(
        "steps_per_execution", _COUNT, None, "steps a call; measured, if not given: half a second"
    ),
    Option(
        "jit_compile",
        _Choice(("auto", "1", "0")),
        "auto",
        "compile the steps with XLA; auto: all but convolutions on a CPU",
    ),
]

TRAIN_OPTIONS = [
    *RUN_OPTIONS,
    _SEED,
    _DATA_DIR,
    _RUN_NAME,
    Option("overwrite", None, False, "train a run of this name anew; the old one is lost"),
    *EXECUTION_OPTIONS,
    _HELP,
]
EVALUATE_OPTIONS = [
    *(
        Option(name, None, False, entry.description)
        for name, entry in evaluation.EVALUATIONS.items()
    ),
    Option("all", None, False, "everything that applies to the run"),
    Option("num_gen", _COUNT, 50, "images to draw in --reconstruct and --generate"),
    Option(
        "num_points", _Number(int, 10), 10_000, "images in a latent map; t-SNE of 10,000: 1 minute"
    ),
    _SEED._replace(help="of samples and t-SNE; same seed, same pictures"),
    Option(
        "checkpoint", _Choice(("best", "last")), "best", "lowest validation loss, or last epoch"
    ),
    Option("saved_path", _Folder(), None, "the run's folder, or a .keras file in it"),
    _RUN_NAME,
    _DATA_DIR._replace(help=_DATA_DIR.help + "; else where the run was trained from"),
    *(option._replace(default=None) for option in RUN_OPTIONS),
    _HELP,
]


def parse_train(argv: list[str]) -> flags.FlagValues:
    """Returns train.py's flags; raises UsageError. Prints and exits for ``--help``."""
    values = _parse(argv, TRAIN_OPTIONS, "Trains a model and saves it in trained_model/<run>/.")
    if values.resume and values.overwrite:
        raise UsageError("--resume and --overwrite contradict each other: give one of them")
    num_train = data.DATASETS[values.dataset].num_train
    if values.num_validation is not None and values.num_validation >= num_train:
        raise UsageError(
            f"flag --num_validation={values.num_validation}: expected less than the "
            f"{num_train} training images of {values.dataset}"
        )
    return values


def parse_evaluate(argv: list[str]) -> flags.FlagValues:
    """Returns evaluate.py's flags; raises UsageError. Prints and exits for ``--help``."""
    values = _parse(argv, EVALUATE_OPTIONS, "Draws and measures a trained run, in result/<run>/.")
    names = list(evaluation.EVALUATIONS)
    if not values["all"].value and not any(values[name].value for name in names):
        raise UsageError(
            "nothing to do: give one or more of "
            + ", ".join(f"--{name} 1" for name in [*names, "all"])
        )
    if values.saved_path and values.run_name:
        raise UsageError("--saved_path and --run_name both name a run: give one of them")
    return values


def settings(values: flags.FlagValues) -> dict[str, Any]:
    """Returns what determines a run's result, by flag."""
    chosen = {option.name: values[option.name].value for option in [*RUN_OPTIONS, _SEED]}
    if chosen["num_validation"] is None:
        chosen["num_validation"] = data.DATASETS[values.dataset].num_validation
    return chosen


def execution(values: flags.FlagValues) -> dict[str, Any]:
    """Returns how the run is to be trained, by flag; none of it changes the result."""
    return {option.name: values[option.name].value for option in EXECUTION_OPTIONS}


def run_name(values: flags.FlagValues) -> str:
    """Returns the name of the run that train.py's flags describe."""
    options = [*RUN_OPTIONS, _SEED]
    defaults = {option.name: option.default for option in options}
    defaults["num_validation"] = data.DATASETS[values.dataset].num_validation
    letters = {option.name: option.letters for option in options if option.letters}
    return values.run_name or runs.name_run(settings(values), defaults, letters)


def given(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the flags of evaluate.py that say which run is meant, by flag."""
    described = {option.name: values[option.name].value for option in RUN_OPTIONS}
    return {name: value for name, value in described.items() if value is not None}


# -------------------------------------------------------------------------- parsing

_TRUE_OR_FALSE = ("true", "false", "t", "f", "1", "0")


def _parse(argv: list[str], options: list[Option], purpose: str) -> flags.FlagValues:
    values = flags.FlagValues()
    for option in options:
        if option.parser is None:
            flags.DEFINE_boolean(option.name, option.default, option.help, flag_values=values)
        else:
            serializer: flags.ArgumentSerializer = flags.ArgumentSerializer()
            flags.DEFINE(option.parser, option.name, None, option.help, values, serializer)
            values[option.name].value = option.default  # trusted: not put through the check
    script = Path(argv[0]).name
    try:
        booleans = {option.name for option in options if option.parser is None}
        words = _join_booleans(_read_flag_files(argv[1:], values), booleans)
        left = values([argv[0], *words])[1:]
    except flags.Error as error:
        message = " ".join(str(error).split())
        raise UsageError(f"{message} (python {script} --help lists the flags)") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the flag file is not UTF-8 text ({error})") from None
    if left:
        raise UsageError(
            f"unexpected argument {left[0]!r}: flags are written --name value "
            f"(python {script} --help lists them)"
        )
    if values["help"].value:
        print(_help_text(script, purpose, options))
        sys.exit(0)
    return values


def _read_flag_files(words: list[str], values: flags.FlagValues) -> list[str]:
    """Puts the lines of flag files in the place of ``--flagfile``, those within them too.

    A line of a flag file is one word to absl; ``--flag value`` is taken apart here.
    """
    while True:
        for position, word in enumerate(words):
            if re.fullmatch(r"--?flagfile=?", word) and not "".join(words[position + 1 :][:1]):
                raise UsageError("--flagfile with no argument: name a file")
            if re.fullmatch(r"--?flagfile=", word):
                raise UsageError("--flagfile= with no argument: name a file")
        read = values.read_flags_from_files(words, force_gnu=True)
        apart: list[str] = []
        for word in read:
            match = re.fullmatch(r"(--?\w+)\s+(\S.*)", word)
            apart += match.groups() if match else [word]
        if apart == words:
            return words
        words = apart


def _join_booleans(words: list[str], booleans: Collection[str]) -> list[str]:
    """Rewrites ``--flag 0`` to ``--flag=0`` for boolean flags, as for any other.

    absl takes a boolean without ``=`` as true and leaves its value over.

    Raises:
        UsageError: if the value is neither true nor false.
    """
    joined: list[str] = []
    previous = ""
    for word in words:
        if previous.lstrip("-") in booleans and previous.startswith("-") and word[:1] != "-":
            joined[-1] = word = f"{previous}={word}"
            previous = ""
        else:
            joined.append(word)
            previous = word
        name, equals, value = word.lstrip("-").partition("=")
        if equals and name.removeprefix("no") in booleans and name not in booleans:
            raise UsageError(f"flag {word}: expected --{name} alone, or --{name[2:]} 0")
        if equals and name in booleans and value.lower() not in _TRUE_OR_FALSE:
            raise UsageError(f"flag --{name}={value}: expected true or false, or 1 or 0")
    return joined


def _help_text(script: str, purpose: str, options: list[Option]) -> str:
    lines = [purpose, "", f"python {script} [--flagfile=configs/NAME.flags] [--flag value] ...", ""]
    for option in options:
        kind = "1|0" if option.parser is None else option.parser.flag_type()
        default = "" if option.default in (None, False) else f" (default {option.default})"
        lines.append(f"  --{option.name} <{kind}>")
        lines.append(f"      {option.help}{default}")
    return "\n".join(lines)


def run_script(main: Callable[[list[str]], None], errors: tuple[type[Exception], ...]) -> None:
    """Runs a script's ``main(argv)``; a mistake is one line on stderr and an exit status.

    Args:
        main: takes ``sys.argv``.
        errors: exceptions whose messages are meant for the user: status 1.
    """
    script = Path(sys.argv[0]).name
    try:
        main(sys.argv)
    except UsageError as error:
        print(f"{script}: {error}", file=sys.stderr)
        sys.exit(2)
    except errors as error:
        print(f"{script}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"\n{script}: interrupted", file=sys.stderr)
        sys.exit(130)
