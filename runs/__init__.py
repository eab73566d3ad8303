"""A training run on disk: its name, its files, and how to find it again.

    trained_model/<run>/
        run.json       what was run and how it went: flags, versions, counts, best epoch
        history.csv    a row an epoch
        best.keras     the model after the epoch with the lowest validation loss
        model.keras    the model after the last epoch
        checkpoint.npz what it takes to go on exactly: --resume 1
        previous.npz   the checkpoint before it: --resume 1 --resume_from previous
        snapshots/     with --snapshot_every: pictures as it trained, and their animation
        logs/          for TensorBoard

No module here imports TensorFlow.
"""

from runs.archive import ArchiveError, read_arrays
from runs.commit import commit, open_file, settle
from runs.files import remove_leftovers, write_atomically
from runs.history import COLUMNS, read_history, write_history
from runs.lock import check_unlocked, locked
from runs.model_file import ClassName, check_weights, find_contradiction, read_model
from runs.naming import name_run
from runs.origin import describe_origin
from runs.record import BIT_FOR_BIT, UP_TO_ROUNDING
from runs.run import CHECKPOINT, CHECKPOINTS, HISTORY, Run, RunError, describe_best
from runs.search import find_finished, find_resumable, find_run, find_stopped, open_run
from runs.several import check_comparable, find_several, label, name_comparison

__all__ = [
    "BIT_FOR_BIT",
    "CHECKPOINT",
    "CHECKPOINTS",
    "COLUMNS",
    "HISTORY",
    "UP_TO_ROUNDING",
    "ArchiveError",
    "ClassName",
    "Run",
    "RunError",
    "check_comparable",
    "check_unlocked",
    "check_weights",
    "commit",
    "describe_best",
    "describe_origin",
    "find_contradiction",
    "find_finished",
    "find_resumable",
    "find_run",
    "find_several",
    "find_stopped",
    "label",
    "locked",
    "name_comparison",
    "name_run",
    "open_file",
    "open_run",
    "read_arrays",
    "read_history",
    "read_model",
    "remove_leftovers",
    "settle",
    "write_atomically",
    "write_history",
]
