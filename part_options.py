"""The flags that only some models or some networks read, and the tables of these.

A part is chosen by name with a flag of its own, ``--model``, ``--network`` or
``--beta_schedule``; its entry in the table says which of the flags here it reads, and their
defaults for it.
"""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from command_line import Choice, Choices, Number, Numbers, Option, UsageError

# The table alone: importing the package would import TensorFlow.
_TABLE = runpy.run_path(str(Path(__file__).resolve().parent / "models" / "table.py"))
MODELS, NETWORKS, LIKELIHOODS = (_TABLE[name] for name in ("MODELS", "NETWORKS", "LIKELIHOODS"))
BETA_SCHEDULES = _TABLE["BETA_SCHEDULES"]

ACTIVATIONS, INITIALIZERS = _TABLE["ACTIVATIONS"], _TABLE["INITIALIZERS"]

_COUNT = Number(int, 1, 10**9)
SIZE = Number(int, 1, 10**6)  # of a layer


def _network_option(name: str, parser: Any, help_text: str, letters: str) -> Option:
    """A flag that some networks read; each has its own default."""
    defaults = {kind: network.defaults.get(name) for kind, network in NETWORKS.items()}
    told = ", ".join(f"{kind} {value}" for kind, value in defaults.items() if value is not None)
    return Option(name, parser, None, f"{help_text} (default: {told})", letters)


def _model_option(name: str, parser: Any, help_text: str, letters: str) -> Option:
    """A flag that some models read; one default for all of them."""
    return _option_of_some("model", MODELS, name, parser, help_text, letters, "all")


def _schedule_option(name: str, parser: Any, help_text: str, letters: str) -> Option:
    """A flag that some schedules of β read; one default for all of them."""
    table = BETA_SCHEDULES
    return _option_of_some("beta_schedule", table, name, parser, help_text, letters, "none")


def _option_of_some(
    part: str,
    table: Mapping[str, Any],
    name: str,
    parser: Any,
    help_text: str,
    letters: str,
    where_none: str,
) -> Option:
    readers = [kind for kind, entry in table.items() if name in entry.defaults]
    default = table[readers[0]].defaults[name]
    told = where_none if default is None else default
    readers_told = f"with --{part} {' or '.join(readers)} (default {told})"
    return Option(name, parser, None, f"{help_text}; {readers_told}", letters)


NETWORK_OPTIONS = [
    _network_option(
        "hidden_dim",
        Numbers(1),
        "units of each hidden layer of the encoder; the decoder's in the opposite order",
        "",
    ),
    _network_option("filters", Numbers(1), "of each convolution", "f"),
    _network_option("kernel_sizes", Numbers(1), "of each convolution, or of all", "k"),
    _network_option("strides", Numbers(1), "of each convolution, or of all", "st"),
    _network_option(
        "paddings", Numbers(0, ["same"]), "rows and columns of zeros on every side", "pad"
    ),
    _network_option(
        "decoder_dims",
        Numbers(1, ["none"]),
        "fully connected layers before the decoder's convolutions; the last has a unit for each "
        "place of the smallest features",
        "dd",
    ),
    _network_option(
        "decoder_strides",
        Numbers(1, ["none"]),
        "of the decoder's convolutions, with --decoder_dims",
        "ds",
    ),
    _network_option(
        "activation",
        Choices(ACTIVATIONS),
        "of all hidden layers, or of each of the encoder's; the decoder's in the opposite order",
        "act-",
    ),
    _network_option("dropout", Number(float, 0, 0.99), "part of the hidden units set to 0", "do"),
]
# Every network reads these.
INITIALIZER_OPTIONS = [
    Option("initializer", Choice(INITIALIZERS), "glorot_uniform", "how the kernels begin", "init-"),
    Option(
        "init_stddev",
        Number(float, 0, above=True),
        0.001,
        "standard deviation of the kernels at the beginning",
        "std",
        only=("initializer", "normal"),
    ),
]
MODEL_OPTIONS = [
    _model_option("beta", Number(float, 0), "weight of the KL term", "beta"),
    _model_option(
        "beta_schedule",
        Choice(BETA_SCHEDULES),
        "of β while training: "
        + ", or ".join(f"{name}, {entry.description}" for name, entry in BETA_SCHEDULES.items()),
        "beta-",
    ),
    _model_option(
        "free_bits",
        Number(float, 0),
        "nats that each dimension's KL, its mean over the batch, is counted as at least",
        "free",
    ),
    _model_option(
        "num_labels",
        _COUNT,
        "training images that are labelled, as many of each class, drawn by --seed",
        "nl",
    ),
    _model_option("classifier_weight", Number(float, 0), "weight of the classifier's loss", "cw"),
    _model_option(
        "classifier_dims", Numbers(1, ["none"]), "units of the classifier's hidden layers", "cd"
    ),
    _model_option(
        "classifier_loss",
        Choice(_TABLE["CLASSIFIER_LOSSES"]),
        "one distribution over the classes, or yes and no for each of them",
        "cl-",
    ),
]
LIKELIHOOD_OPTIONS = [
    Option(
        "pixel_stddev",
        Number(float, 0.001),
        None,
        "standard deviation of the noise of pixels in [0, 1]; with --likelihood gaussian (default "
        "√½: the loss is squared error + KL, and a constant)",
        "ps",
    ),
]
# Every model reads these.
REGULARISATION_OPTIONS = [
    Option("l2", Number(float, 0), 0.0, "weight of ½·‖w‖² in the objective of an image", "l2-"),
    Option(
        "corruption",
        Number(float, 0, 1),
        0.0,
        "part of the pixels that the encoder sees drawn black or white while training",
        "corr",
    ),
]
SCHEDULE_OPTIONS = [
    _schedule_option("beta_start", Number(float, 0), "β of the first step", "from"),
    _schedule_option("beta_steps", Number(int, 1, 10**9), "steps that the rise of β takes", "over"),
    _schedule_option("beta_cycles", Number(int, 1, 10**6), "how often β rises", "times"),
]
# Chosen by a flag, each part reads some of the other flags: its table, those flags.
_PARTS = {
    "model": (MODELS, MODEL_OPTIONS),
    "network": (NETWORKS, NETWORK_OPTIONS),
    "likelihood": (LIKELIHOODS, LIKELIHOOD_OPTIONS),
    "beta_schedule": (BETA_SCHEDULES, SCHEDULE_OPTIONS),  # which some models have none of
}
# Every flag that some parts read and others do not.
PART_OPTIONS = [option for _, read_by_some in _PARTS.values() for option in read_by_some]


def complete(values: flags.FlagValues) -> None:
    """Gives the flags that the chosen parts read their defaults; refuses the others."""
    for part, (table, read_by_some) in _PARTS.items():
        chosen = values[part].value
        defaults = table[chosen].defaults if chosen else {}
        for option in read_by_some:
            flag = values[option.name]
            if option.name not in defaults and flag.value is not None:
                raise UsageError(_tell_unread(option.name, part, chosen, values.model))
            if flag.value is None:
                flag.value = defaults.get(option.name)
    if values.beta_schedule in ("linear", "cyclical") and values.beta_steps is None:
        raise UsageError(
            f"flag --beta_schedule={values.beta_schedule}: expected --beta_steps N beside it, the "
            "steps that the rise of β takes"
        )
    layers = "hidden_dim" if values.filters is None else "filters"
    count = len(values[layers].value.split(","))
    for name in ("activation", "kernel_sizes", "strides", "paddings", "decoder_strides"):
        text = values[name].value
        if text is not None and len(text.split(",")) not in (1, count):
            raise UsageError(
                f"flag --{name}={text}: expected one, or one for each of the {count} "
                f"--{layers} {values[layers].value}"
            )


def _tell_unread(name: str, part: str, chosen: str | None, model: str) -> str:
    """Returns the line on a flag that the chosen part does not read."""
    if chosen is None:
        return f"flag --{name}: --model {model} does not read it, nor --{part}; leave it out"
    table, _ = _PARTS[part]
    reads = ", ".join(f"--{read}" for read in table[chosen].defaults)
    readers = [kind for kind in table if name in table[kind].defaults]
    return (
        f"flag --{name}: --{part} {chosen} does not read it"
        + (f"; it reads {reads}" if reads else "")
        + f"; leave it out, or choose --{part} {' or '.join(readers)}"
    )


def defaults(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the flags that the chosen parts read, and their defaults."""
    read: dict[str, Any] = {}
    for part, (table, _) in _PARTS.items():
        if values[part].value:
            read |= table[values[part].value].defaults
    return read
