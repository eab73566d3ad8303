"""Names of runs: every non-default setting shows in the name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.datasets import short_name


def name_run(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], abbreviations: Mapping[str, str]
) -> str:
    """Returns e.g. ``mnist_vae_hd500_ld10_e50_beta4``.

    The dataset, the model and the three sizes hidden_dim, latent_dim and num_epochs always
    show; every other setting that is not at its default follows in the order of
    ``abbreviations``.

    Args:
        settings: the flags that change the result, by name.
        defaults: the default of each flag.
        abbreviations: flag → abbreviation before its value.
    """
    parts = [
        short_name(settings["dataset"]),
        settings["model"],
        *([f"hd{format_value(settings['hidden_dim'])}"] if "hidden_dim" in settings else []),
        f"ld{format_value(settings['latent_dim'])}",
        f"e{settings['num_epochs']}",
    ]
    parts += [
        f"{abbreviation}{format_value(settings[flag])}"
        for flag, abbreviation in abbreviations.items()
        if flag in settings and settings[flag] != defaults[flag]
    ]
    return "_".join(parts)


def format_value(value: Any) -> str:
    """Returns a flag's value as it is written in names: lists with dashes, booleans as 0 or 1."""
    if isinstance(value, list | tuple):
        return "-".join(map(format_value, value)) or "none"
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, float):
        return str(value).replace(",", "-")  # commas separate the names of runs
    short = format(value, "g")
    return short if float(short) == value else repr(value)  # no two runs share a name


def normalize(value: Any) -> Any:
    """Returns a flag's value in one form, whether run.json holds a list, a number or text.

    Older versions wrote lists as text such as "512,256" or "none", and booleans as "1".
    """
    if isinstance(value, str):
        value = [] if value == "none" else value.split(",")
    if not isinstance(value, list | tuple):
        value = [value]
    return tuple(map(_parse, value))


def _parse(part: Any) -> Any:
    if not isinstance(part, str):
        return part
    try:
        return float(part)
    except ValueError:
        return part.strip()


def as_word(value: Any) -> str:
    """Returns a flag's value as it is typed on the command line."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return str(int(value) if isinstance(value, bool) else value)
