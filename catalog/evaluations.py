"""Evaluations: a flag of evaluate.py and a module in ``evaluation/`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.flags import Flag
from catalog.values import CLASS, COUNT, Boolean, Choice, Number, Several, Value


class Evaluation(NamedTuple):
    """Something drawn or measured.

    Attributes:
        description: in words.
        type: of its flag.
        flags: that it reads, in addition to those that every evaluation reads.
        needs_model: whether it needs TensorFlow.
        in_all: whether ``--all`` includes it.
        checks: whether its module has a function ``check``, called before TensorFlow is imported.
        is_common: whether ``--help`` lists it.
    """

    description: str
    type: Value = Boolean()
    flags: tuple[Flag, ...] = ()
    needs_model: bool = True
    in_all: bool = True
    checks: bool = False
    is_common: bool = True


_NUM_GEN = Flag("num_gen", COUNT, 50, "images to draw", group="settings", is_common=True)
_NUM_POINTS = Flag(
    "num_points",
    Number(int, 10),
    10_000,
    "images in a latent map; t-SNE of 10,000 takes a minute",
    group="settings",
)
_CLASSIFY = (
    Flag(
        "label_counts",
        Several(COUNT),
        (100, 600, 1000, 3000),
        "numbers of labeled images, equally many per class, drawn from the training images",
        group="settings",
    ),
    Flag("num_trials", Number(int, 1, 1000), 5, "subsets of each size", group="settings"),
    Flag(
        "features",
        Choice(("mean", "sample")),
        "mean",
        "what represents an image: its posterior mean, or one sample of its posterior",
        group="settings",
    ),
)
_OOD_DATASET = Flag(
    "ood_dataset",
    Choice(("mnist", "fashion_mnist", "digits")),
    None,
    "additional out-of-distribution dataset of the same image shape",
    group="settings",
)

EVALUATIONS = {
    "reconstruct": Evaluation(
        "test images beside their reconstructions, and the latent map",
        flags=(_NUM_GEN, _NUM_POINTS),
    ),
    "generate": Evaluation("images decoded from samples of the prior", flags=(_NUM_GEN,)),
    "generate_class": Evaluation(
        "samples of the prior that the classifier assigns to a class, given by name or number",
        CLASS,
        (_NUM_GEN,),
        in_all=False,
        checks=True,
        is_common=False,
    ),
    "export_samples": Evaluation(
        "this many samples of the prior as PNG files, one folder per class that the classifier "
        "assigns",
        COUNT,
        in_all=False,
        checks=True,
        is_common=False,
    ),
    "latent": Evaluation(
        "posterior means of test and training images, by class", flags=(_NUM_POINTS,)
    ),
    "manifold": Evaluation("images decoded over the plane of two latent dimensions"),
    "curves": Evaluation("losses over epochs, training and validation", needs_model=False),
    "metrics": Evaluation("ELBO, KL by dimension, active units, accuracy: a table and JSON"),
    "classify": Evaluation(
        "accuracy with few labels: SVM and nearest neighbors on z, SVM on pixels; takes minutes",
        flags=_CLASSIFY,
        in_all=False,
        checks=True,
    ),
    "ood": Evaluation(
        "how well the loss detects images from elsewhere: samples, noise, --ood_dataset",
        flags=(_OOD_DATASET,),
        checks=True,
    ),
}
