"""What is measured and drawn of a trained run: the table of ``evaluate.py``'s flags.

Each entry is a module of the same name with one function,

    run(context) -> list of the files written

and, where flags may ask for what a run cannot give, ``check(context)``, called before
TensorFlow is imported, which raises ``RequestError``. This file imports no TensorFlow. A new
evaluation is a new module and a line here.
"""

from typing import NamedTuple


class Evaluation(NamedTuple):
    """One flag of evaluate.py."""

    description: str
    needs_model: bool = True  # otherwise it is done without importing TensorFlow
    in_all: bool = True  # whether --all means it too
    takes: str = ""  # what its flag takes: nothing but 1 or 0, a "count", or a "class"
    checks: bool = False  # whether it has a check; its module then imports without TensorFlow


class RequestError(Exception):
    """An evaluation is asked for what this run cannot give; the message is one line."""


EVALUATIONS = {
    "reconstruct": Evaluation("test images beside their reconstructions, and the latent map"),
    "generate": Evaluation("images decoded from samples of the prior"),
    "generate_class": Evaluation(
        "samples of the prior that the classifier takes for a class, by its name or number",
        in_all=False,
        takes="class",
        checks=True,
    ),
    "export_samples": Evaluation(
        "so many samples of the prior as PNG files, in one folder for each class that the "
        "classifier takes them for",
        in_all=False,
        takes="count",
        checks=True,
    ),
    "latent": Evaluation("posterior means of test and training images, by class"),
    "manifold": Evaluation("images decoded over the plane of two latent dimensions"),
    "curves": Evaluation("losses over epochs, training and validation", needs_model=False),
    "metrics": Evaluation("ELBO, KL of each dimension, active units, accuracy: a table and JSON"),
    "classify": Evaluation(
        "accuracy with few labels: SVM and nearest neighbours on z, SVM on pixels; not part of "
        "--all, for it trains thousands of SVMs, minutes of work",
        in_all=False,
        checks=True,
    ),
    "ood": Evaluation(
        "the loss as a detector of images that do not belong: samples, noise, --ood_dataset",
        checks=True,
    ),
}
