"""A training run on disk: its name, its files, and how to find it again.

    trained_model/<run>/
        run.json       what was run and how it went: flags, versions, counts, best epoch
        history.csv    a row an epoch
        best.keras     the model after the epoch with the lowest validation loss
        model.keras    the model after the last epoch
        checkpoint.npz what it takes to go on exactly: --resume 1
        logs/          for TensorBoard

No module here imports TensorFlow.
"""

from runs.files import remove_leftovers, write_atomically
from runs.history import COLUMNS, read_history, write_history
from runs.lock import check_unlocked, locked
from runs.naming import name_run
from runs.origin import describe_origin
from runs.run import CHECKPOINTS, Run, RunError
from runs.search import find_finished, find_resumable, find_run, find_stopped, open_run
from runs.several import (
    check_comparable,
    find_likelihoods,
    find_several,
    label,
    name_comparison,
)

__all__ = [
    "CHECKPOINTS",
    "COLUMNS",
    "Run",
    "RunError",
    "check_comparable",
    "check_unlocked",
    "describe_origin",
    "find_finished",
    "find_likelihoods",
    "find_resumable",
    "find_run",
    "find_several",
    "find_stopped",
    "label",
    "locked",
    "name_comparison",
    "name_run",
    "open_run",
    "read_history",
    "remove_leftovers",
    "write_atomically",
    "write_history",
]
