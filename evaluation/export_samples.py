"""``--export_samples N``: samples of the prior as PNG files, in one folder per class."""

from __future__ import annotations

from pathlib import Path

from evaluation import png_folder, samples
from evaluation.session import Session

_TABLE = "labels.csv"
_COLUMNS = ("file", "class", "probability")


def check(session: Session) -> None:
    """Raises RequestError for a model without a classifier."""
    samples.check_classifier(session, "export_samples")


def run(session: Session) -> list[Path]:
    """Writes samples/<class>/<number>.png, and samples/labels.csv with one row per image.

    The classifier assigns the classes; the pixels are E[x|z].
    """
    from evaluation import batching

    names = session.check_labels("export_samples")
    count = session.flags["export_samples"]
    z = batching.sample_prior(session, count)
    predicted, probability = samples.predict(session, z)
    print(f"  classes are assigned by {samples.describe_classifier(session)}")
    folders = png_folder.make_names(names, "class", taken=[_TABLE])
    digits = len(str(count - 1))
    rows = [
        (f"{folders[label]}/{i:0{digits}}.png", names[label], f"{value:.6f}")
        for i, (label, value) in enumerate(zip(predicted, probability, strict=True))
    ]
    folder = session.path("samples")
    png_folder.write(session, "export_samples", folder / _TABLE, _COLUMNS, rows, z)
    written = [folder / name for label, name in enumerate(folders) if label in predicted]
    return [*written, folder / _TABLE]
