"""Networks, likelihoods, priors, objectives, and the models made of them.

Importing this package registers every class with Keras, so that

    import keras, models
    vae = keras.saving.load_model("trained_model/<run>/best.keras")

opens a trained model.
"""

import importlib

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"models needs Keras on TensorFlow, found it on {keras.backend.backend()}: "
        "set the environment variable KERAS_BACKEND=tensorflow"
    )

from catalog.likelihoods import LIKELIHOODS
from catalog.models import MODELS
from catalog.networks import NETWORKS
from catalog.objectives import OBJECTIVES
from catalog.priors import PRIORS
from models import (
    functional,
    likelihoods,
    networks,
    noise,
    objectives,
    priors,
    replicas,
    schedules,
)
from models.autoencoder import Autoencoder
from models.build import build
from models.classifier_vae import ClassifierVAE
from models.compilation import CompilationError, CompiledFunction
from models.distributions import DiagonalGaussian
from models.hierarchical_vae import HierarchicalVAE
from models.networks import NetworkError
from models.networks.classifier import Classifier
from models.networks.mlp import Decoder, Encoder
from models.optimizers import Adam, LossScaleOptimizer
from models.terms import Terms
from models.vae import VAE

# Keras opens a file only if the modules of all its classes have been imported.
for _module in (
    *MODELS,
    *(f"networks.{row.module}" for row in NETWORKS.values()),
    *(f"likelihoods.{name}" for name in LIKELIHOODS),
    *(f"priors.{name}" for name in PRIORS),
    *(f"objectives.{name}" for name in OBJECTIVES),
):
    importlib.import_module(f"models.{_module}")

__all__ = [
    "VAE",
    "Adam",
    "Autoencoder",
    "Classifier",
    "ClassifierVAE",
    "CompilationError",
    "CompiledFunction",
    "Decoder",
    "DiagonalGaussian",
    "Encoder",
    "HierarchicalVAE",
    "LossScaleOptimizer",
    "NetworkError",
    "Terms",
    "build",
    "functional",
    "likelihoods",
    "networks",
    "noise",
    "objectives",
    "priors",
    "replicas",
    "schedules",
]
