"""Reading of command lines: both scripts' flags, help, one-line errors, and names of runs.

The flags come from ``catalog``; no code here is specific to one part of a model. TensorFlow is
not imported, so that mistakes are reported at once.
"""

from pathlib import Path

from cli.evaluate_flags import EVALUATE_FLAGS, parse_evaluate
from cli.parsing import UsageError
from cli.recorded import check_recorded, read_record, reader_of
from cli.scripts import on_one_line, run_script
from cli.train_flags import (
    TRAIN_FLAGS,
    Member,
    execution,
    given,
    parse_each,
    parse_train,
    run_name,
    settings,
)

ROOT = Path(__file__).resolve().parents[1]
TRAINED_MODEL_DIR = ROOT / "trained_model"
RESULT_DIR = ROOT / "result"

__all__ = [
    "EVALUATE_FLAGS",
    "RESULT_DIR",
    "ROOT",
    "TRAINED_MODEL_DIR",
    "TRAIN_FLAGS",
    "Member",
    "UsageError",
    "check_recorded",
    "execution",
    "given",
    "on_one_line",
    "parse_each",
    "parse_evaluate",
    "parse_train",
    "read_record",
    "reader_of",
    "run_name",
    "run_script",
    "settings",
]
