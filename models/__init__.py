"""The mathematics: networks, likelihoods, priors, and the models made of them.

Importing this package registers every class with Keras, so that

    import keras, models
    vae = keras.saving.load_model("trained_model/<run>/best.keras")

opens a trained model.
"""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"models needs Keras on TensorFlow, found it on {keras.backend.backend()}: "
        "set the environment variable KERAS_BACKEND=tensorflow"
    )

from models import activations, conv, convolutions, initializers, likelihoods, schedules, table
from models.autoencoder import Autoencoder
from models.build import build
from models.classifier import Classifier
from models.classifier_vae import ClassifierVAE
from models.corruption import Corruption
from models.dropout import Dropout
from models.likelihoods import Bernoulli
from models.loss_scale import LossScaleOptimizer
from models.mlp import Decoder, Encoder, HiddenLayer
from models.objectives import Objective
from models.priors import StandardNormal
from models.sampling import GaussianSampling
from models.vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "Bernoulli",
    "Classifier",
    "ClassifierVAE",
    "Corruption",
    "Decoder",
    "Dropout",
    "Encoder",
    "GaussianSampling",
    "HiddenLayer",
    "LossScaleOptimizer",
    "Objective",
    "StandardNormal",
    "activations",
    "build",
    "conv",
    "convolutions",
    "initializers",
    "likelihoods",
    "schedules",
    "table",
]
