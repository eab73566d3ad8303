"""The text of ``--help``: flags in groups, what each accepts, its default, and examples."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from catalog.flags import GROUPS, Flag
from catalog.values import Auto, Boolean

_WIDTH = 100
_INDENT = 30  # of the descriptions


class _HelpType(Boolean):
    """The value of ``--help``: none, or the word ``all``."""

    accepted = "--help or --help all"

    def parse(self, text: str) -> Any:
        return text if text == "all" else super().parse(text)


HELP = Flag("help", _HelpType(), False, "show the common flags; --help all: every flag")

_PURPOSES = {
    "train.py": "Trains a model and saves it in trained_model/<run>/.",
    "evaluate.py": "Draws and measures a trained run; writes to result/<run>/.",
}
_NOTES = {
    "evaluate.py": (
        "The run is the one that --run_name or --saved_path names; otherwise the newest run that "
        "agrees with the flags of train.py that are given, such as --latent_dim 2."
    ),
}
_EXAMPLES = {
    "train.py": """\
python train.py --dataset digits --latent_dim 2             minutes on a CPU, no download
python train.py --flagfile=configs/conv.flags --seed 1      a recipe, with another seed
python train.py --beta 4 --resume                           continue the run of these flags
python train.py --sweep latent_dim=2,4,8                    three runs, one after the other
python train.py --sweep "hidden_dim=500;512,256"            values with commas""",
    "evaluate.py": """\
python evaluate.py --all                                    everything, for the newest run
python evaluate.py --reconstruct --latent_dim 2             the newest run with latent_dim 2
python evaluate.py --run_name demo --generate --num_gen 100
python evaluate.py --compare 'mnist_vae_hd500_ld*'          several runs, side by side""",
}


def print_help(
    script: str, flags: Iterable[Flag], note: Callable[[Flag], str], full: bool
) -> NoReturn:
    """Prints the help of a script and exits.

    Args:
        script: its name.
        flags: those to describe.
        note: returns which parts or evaluations read a flag, and its defaults for them.
        full: whether to describe every flag, or the common ones.
    """
    listed = [flag for flag in flags if (full or flag.is_common) and flag is not HELP]
    lines = [
        _PURPOSES[script],
        "",
        f"usage: python {script} [--flagfile=configs/NAME.flags] [--flag value] ...",
        f"       python {script} --help all",
    ]
    if script in _NOTES:
        lines += ["", *textwrap.wrap(_NOTES[script], _WIDTH)]
    for group, heading in GROUPS.items():
        rows = [flag for flag in listed if flag.group == group]
        if rows:
            lines += ["", heading]
            for flag in rows:
                lines += _describe(flag, note(flag))
    lines += ["", "Examples", textwrap.indent(_EXAMPLES[script], "  ")]
    if not full:
        lines += ["", f"These are the common flags; python {script} --help all lists every flag."]
    print("\n".join(lines))
    sys.exit(0)


def _describe(flag: Flag, note: str) -> list[str]:
    """Returns the lines on one flag."""
    syntax = f"--{flag.name}" + ("" if flag.type.may_be_alone else f" {flag.type.syntax}")
    default = "" if "default" in note + flag.help else format_default(flag)
    notes = "; ".join(filter(None, [note, f"default: {default}" if default else ""]))
    text = f"{flag.help} ({notes})" if notes else flag.help
    text = re.sub(r"(\(default: [^()]*)\) \(", r"\1; ", text)
    right = textwrap.wrap(text, _WIDTH - _INDENT, break_on_hyphens=False)
    left = [f"  {syntax}"]
    if len(syntax) > _WIDTH - 2:
        left = textwrap.wrap(
            syntax.replace("|", " | "), _WIDTH, initial_indent="  ", subsequent_indent="      "
        )
    if len(left[-1]) <= _INDENT - 2:
        left[-1] = f"{left[-1]:<{_INDENT}}{right.pop(0)}"
    return [*left, *(" " * _INDENT + line for line in right)]


def format_default(flag: Flag) -> str:
    """Returns a flag's default as text; empty if it has none, or is off."""
    if isinstance(flag.type, Auto):
        return flag.type.format(flag.default)
    if flag.default is None or flag.default is False:
        return ""
    return (
        f"{flag.default:g}" if isinstance(flag.default, float) else flag.type.format(flag.default)
    )
