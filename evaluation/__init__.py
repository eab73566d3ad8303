"""What is measured and drawn of a trained run: the table of ``evaluate.py``'s flags.

Each entry is a module of the same name with one function,

    run(context) -> list of the files written

This file imports no TensorFlow. A new evaluation is a new module and a line here.
"""

from typing import NamedTuple


class Evaluation(NamedTuple):
    """One flag of evaluate.py."""

    description: str
    needs_model: bool = True  # otherwise it is done without importing TensorFlow


EVALUATIONS = {
    "reconstruct": Evaluation("test images beside their reconstructions, and the latent map"),
    "generate": Evaluation("images decoded from samples of the prior"),
    "latent": Evaluation("posterior means of test and training images, by class"),
    "manifold": Evaluation("images decoded over the plane of two latent dimensions"),
    "curves": Evaluation("losses over epochs, training and validation", needs_model=False),
    "metrics": Evaluation("ELBO, KL of each dimension, active units, errors: a table and JSON"),
}
