"""The flags of evaluate.py: what to draw and measure, and of which run."""

from __future__ import annotations

from collections.abc import Sequence

from absl.flags import FlagValues

from catalog import RUN_FLAGS, evaluations
from catalog.flags import Flag
from catalog.networks import AUTO
from catalog.values import join_or
from cli import parsing
from cli.help import HELP, print_help
from cli.parsing import UsageError
from cli.train_flags import TRAIN_FLAGS, given

EVALUATE_FLAGS: tuple[Flag, ...] = (
    *evaluations.FLAGS,
    HELP,
    *(flag.with_default(None) for flag in RUN_FLAGS),  # to choose a run by
)


def parse_evaluate(argv: Sequence[str]) -> FlagValues:
    """Returns evaluate.py's flags; prints and exits for ``--help``.

    Args:
        argv: the script's name, then its arguments.

    Raises:
        UsageError: for a bad command line.
    """
    other = [flag.name for flag in TRAIN_FLAGS]
    values = parsing.parse(argv, EVALUATE_FLAGS, of_other_script=other)
    if values.help:
        print_help("evaluate.py", evaluations.FLAGS, _note, full=values.help == "all")
    if values.network == AUTO:  # run.json has the network that was chosen
        values["network"].present, values["network"].value = 0, None
    names = list(evaluations.EVALUATIONS)
    readers = evaluations.READERS["split"]
    others = [name for name in ("compare", "all", *names) if name not in readers]
    wrong = [name for name in others if values[name].value]
    if values.split != "test" and wrong:
        raise UsageError(
            f"--split {values.split} is for {' and '.join(f'--{name}' for name in readers)}: leave "
            f"out --{wrong[0]}"
        )
    if values.compare:
        one_run = [
            *(name for name in names if name != "report"),
            "all",
            "saved_path",
            "run_name",
            *given(values),
        ]
        wrong = [name for name in one_run if values[name].value]
        if wrong:
            raise UsageError(f"--compare names its runs, and --{wrong[0]} is for one: leave it out")
        return values
    if not values["all"].value and not any(values[name].value for name in names):
        raise UsageError(
            "nothing to do: give --all, one or more of "
            + ", ".join(f"--{name}" for name in names)
            + ", or --compare RUN,RUN"
        )
    if values.saved_path and values.run_name:
        raise UsageError("--saved_path and --run_name both name a run: give one of them")
    return values


def _note(flag: Flag) -> str:
    """Returns which evaluations read a flag."""
    readers = evaluations.READERS.get(flag.name, [])
    return f"with {join_or([f'--{name}' for name in readers])}" if readers else ""
