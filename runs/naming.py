"""Names of runs: what differs between two runs shows in their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def name_run(
    settings: Mapping[str, Any], defaults: Mapping[str, Any], abbreviations: Mapping[str, str]
) -> str:
    """Returns e.g. ``mnist_vae_hd500_ld10_e50_beta4``.

    The dataset, the model and the seeds' three sizes always show; every other setting
    that is not at its default follows in the order of ``abbreviations``.

    Args:
        settings: the flags that change the result, by name.
        defaults: what they are when not given.
        abbreviations: flag → the letters before its value.
    """
    parts = [
        settings["dataset"],
        settings["model"],
        *([f"hd{_format(settings['hidden_dim'])}"] if "hidden_dim" in settings else []),
        f"ld{settings['latent_dim']}",
        f"e{settings['num_epochs']}",
    ]
    parts += [
        f"{letters}{_format(settings[flag])}"
        for flag, letters in abbreviations.items()
        if flag in settings and settings[flag] != defaults[flag]
    ]
    return "_".join(parts)


def _format(value: Any) -> str:
    if not isinstance(value, float):
        return str(value).replace(",", "-")  # a comma stands between names of runs
    short = format(value, "g")
    return short if float(short) == value else repr(value)  # no two runs share a name
