"""Evaluations: a flag of evaluate.py and a module in ``evaluation/`` for each."""

from __future__ import annotations

from typing import NamedTuple

from catalog.datasets import DATASETS
from catalog.exports import FORMATS
from catalog.flags import Flag, describe
from catalog.training import DATA_DIR, NAME, SEED
from catalog.values import (
    CLASS,
    COUNT,
    PATH,
    RUN_NAMES,
    Boolean,
    Choice,
    Number,
    Pairs,
    Paths,
    Several,
    Value,
)


class Evaluation(NamedTuple):
    """Something drawn or measured.

    Attributes:
        description: what it draws or measures.
        type: of its flag.
        flags: that it reads, in addition to those that every evaluation reads.
        needs_model: whether it needs TensorFlow.
        needs_images: whether it needs the images of the run's dataset.
        in_all: whether ``--all`` includes it.
        checks: whether its module has a function ``check``, called before TensorFlow is imported.
        then: the evaluation that shows its numbers, which follows all that ask for it.
        is_common: whether ``--help`` lists it.
    """

    description: str
    type: Value = Boolean()
    flags: tuple[Flag, ...] = ()
    needs_model: bool = True
    needs_images: bool = True
    in_all: bool = True
    checks: bool = False
    then: str = ""
    is_common: bool = True


_NUM_GEN = Flag("num_gen", COUNT, 50, "images to draw", group="settings", is_common=True)
_NUM_POINTS = Flag(
    "num_points",
    Number(int, 10),
    10_000,
    "images in a latent map",
    group="settings",
)
_SPLIT = Flag(
    "split",
    Choice(("test", "validation")),
    "test",
    "images to measure; choose settings by the validation images of the run",
    group="settings",
)
_FEATURES = Flag(
    "features",
    Choice(("mean", "sample")),
    "mean",
    "features of an image: its posterior mean, or one sample of its posterior",
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
    _FEATURES,
)
_OOD_DATASET = Flag(
    "ood_dataset",
    Choice(tuple(DATASETS)),
    None,
    "additional out-of-distribution dataset of the same image shape",
    group="settings",
)
_QUANTIZE = Flag(
    "quantize",
    Boolean(),
    False,
    "16-bit weights in tflite files, which halves them; outputs differ by about 0.001",
    group="settings",
)

# Size of the texts in figures, relative to that on paper: in a talk, 7 points become 11.
FIGURE_STYLES = {"paper": 1.0, "talk": 1.6}

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
    "export": Evaluation(
        "encoder, decoder and model for use without this program, in these formats: "
        + describe(FORMATS),
        Several(Choice(tuple(FORMATS))),
        (_QUANTIZE,),
        needs_images=False,
        in_all=False,
        checks=True,
    ),
    "report": Evaluation(
        "the run as a page for the browser: its latent space, its networks and its numbers; with "
        "--compare, one page of all its runs",
        flags=(_NUM_POINTS,),
        in_all=False,
    ),
    "latent": Evaluation(
        "posterior means of test and training images, by class", flags=(_NUM_POINTS,)
    ),
    "manifold": Evaluation("images decoded over the plane of two latent dimensions", checks=True),
    "traverse": Evaluation(
        "images decoded along each latent dimension, the most informative first"
    ),
    "interpolate": Evaluation(
        "images decoded between two test images, given by number, or two image files",
        Pairs(),
        in_all=False,
        checks=True,
    ),
    "encode": Evaluation(
        "z of image files with commas between them, of a folder of images, or of an .npz or .npy "
        "file of images: encoded.npz and encoded.csv",
        Paths(PATH),
        needs_images=False,
        in_all=False,
        checks=True,
    ),
    "decode": Evaluation(
        "images decoded from z, (num, latent_dim), an .npy file or the array z or z_mean of an "
        ".npz file: a folder of PNG files",
        PATH,
        (_NUM_GEN,),
        needs_images=False,
        in_all=False,
        checks=True,
        is_common=False,
    ),
    "curves": Evaluation(
        "losses over epochs, training and validation", needs_model=False, needs_images=False
    ),
    "metrics": Evaluation(
        "ELBO, KL by dimension, active units, accuracy: a table and JSON", flags=(_SPLIT,)
    ),
    "nll": Evaluation(
        "−log p(x) of each image by importance sampling, with this many samples of z per "
        "image, such as 5000; takes minutes to hours",
        COUNT,
        (_SPLIT,),
        in_all=False,
        checks=True,
        then="metrics",
    ),
    "quality": Evaluation(
        "samples of the prior compared with test images, in features of a classifier: Fréchet "
        "distance, precision, recall, density, coverage; takes a minute",
        in_all=False,
        checks=True,
        then="metrics",
        is_common=False,
    ),
    "classify": Evaluation(
        "accuracy with few labels: SVM and nearest neighbors on z, SVM on pixels; takes minutes",
        flags=_CLASSIFY,
        in_all=False,
        checks=True,
    ),
    "disentanglement": Evaluation(
        "how well single latent dimensions represent the known factors of the images: mutual "
        "information gap, DCI and FactorVAE score",
        flags=(_FEATURES,),
        in_all=False,
        checks=True,
        is_common=False,
    ),
    "ood": Evaluation(
        "how well the loss detects out-of-distribution images: samples, noise, --ood_dataset",
        flags=(_OOD_DATASET,),
        checks=True,
    ),
}


def _flag_of(name: str, row: Evaluation) -> Flag:
    """Returns the flag that requests an evaluation."""
    default = False if isinstance(row.type, Boolean) else None
    text = row.description + ("" if row.in_all else "; not in --all")
    return Flag(name, row.type, default, text, group="results", is_common=row.is_common)


_ALL = Flag(
    "all",
    Boolean(),
    False,
    "all evaluations that apply, except those marked «not in --all»",
    group="results",
    is_common=True,
)
_COMPARE = Flag(
    "compare",
    RUN_NAMES,
    None,
    "compare runs: names in trained_model/, or patterns such as 'mnist_vae_*', with commas "
    "between them",
    group="results",
    is_common=True,
)
_RUN = (
    NAME._replace(group="run"),
    Flag(
        "saved_path",
        PATH,
        None,
        "folder of a run, or a .keras file in it",
        group="run",
        is_common=True,
    ),
    Flag(
        "checkpoint",
        Choice(("best", "last")),
        "best",
        "best: lowest validation loss; last: after the last epoch",
        group="run",
        is_common=True,
    ),
    DATA_DIR._replace(
        help="folder of TFDS datasets (default: the one that the run was trained from)",
        group="run",
    ),
)
_SEED = SEED._replace(
    help="random seed for samples, subsets and t-SNE", abbreviation="", group="settings"
)

# Flag → the evaluations that read it; --seed, --figure_style and those that choose a run are read
# by all.
READERS: dict[str, list[str]] = {}
for _name, _row in EVALUATIONS.items():
    for _flag in _row.flags:
        READERS.setdefault(_flag.name, []).append(_name)

_FIGURE_STYLE = Flag(
    "figure_style",
    Choice(tuple(FIGURE_STYLES)),
    "paper",
    "size of all figures' texts: for paper, or for the slides of a talk, at least 11 points",
    group="settings",
)

# All flags of evaluate.py except those of train.py, by which a run is chosen.
FLAGS: tuple[Flag, ...] = (
    *(_flag_of(name, row) for name, row in EVALUATIONS.items()),
    _ALL,
    _COMPARE,
    *_RUN,
    *{flag.name: flag for row in EVALUATIONS.values() for flag in row.flags}.values(),
    _FIGURE_STYLE,
    _SEED,
)
