"""What ``--model``, ``--network`` and their parts can name, and the flags that each reads.

Importing the package ``models`` imports TensorFlow and registers its classes with Keras,
which is what ``keras.saving.load_model`` needs. The command line must answer without
TensorFlow, so it runs this file by itself (``options.py``). Each model is a module of the
same name with a function ``build``; each network names its module, which has the classes
``Encoder`` and ``Decoder`` and a function ``build`` that makes both; each schedule names its
class in ``models/schedules.py``.
"""

from typing import Any, NamedTuple


class Network(NamedTuple):
    """A kind of encoder and decoder: a module, and the flags that it reads.

    ``defaults`` has all of them; a preset is another name for the same module with other
    defaults.
    """

    module: str
    description: str
    defaults: dict[str, Any]


class Model(NamedTuple):
    """What is trained.

    ``loss`` says in words what is minimised, its fields being flags. ``defaults`` has the
    flags that this model reads and others may not.
    """

    description: str
    loss: str
    defaults: dict[str, Any]


class Likelihood(NamedTuple):
    """What p(x|z) is: the module of its name in ``models/likelihoods``.

    ``nats`` says what its log is; ``defaults`` has the flags that it reads.
    """

    description: str
    nats: str
    defaults: dict[str, Any]


ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu", "prelu", "gelu", "silu")

INITIALIZERS = ("glorot_uniform", "he_normal", "normal")

CLASSIFIER_LOSSES = ("softmax", "sigmoid")


class Schedule(NamedTuple):
    """How β comes to its final value: a class, and its arguments' flags; None must be given."""

    class_name: str
    description: str
    defaults: dict[str, Any]


BETA_SCHEDULES = {
    "constant": Schedule("Constant", "the same at every step", {}),
    "linear": Schedule(
        "Linear",
        "rising from --beta_start to --beta over --beta_steps",
        {"beta_start": 0.0, "beta_steps": None},
    ),
    "cyclical": Schedule(
        "Cyclical",
        "the same rise --beta_cycles times, after each as many steps at --beta",
        {"beta_start": 0.0, "beta_steps": None, "beta_cycles": 4},
    ),
}

_WITH_KL = {"beta": 1.0, "beta_schedule": "constant", "free_bits": 0.0}

MODELS = {
    "vae": Model(
        "variational autoencoder (Kingma and Welling, 2014)",
        "−log p(x|z) + {beta:g} · KL",
        _WITH_KL,
    ),
    "autoencoder": Model(
        "plain autoencoder: the same networks, no noise and no KL",
        "−log p(x|z), z the code",
        {},
    ),
    "classifier_vae": Model(
        "VAE with a classifier on z, for images of which some or all are labelled",
        "−log p(x|z) + {beta:g} · KL − {classifier_weight:g} · log p(y|z)",
        {
            **_WITH_KL,
            "num_labels": None,
            "classifier_weight": 12.0,
            "classifier_dims": "3,6",
            "classifier_loss": "softmax",
        },
    ),
}

_DENSITY = "a density, not to be compared with the nats of a Bernoulli"
LIKELIHOODS = {
    "bernoulli": Likelihood(
        "black or white; grey pixels are the probability of white", "a probability", {}
    ),
    "gaussian": Likelihood(
        "squared error: normal noise of a fixed size", _DENSITY, {"pixel_stddev": 0.5**0.5}
    ),
    "gaussian_learned": Likelihood(
        "squared error: normal noise of a learned size, the same for all pixels", _DENSITY, {}
    ),
    "gaussian_per_pixel": Likelihood(
        "squared error: normal noise, its size for each pixel from the decoder", _DENSITY, {}
    ),
    "continuous_bernoulli": Likelihood("greys between black and white", _DENSITY, {}),
}

NETWORKS = {
    "mlp": Network(
        "mlp",
        "fully connected hidden layers",
        {"hidden_dim": "500", "activation": "tanh", "dropout": 0.0},
    ),
    "conv": Network(
        "conv",
        "convolutions, and their mirror image",
        {
            "filters": "32,64",
            "kernel_sizes": "3",
            "strides": "2",
            "paddings": "same",
            "decoder_dims": "none",
            "decoder_strides": "none",
            "activation": "relu",
            "dropout": 0.0,
        },
    ),
    "conv_prelu": Network(
        "conv",
        "three convolutions with PReLU on padded images (28 → 18 → 11 → 7)",
        {
            "filters": "22,43,64",
            "kernel_sizes": "2,2,5",
            "strides": "2,2,1",
            "paddings": "4,2,0",
            "decoder_dims": "none",
            "decoder_strides": "none",
            "activation": "prelu",
            "dropout": 0.0,
        },
    ),
    "conv_leaky": Network(
        "conv",
        "three convolutions with leaky ReLU and dropout; the decoder begins and ends dense",
        {
            "filters": "64,64,64",
            "kernel_sizes": "4",
            "strides": "2,2,1",
            "paddings": "same",
            "decoder_dims": "24,49",
            "decoder_strides": "2,1,1",
            "activation": "leaky_relu",
            "dropout": 0.2,
        },
    ),
}
