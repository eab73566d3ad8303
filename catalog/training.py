"""Flags of training that belong to no part of a model."""

from __future__ import annotations

from catalog.flags import Flag
from catalog.values import (
    COUNT,
    PATH,
    RUN_NAME,
    SIZE,
    Auto,
    Boolean,
    Choice,
    Levels,
    Number,
    Spacing,
    Sweep,
)

INITIALIZERS = ("glorot_uniform", "he_normal", "normal")

# ------------------------------------------------------- what determines a run's result

LATENT_DIM = Flag(
    "latent_dim",
    Levels(SIZE),
    10,
    "dimensions of z, or of each level of a hierarchy, the one next to the image first",
    is_common=True,
)
DATA = (
    Flag(
        "num_validation",
        COUNT,
        None,
        "training images held out for validation (default: depends on the dataset)",
        "nv",
        "data",
    ),
    Flag(
        "binarize",
        Choice(("none", "dynamic", "static")),
        "none",
        "none: gray pixels; dynamic, static: black or white pixels, drawn with the gray value as "
        "the probability of white, at every step or once",
        "bin-",
        "data",
        is_common=True,
    ),
)
INITIALIZATION = (
    Flag("initializer", Choice(INITIALIZERS), "glorot_uniform", "kernel initializer", "init-"),
    Flag(
        "init_stddev",
        Number(float, 0, above=True),
        0.001,
        "standard deviation of initial kernels",
        "std",
        only=("initializer", "normal"),
    ),
)
REGULARIZATION = (
    Flag(
        "l2",
        Number(float, 0),
        0.0,
        "weight of ½·‖w‖² (biases, too), added by the optimizer; no metric includes it",
        "l2-",
    ),
    Flag(
        "corruption",
        Number(float, 0, 1),
        0.0,
        "fraction of the encoder's input pixels drawn black or white in training (denoising)",
        "corr",
    ),
)
OPTIMIZATION = (
    Flag(
        "learning_rate",
        Number(float, 0, above=True),
        1e-3,
        "Adam's learning rate",
        "lr",
        "training",
        is_common=True,
    ),
    Flag(
        "learning_rate_schedule",
        Choice(("constant", "cosine", "steps")),
        "constant",
        "cosine: falls to 0 at the last step; steps: falls in seven steps to a tenth, each three "
        "times as long as the one before (Burda et al., 2016). Such a run cannot be extended",
        "lr-",
        "training",
    ),
    Flag("batch_size", COUNT, 100, "images per training step", "b", "training", is_common=True),
    Flag(
        "num_epochs", COUNT, 50, "passes over the training images", "", "training", is_common=True
    ),
    Flag(
        "patience",
        COUNT,
        None,
        "epochs without a lower validation loss after which training ends (default: never)",
        "pat",
        "training",
    ),
    Flag(
        "ema",
        Number(float, 0, 0.999999),
        0.0,
        "decay per step of a moving average of the weights, which is validated and saved; 0: none",
        "ema",
        "training",
    ),
    Flag(
        "clip_norm",
        Number(float, 0, above=True),
        None,
        "norm to which larger gradients are scaled down, over all weights (default: none)",
        "clip",
        "training",
    ),
    Flag(
        "precision",
        Choice(("float32", "mixed_bfloat16", "mixed_float16")),
        "float32",
        "arithmetic of the networks; likelihood and KL are always computed in float32",
        "p-",
        "training",
    ),
)
SEED = Flag(
    "seed",
    Number(int, 0, 2**31 - 1),
    0,
    "random seed for initial weights, shuffling and noise",
    "s",
    "training",
    is_common=True,
)
STREAM = Flag(
    "stream",
    Auto(),
    None,
    "read training images from disk in every epoch; auto: if they would take more than a quarter "
    "of the available memory. Changes their order, and so the result",
    "stream",
    "data",
)

# ------------------------------------------------------------ what does not change the result

DATA_DIR = Flag(
    "data_dir",
    PATH,
    None,
    "folder of TFDS datasets (default: TFDS_DATA_DIR, else TFDS's own)",
    group="data",
    is_common=True,
)
NAME = Flag("run_name", RUN_NAME, None, "folder in trained_model/", group="output", is_common=True)
OUTPUT = (
    NAME,
    Flag(
        "overwrite",
        Boolean(),
        False,
        "replace a run of the same name",
        group="output",
        is_common=True,
    ),
)
RUNNING = (
    Flag(
        "resume",
        Boolean(),
        False,
        "continue the unfinished run of these flags from its last checkpoint",
        group="running",
        is_common=True,
    ),
    Flag(
        "resume_from",
        Choice(("last", "previous")),
        "last",
        "checkpoint to resume from; previous: the one before the last, if that is damaged",
        group="running",
    ),
    Flag(
        "checkpoint_minutes",
        Number(float, 0),
        1.0,
        "minutes between checkpoints; one is also written after the first epoch, after the last, "
        "and before stopping at a signal",
        group="running",
    ),
    Flag(
        "snapshot_every",
        Spacing(int, 1, 10**9),
        None,
        "steps between pictures of reconstructions and samples, which become an animation; log: "
        "after 1, 2, 3, 4, 6, 8, 11, 16 … steps; always also before the first and after the last",
        group="running",
    ),
    Flag(
        "tensorboard",
        Boolean(),
        True,
        "write logs for TensorBoard",
        group="output",
    ),
    Flag(
        "steps_per_execution",
        COUNT,
        None,
        "steps per compiled call (default: chosen so that a call takes about 0.5 s)",
        group="running",
    ),
    Flag(
        "verbose",
        Number(int, 0, 2),
        None,
        "0: print nothing for an epoch; 1: a row that is updated during the epoch; 2: a row after "
        "it (default: 1 in a terminal, 2 in a file)",
        group="running",
    ),
    Flag(
        "jit_compile",
        Auto(),
        None,
        "compile the steps with XLA; auto: where it is faster",
        group="running",
    ),
    Flag(
        "deterministic",
        Boolean(),
        False,
        "results repeat bit for bit; slower for convolutions",
        group="running",
        is_common=True,
    ),
    Flag(
        "strategy",
        Choice(("none", "mirrored", "multi_worker")),
        "none",
        "tf.distribute strategy: none, mirrored (GPUs of this machine), multi_worker (machines in "
        "TF_CONFIG)",
        group="running",
    ),
    Flag(
        "num_replicas",
        Number(int, 1, 1024),
        None,
        "GPUs to use (default: all), or parts of the CPU if the machine has no GPU (default: 2)",
        group="running",
        only=("strategy", "mirrored"),
    ),
)
SWEEP = Flag(
    "sweep",
    Sweep(),
    None,
    "train one run for each value of a flag, such as latent_dim=2,4,8; finished runs are skipped",
    group="running",
    is_common=True,
)
