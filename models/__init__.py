"""The mathematics: networks, likelihoods, priors, objectives, and the models made of them.

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

from models import likelihoods, networks, noise, objectives, priors, schedules
from models.autoencoder import Autoencoder
from models.build import build
from models.classifier_vae import ClassifierVAE
from models.distributions import DiagonalGaussian
from models.networks import NetworkError
from models.networks.classifier import Classifier
from models.networks.mlp import Decoder, Encoder
from models.optimizers import Adam, LossScaleOptimizer
from models.terms import Terms
from models.vae import VAE

__all__ = [
    "VAE",
    "Adam",
    "Autoencoder",
    "Classifier",
    "ClassifierVAE",
    "Decoder",
    "DiagonalGaussian",
    "Encoder",
    "LossScaleOptimizer",
    "NetworkError",
    "Terms",
    "build",
    "likelihoods",
    "networks",
    "noise",
    "objectives",
    "priors",
    "schedules",
]
