"""Training runs on disk: their names, their files, and finding them.

    trained_model/<run>/
        run.json       command, flags, dataset, versions, checksums, progress and best epoch
        history.csv    one row per epoch
        best.keras     the model after the epoch with the lowest validation loss
        model.keras    the model after the last epoch
        checkpoint.npz everything that --resume needs to continue exactly
        previous.npz   the checkpoint before it, for --resume --resume_from previous
        skipped_images.txt  with --skip_bad_images: the files that were left out, and why
        snapshots/     with --snapshot_every: images drawn during training, and their animation
        logs/          for TensorBoard

Any of these files may come from a stranger: they are read as data, within bounds, and nothing
in them is executed. No module here imports TensorFlow.
"""

from runs.archive import ArchiveError, read_arrays
from runs.commit import commit, open_file, settle
from runs.files import open_regular, remove_leftovers, replace_folder, write_atomically
from runs.history import COLUMNS, read_history, write_history
from runs.lock import check_unlocked, locked
from runs.model_file import check_config, check_weights, read_model
from runs.naming import as_word, format_value, name_run, normalize
from runs.origin import describe_origin
from runs.record import BIT_FOR_BIT, UP_TO_ROUNDING
from runs.run import (
    CHECKPOINT,
    CHECKPOINTS,
    HISTORY,
    Run,
    RunError,
    describe_best,
    make_printable,
    result_name,
)
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
    "Run",
    "RunError",
    "as_word",
    "check_comparable",
    "check_config",
    "check_unlocked",
    "check_weights",
    "commit",
    "describe_best",
    "describe_origin",
    "find_finished",
    "find_resumable",
    "find_run",
    "find_several",
    "find_stopped",
    "format_value",
    "label",
    "locked",
    "make_printable",
    "name_comparison",
    "name_run",
    "normalize",
    "open_file",
    "open_regular",
    "open_run",
    "read_arrays",
    "read_history",
    "read_model",
    "remove_leftovers",
    "replace_folder",
    "result_name",
    "settle",
    "write_atomically",
    "write_history",
]
