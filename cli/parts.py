"""Which flags the chosen parts of a model read; all others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog import PARTS, READERS, read_by
from catalog.flags import Flag
from catalog.values import join_or
from cli.help import format_default
from cli.parsing import UsageError


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns every setting of a run: the flags given, and the defaults of its parts.

    Args:
        given: flag → value.

    Raises:
        UsageError: if the chosen parts do not read a flag, or flags contradict each other.
    """
    flags = read_by(given)
    settings = {name: given.get(name, flag.default) for name, flag in flags.items()}
    for name in given:
        if name not in flags:
            raise UsageError(_describe_unread(name, settings))
    for name, flag in flags.items():
        if flag.only and settings[name] != flag.default and settings[flag.only[0]] != flag.only[1]:
            part, value = flag.only
            raise UsageError(
                f"flag --{name} belongs to --{part} {value}, and --{part} is {settings[part]}: "
                "leave one of them out"
            )
    likelihood, binarize = settings["likelihood"], settings["binarize"]
    if PARTS["likelihood"][likelihood].has_256_values and binarize != "none":
        raise UsageError(
            f"flag --binarize={binarize}: --likelihood {likelihood} is a distribution of 256 gray "
            "values; leave --binarize out, or choose --likelihood bernoulli"
        )
    if isinstance(settings["latent_dim"], tuple):
        _check_levels(settings, flags["latent_dim"].type.format(settings["latent_dim"]))
    for part in (name for name in flags if name in PARTS):
        row = PARTS[part][settings[part]]
        for name in getattr(row, "required", ()):
            if settings[name] is None:
                raise UsageError(
                    f"flag --{part}={settings[part]} needs --{name}, {flags[name].help}"
                )
        for name in getattr(row, "needs_kl_by_dimension", ()):
            prior = settings["prior"]
            if settings[name] != flags[name].default and not PARTS["prior"][prior].by_dimension:
                fitting = [kind for kind, row in PARTS["prior"].items() if row.by_dimension]
                raise UsageError(
                    f"flag --{name}={settings[name]:g} needs the KL of each dimension, which "
                    f"--prior {prior} does not have: leave one of them out, or choose --prior "
                    f"{join_or(fitting)}"
                )
        for name in getattr(row, "per_layer", ()):
            count = len(settings[row.layers]) if row.layers else 1
            if len(settings[name]) not in (0, 1, count):
                message = (
                    f"flag --{name}={flags[name].type.format(settings[name])}: expected one value"
                )
                if row.layers:
                    layers = flags[row.layers].type.format(settings[row.layers])
                    message += f", or as many as --{row.layers} {layers} has: {count}"
                raise UsageError(message)
    return settings


def _check_levels(settings: Mapping[str, Any], levels: str) -> None:
    """Refuses several levels of z if the model has one, or the objective needs one."""
    if not PARTS["model"][settings["model"]].has_levels:
        fitting = [kind for kind, row in PARTS["model"].items() if row.has_levels]
        raise UsageError(
            f"flag --latent_dim={levels}: --model {settings['model']} has one level; to train one "
            f"run for each, type --sweep latent_dim={levels}; for a hierarchy of these levels, "
            f"--model {join_or(fitting)}"
        )
    if PARTS["objective"][settings["objective"]].needs_one_level:
        raise UsageError(
            f"flag --latent_dim={levels}: --objective {settings['objective']} needs one level; "
            "choose another --objective"
        )


def _describe_unread(name: str, settings: Mapping[str, Any]) -> str:
    """Returns the message on a flag that no chosen part reads."""
    wanted, nor = name, ""
    part = next(iter(READERS[name]))[0]
    while part not in settings:  # the part of a part: --beta_schedule of an autoencoder
        wanted, nor = part, f"{nor}, nor --{part}"
        part = next(iter(READERS[part]))[0]
    chosen = settings[part]
    shared = set.intersection(*({flag.name for flag in row.flags} for row in PARTS[part].values()))
    names = [flag.name for flag in PARTS[part][chosen].flags if flag.name not in shared]
    reads = ", ".join(f"--{name}" for name in names)
    readers = [value for reader, value in READERS[wanted] if reader == part]
    return (
        f"flag --{name}: --{part} {chosen} does not read it{nor}"
        + (f"; it reads {reads}" if reads else "")
        + f"; leave it out, or choose --{part} {join_or(readers)}"
    )


def describe_readers(flag: Flag) -> str:
    """Returns, for ``--help``, which parts read a flag and its default for each of them."""
    if flag.only:
        return f"with --{' '.join(flag.only)}"
    notes = []
    readers = READERS.get(flag.name, {})
    for part in dict.fromkeys(part for part, _ in readers):
        values = [value for reader, value in readers if reader == part]
        by_default: dict[str, list[str]] = {}
        for value in values:
            default = format_default(readers[part, value])
            if flag.name in getattr(PARTS[part][value], "required", ()):
                default = "required"
            by_default.setdefault(default, []).append(value)
        if len(by_default) > 1:
            each = [f"{', '.join(names)} {default}" for default, names in by_default.items()]
            notes.append(f"default for --{part}: {'; '.join(each)}")
            continue
        if len(values) < len(PARTS[part]):
            notes.append(f"with --{part} {join_or(values)}")
        if default:
            notes.append(default if default == "required" else f"default: {default}")
    return "; ".join(notes)
