"""The flags of train.py: a run's settings, its name, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl.flags import FlagValues

import data
import runs
from catalog import PARTS, READERS, RUN_FLAGS, evaluations, read_by, training
from catalog.datasets import is_known
from catalog.flags import Flag
from catalog.networks import AUTO, choose
from catalog.run_flags import NETWORK
from catalog.values import MAX_NAME_BYTES
from cli import parsing
from cli.help import HELP, print_help
from cli.near_misses import suggest
from cli.parsing import UsageError
from cli.parts import complete, describe_readers

FLAGS_OF_A_RUN = (*RUN_FLAGS, training.SEED, training.STREAM)
_SWEEPABLE = {flag.name for flag in FLAGS_OF_A_RUN}
_PARTS_FIRST = [part for part in PARTS if part not in READERS]  # in --help
TRAIN_FLAGS: tuple[Flag, ...] = (
    *sorted(
        FLAGS_OF_A_RUN,
        key=lambda flag: [*_PARTS_FIRST, flag.name].index(flag.name),
    ),
    training.DATA_DIR,
    *training.OUTPUT,
    *training.RUNNING,
    training.SWEEP,
    HELP,
)


class Member(NamedTuple):
    """One run of a sweep: the flag that distinguishes it, its name, and its settings."""

    flag: str  # such as "--latent_dim=4"
    run_name: str
    settings: dict[str, Any]


def parse_train(argv: Sequence[str]) -> FlagValues:
    """Returns train.py's flags; prints and exits for ``--help``.

    Flags that the chosen parts read have their defaults, others are None; ``network`` is ``auto``
    if the size of the images decides, and ``settings`` returns the one chosen. The flags of a
    sweep are as they were given: ``parse_each`` returns its runs.

    Args:
        argv: the script's name, then its arguments.

    Raises:
        UsageError: for a bad command line.
    """
    other = [flag.name for flag in evaluations.FLAGS]
    values = parsing.parse(argv, TRAIN_FLAGS, _SWEEPABLE, other)
    if values.help:
        print_help("train.py", TRAIN_FLAGS, describe_readers, full=values.help == "all")
    _check_running(values)
    if values.sweep:
        flag = values.sweep[0]
        if flag in values and values[flag].position > values["sweep"].position:
            values.sweep = None  # what follows overrides
    if values.sweep:
        _check_sweep(argv, values)
        return values
    is_auto = _is_auto(given(values))
    for name, value in settings(values).items():
        if name != "num_validation":
            values[name].value = value
    if is_auto:
        values["network"].value = AUTO
    return values


def _check_running(values: FlagValues) -> None:
    """Refuses flags that contradict each other in any run."""
    if values.resume and values.overwrite:
        raise UsageError("--resume and --overwrite contradict each other: give one of them")
    if values.resume_from != "last" and not values.resume:
        raise UsageError(f"--resume_from {values.resume_from} needs --resume: type both")
    if values.num_replicas is not None and values.strategy != "mirrored":
        raise UsageError(
            f"flag --num_replicas belongs to --strategy mirrored, and --strategy is "
            f"{values.strategy}: leave one of them out"
        )
    if values.deterministic and values.jit_compile is False:
        raise UsageError(
            "--deterministic needs steps that XLA compiles, which --jit_compile 0 turns off: "
            "leave one of them out"
        )
    if values.strategy != "none" and values.deterministic:
        raise UsageError(
            f"--strategy {values.strategy} adds up over replicas in any order, so its results do "
            "not repeat bit for bit: leave --deterministic out"
        )


def _check_sweep(argv: Sequence[str], values: FlagValues) -> None:
    """Refuses a sweep of which a run is refused, or whose runs cannot be told apart."""
    flag, texts = values.sweep
    if flag not in _SWEEPABLE:
        hint = suggest(flag, "train.py", _SWEEPABLE, ())
        raise UsageError(f"flag --sweep={flag}=...: --{flag} is not a setting of a run{hint}")
    sweep = f"--sweep {training.SWEEP.type.format(values.sweep)} trains several runs"
    if values.run_name:
        raise UsageError(f"{sweep}, and --run_name names one: leave it out")
    if values.resume_from != "last":
        raise UsageError(f"{sweep}, and --resume_from is for one: give --{flag} one value")
    if values.strategy == "multi_worker":
        raise UsageError(
            f"{sweep}, and --strategy multi_worker trains one: give --{flag} one value"
        )
    members = parse_each(argv, values)
    if len({member.run_name for member in members}) < len(texts):
        raise UsageError(f"{sweep}, and two of them are the same: give each value once")


def parse_each(argv: Sequence[str], values: FlagValues) -> list[Member]:
    """Returns the runs of a sweep, or an empty list without ``--sweep``.

    The command line of each run is ``argv`` and its ``flag``, which overrides ``--sweep``.

    Args:
        argv: the script's name, then its arguments.
        values: as ``parse_train`` returned them for ``argv``.
    """
    if not values.sweep:
        return []
    flag, texts = values.sweep
    words = [f"--{flag}={text}" for text in texts]
    parsed = {word: parse_train([*argv, word]) for word in words}
    return [Member(word, run_name(each), settings(each)) for word, each in parsed.items()]


def given(values: FlagValues) -> dict[str, Any]:
    """Returns the flags of a run that the command line gives, by name.

    evaluate.py chooses among the trained runs by them.
    """
    return {flag.name: values[flag.name].value for flag in RUN_FLAGS if values[flag.name].present}


def _is_auto(given_flags: Mapping[str, Any]) -> bool:
    """Whether the size of the images decides the network: by default, if the catalog lacks them."""
    dataset = given_flags.get("dataset")
    has_row = dataset is None or is_known(dataset)
    return given_flags.get("network", NETWORK.default if has_row else AUTO) == AUTO


def settings(values: FlagValues) -> dict[str, Any]:
    """Returns what determines the result of a run, by flag.

    ``stream`` is included if the user decides it; otherwise train.py does, and adds it.
    """
    chosen = {**given(values), "seed": values.seed, "stream": values.stream}
    return settle(chosen, data_dir=values.data_dir)


def settle(
    given_flags: Mapping[str, Any],
    info: data.DatasetInfo | None = None,
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Returns the complete settings of the flags given.

    Args:
        given_flags: flag → value.
        info: the dataset's description; None to describe it.
        data_dir: folder of prepared datasets; None for the default.

    Raises:
        UsageError: if they contradict each other, the chosen parts or the dataset, or no dataset
            has that name.
        DataError: if the dataset has no images that can be used.
    """
    stream = given_flags.get("stream")
    chosen = {name: each for name, each in given_flags.items() if name != "stream"}
    if _is_auto(chosen):
        info = info or _describe_before_network(chosen, data_dir)
        network, sizes, _ = choose(info.image_shape)
        chosen = {**sizes, **chosen, "network": network}
    settings_ = complete(chosen)
    info = info or _describe(settings_["dataset"], data_dir, settings_)
    if settings_["num_validation"] is None:
        settings_["num_validation"] = info.num_validation
    if stream is not None:
        settings_["stream"] = stream
    _check_dataset(settings_, info)
    return settings_


def _describe_before_network(
    given_flags: Mapping[str, Any], data_dir: str | None
) -> data.DatasetInfo:
    """Describes the dataset, after all flags that do not depend on the network are checked."""
    of_network = {name for name in READERS if {part for part, _ in READERS[name]} == {"network"}}
    others = {name: given_flags[name] for name in given_flags if name not in of_network}
    settings_ = complete({**others, "network": NETWORK.default})
    return _describe(settings_["dataset"], data_dir, settings_)


def _describe(dataset: str, data_dir: str | None, settings_: Mapping[str, Any]) -> data.DatasetInfo:
    try:
        return data.describe(dataset, data_dir, settings_)
    except data.UnknownDataset as error:
        raise UsageError(f"flag --dataset={dataset}: {error}") from None


def _check_dataset(chosen: Mapping[str, Any], info: data.DatasetInfo) -> None:
    """Refuses settings that the dataset does not allow."""
    dataset, num_validation = chosen["dataset"], chosen["num_validation"]
    num_train = info.num_train - num_validation
    if info.has_validation and num_validation != info.num_validation:
        raise UsageError(
            f"flag --num_validation={num_validation}: {dataset} has {info.num_validation} "
            "validation images of its own; leave it out"
        )
    if num_train < 1:
        raise UsageError(
            f"flag --num_validation={num_validation}: expected less than the {info.num_train} "
            f"training images of {dataset}"
        )
    if PARTS["model"][chosen["model"]].uses_labels and info.class_names is None:
        raise UsageError(
            f"--model {chosen['model']} needs labels, and {dataset} has none: choose another "
            "--model, or a --dataset with labels"
        )
    if PARTS["model"][chosen["model"]].uses_labels and len(info.class_names or ()) == 1:
        raise UsageError(
            f"--model {chosen['model']} needs two or more classes, and {dataset} has one: choose "
            "another --model"
        )
    num_labels = chosen.get("num_labels")
    if num_labels is not None and num_labels > num_train:
        raise UsageError(
            f"flag --num_labels={num_labels}: expected at most the {num_train} images that "
            f"{dataset} has for training; leave it out to use all labels"
        )
    if chosen.get("stream") and not data.can_stream(info):
        raise UsageError(
            f"flag --stream=1: {dataset} is {'read as one array' if info.path else 'embedded'} "
            "and always in memory; leave it out"
        )
    if chosen.get("stream") and chosen["binarize"] == "static":
        raise UsageError(
            "flag --stream=1: expected --binarize none or dynamic; static binarizes all training "
            "images once, in memory"
        )


def execution(values: FlagValues) -> dict[str, Any]:
    """Returns the flags that do not change the result of a run, by name."""
    return {flag.name: values[flag.name].value for flag in training.RUNNING}


def run_name(values: FlagValues) -> str:
    """Returns the name of the run that train.py's flags describe.

    Raises:
        UsageError: if it is too long for a folder.
    """
    chosen = settings(values)
    flags = {**read_by(chosen), "stream": training.STREAM}
    defaults = {name: flag.default for name, flag in flags.items()}
    info = data.describe(chosen["dataset"], values.data_dir, chosen)
    defaults["num_validation"] = info.num_validation
    abbreviations = {name: flag.abbreviation for name, flag in flags.items() if flag.abbreviation}
    name = values.run_name or runs.name_run(chosen, defaults, abbreviations)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise UsageError(
            f"these flags name a run {name[:40]}…, longer than the {MAX_NAME_BYTES} bytes that a "
            "folder's name may have: type --run_name NAME"
        )
    return name
